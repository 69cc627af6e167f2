//! Every stable code has its page in docs/errors, and every page its code.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The parts of every page, in this order.
const PARTS: [&str; 4] = ["**What happened.**", "**Why.**", "**What to do.**", "**Data.**"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn collect_files(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_files(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

/// The string literals of a source. Each line is split separately, because a quote within a literal shifts the pairs of its
/// line.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"'))
}

fn is_upper(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
}

fn codes() -> BTreeSet<String> {
    let mut sources = Vec::new();
    for krate in std::fs::read_dir(root().join("crates")).unwrap() {
        collect_files(&krate.unwrap().path().join("src"), &mut sources);
    }
    // The simulation invents failures.
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.retain(|path| !path.components().any(|part| part.as_os_str() == "sim"));
    let mut codes = BTreeSet::new();
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        let own =
            |code: &&str| code.strip_prefix("SB-").is_some_and(|rest| !rest.is_empty() && is_upper(rest));
        codes.extend(literals(&text).filter(own).map(str::to_owned));
    }
    codes
}

fn pages() -> BTreeSet<String> {
    let mut paths = Vec::new();
    collect_files(&root().join("docs/errors"), &mut paths);
    let name =
        |path: PathBuf| path.file_name().unwrap().to_str().unwrap().strip_suffix(".md").unwrap().to_owned();
    paths.into_iter().map(name).filter(|name| name != "README").collect()
}

#[test]
fn every_code_has_a_page_and_every_page_has_a_code() {
    let (codes, pages) = (codes(), pages());
    assert!(codes.contains("SB-CONFIG-UNREADABLE") && codes.contains("SB-SPANNER-REJECTED"), "{codes:?}");
    let missing: Vec<_> = codes.difference(&pages).collect();
    let orphaned: Vec<_> = pages.difference(&codes).collect();
    assert!(
        missing.is_empty() && orphaned.is_empty(),
        "docs/errors lacks pages for {missing:?}; no source has the codes of {orphaned:?}"
    );
}

#[test]
fn every_page_has_all_parts_in_order() {
    for code in pages() {
        let text = std::fs::read_to_string(root().join(format!("docs/errors/{code}.md"))).unwrap();
        assert!(text.starts_with(&format!("# {code}: ")), "{code}");
        let places: Vec<_> = PARTS.iter().map(|part| text.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{code}: {places:?}");
    }
}

#[test]
fn the_index_lists_every_page_once() {
    let index = std::fs::read_to_string(root().join("docs/errors/README.md")).unwrap();
    for code in pages() {
        assert_eq!(index.matches(&format!("| [{code}]({code}.md) |")).count(), 1, "{code}");
    }
}
