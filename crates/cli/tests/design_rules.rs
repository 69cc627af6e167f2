//! Every design rule that the code cites is a heading of its page.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below a folder with that extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            files.push(path);
        }
    }
    files
}

/// The comments of a source file as one line of text.
fn comments(source: &str) -> String {
    let comments = source.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
    let words = comments.flat_map(|line| line.trim_start_matches(['/', '!']).split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

/// The rules that a text cites as `"Rule" (docs/design/page.md)` or `"Rule", docs/design/page.md`, with their pages.
/// A page that is named without a rule has none.
fn citations(text: &str) -> Vec<(Option<&str>, &str)> {
    let mut citations = Vec::new();
    for (at, _) in text.match_indices("docs/design/") {
        let page =
            text[at..].split(|c: char| !c.is_ascii_alphanumeric() && !"/-.".contains(c)).next().unwrap();
        let before = text[..at].strip_suffix("\" (").or_else(|| text[..at].strip_suffix("\", "));
        let rule = before.and_then(|before| before.rsplit_once('"')).map(|(_, rule)| rule);
        citations.push((rule, page.trim_end_matches('.')));
    }
    citations
}

#[test]
fn every_cited_rule_is_a_heading_of_its_page() {
    let (mut cited, mut wrong) = (0, Vec::new());
    for folder in ["crates", "tests"] {
        for source in files(&root().join(folder), "rs") {
            if source.file_name() == Path::new(file!()).file_name() {
                continue;
            }
            let text = comments(&std::fs::read_to_string(&source).unwrap());
            for (rule, page) in citations(&text) {
                let found = std::fs::read_to_string(root().join(page)).is_ok_and(|page| {
                    rule.is_none_or(|rule| page.lines().any(|line| line == format!("### {rule}")))
                });
                cited += usize::from(rule.is_some());
                if !found {
                    wrong.push(format!("{}: {page}: {rule:?}", source.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cited > 15, "{cited} citations");
}

#[test]
fn citations_are_found_across_lines() {
    let source = "/// A frontier (\"Frontier\n/// set\", docs/design/a.md).\n//! \"One rule\" (docs/design/b-c.md): docs/design/d.md.";
    let text = comments(source);
    let expected = [
        (Some("Frontier set"), "docs/design/a.md"),
        (Some("One rule"), "docs/design/b-c.md"),
        (None, "docs/design/d.md"),
    ];
    assert_eq!(citations(&text), expected);
}
