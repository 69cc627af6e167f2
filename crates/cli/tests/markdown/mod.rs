//! A Markdown page as far as the tests need it: links, anchors, shell commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    /// All pages of the repository.
    pub(crate) fn all(root: &Path) -> Vec<Self> {
        let (mut folders, mut pages) = (vec![root.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && name != "target" && !name.starts_with('.') {
                    folders.push(path);
                } else if name.ends_with(".md") {
                    pages.push(Self::read(path));
                }
            }
        }
        pages
    }

    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        Self { path, text }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The lines outside of fenced blocks.
    fn prose(&self) -> String {
        let mut is_fenced = false;
        let lines = self.text.lines().filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_fenced ^= is_fence;
            !is_fenced && !is_fence
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The targets of links, without those to other sites.
    pub(crate) fn links(&self) -> Vec<String> {
        let prose = self.prose();
        // Links have no place in code spans.
        let text: String = prose.split('`').step_by(2).collect();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let targets = targets.map(|(target, _)| target.to_owned());
        targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
    }

    /// Follows a link.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub(crate) fn resolve(&self, link: &str) -> Result<(), String> {
        let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
        let target = match file {
            "" => self.path.clone(),
            file => self.path.parent().unwrap().join(file),
        };
        if !target.exists() {
            return Err("no such file".to_owned());
        }
        match anchor {
            Some(anchor) if !Self::read(target).anchors().contains_key(anchor) => {
                Err("no such heading".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The paths of the repository that code spans quote.
    pub(crate) fn quoted_paths(&self) -> Vec<String> {
        const FOLDERS: [&str; 6] = ["crates/", "tests/", "docs/", "examples/", "migrations/", "deploy/"];
        let prose = self.prose();
        let spans = prose.split('`').skip(1).step_by(2);
        let is_path = |span: &&str| {
            FOLDERS.iter().any(|folder| span.starts_with(folder))
                && span.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
        };
        spans.filter(is_path).map(str::to_owned).collect()
    }

    /// The anchors of headings, as GitHub makes them.
    fn anchors(&self) -> BTreeMap<String, usize> {
        let mut anchors = BTreeMap::new();
        let prose = self.prose();
        for heading in prose.lines().filter(|line| line.starts_with('#')) {
            let mut title = heading.trim_start_matches('#').trim().to_lowercase();
            title.retain(|char| char.is_alphanumeric() || " -_".contains(char));
            let anchor = title.replace(' ', "-");
            let count = anchors.entry(anchor.clone()).or_insert(0);
            *count += 1;
            if *count > 1 {
                let numbered = format!("{anchor}-{}", *count - 1);
                anchors.insert(numbered, 1);
            }
        }
        anchors
    }

    /// The arguments of each `spanbridge` command in a shell block.
    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        let mut commands = Vec::new();
        for block in self.text.split("```sh\n").skip(1) {
            let block = block.split("```").next().unwrap().replace("\\\n", " ");
            for line in block.lines() {
                // A command may be part of a line: `address=$(spanbridge …)`.
                let Some(at) = line.find("spanbridge ") else { continue };
                let is_command = line[..at].trim().is_empty() || line[..at].ends_with("$(");
                if !is_command {
                    continue;
                }
                let rest = line[at..].split(['#', '|', '>', '&', ')']).next().unwrap();
                let words = rest.split_whitespace().skip(1).map(|word| word.trim_matches('"').to_owned());
                commands.push(words.collect());
            }
        }
        commands
    }
}
