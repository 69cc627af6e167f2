use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const MAX_BYTES: u64 = 8 * 1024;
const MAX_LINES: usize = 25;

/// Returns the last lines of a process's log, from byte `start` on, or an empty text when the log cannot be read.
pub(crate) fn log_tail(log: &Path, start: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(MAX_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(MAX_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_has_the_last_lines_of_this_process_only() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let before = "of the previous process\n";
        let lines: String = (1..=100).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&log, format!("{before}{lines}")).unwrap();
        let tail = log_tail(&log, before.len() as u64);
        assert_eq!(tail.lines().count(), MAX_LINES);
        assert!(tail.ends_with("line 100"));
        assert_eq!(log_tail(&log, (before.len() + lines.len()) as u64), "");
        assert_eq!(log_tail(Path::new("/nowhere"), 0), "");
    }
}
