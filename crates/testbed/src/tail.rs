use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const BYTES: u64 = 8 * 1024;
const LINES: usize = 25;

/// The last lines of a process's log from `begin` on; nothing when it cannot be read.
pub fn tail(log: &Path, begin: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(begin.max(length.saturating_sub(BYTES))))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_end_and_of_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let before = "of the one before\n";
        let lines: String = (1..=100).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&log, format!("{before}{lines}")).unwrap();
        let tail = tail(&log, before.len() as u64);
        assert_eq!(tail.lines().count(), LINES);
        assert!(tail.ends_with("line 100"));
        assert_eq!(super::tail(&log, (before.len() + lines.len()) as u64), "");
        assert_eq!(super::tail(Path::new("/nowhere"), 0), "");
    }
}
