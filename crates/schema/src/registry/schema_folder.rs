//! Schemas on disk, for a start while the registry is away.
//!
//! A registry never changes the schema of an id, so that a file is valid for ever. Each registry has a folder of its own,
//! named after its URLs and headers. A file that cannot be read or written is as good as none: the registry has the schema.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::options::RegistryOptions;
use super::schema_text::SchemaText;
use crate::frame::SchemaId;

/// The maximum number of files.
const MAX_FILES: usize = 2_000;
/// The number of files after a cleanup.
const FILES_AFTER_CLEANUP: usize = 1_500;
/// The maximum size of a file, in bytes.
const MAX_FILE_BYTES: usize = 1 << 20;

/// The folder of one registry.
#[derive(Debug)]
pub(super) struct SchemaFolder {
    path: PathBuf,
    has_warned: AtomicBool,
}

impl SchemaFolder {
    /// The folder below `root` that belongs to the registry of these options.
    pub(super) fn new(root: &Path, options: &RegistryOptions) -> Self {
        let mut hash = Sha256::new();
        for url in &options.urls {
            hash.update(url.trim_end_matches('/'));
            hash.update([0]);
        }
        for (name, source) in &options.headers {
            // A header such as `Target-Sr-Cluster` selects the registry.
            let value = source.read();
            hash.update(name);
            hash.update([1]);
            hash.update(value.as_ref().map_or("", |value| value.expose()));
        }
        let name: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: root.join(name), has_warned: AtomicBool::new(false) }
    }

    /// Returns the schema with this id, if the folder has it.
    pub(super) async fn find(&self, id: SchemaId) -> Option<SchemaText> {
        let bytes = tokio::fs::read(self.file(id)).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps a schema, and drops the oldest files if there are too many.
    pub(super) async fn keep(&self, id: SchemaId, text: &SchemaText) {
        let Ok(bytes) = serde_json::to_vec(text) else { return };
        if bytes.len() > MAX_FILE_BYTES {
            return;
        }
        let (folder, file) = (self.path.clone(), self.file(id));
        let written = tokio::task::spawn_blocking(move || write(&folder, &file, &bytes)).await;
        let failure = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.kind().to_string(),
            Err(_) => "the write ended unexpectedly".to_owned(),
        };
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let folder = self.path.display();
            tracing::warn!(%folder, error = failure, "Cannot keep schemas in `cache_dir`; the registry has them");
        }
    }

    fn file(&self, id: SchemaId) -> PathBuf {
        self.path.join(format!("{id}.json"))
    }
}

/// Writes a file so that readers see all of it or nothing.
fn write(folder: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let temporary = file.with_extension(format!("{}.tmp", uuid::Uuid::new_v4()));
    std::fs::write(&temporary, bytes)?;
    std::fs::rename(&temporary, file)?;
    clean_up(folder)
}

/// Removes the oldest files of a folder that has too many.
fn clean_up(folder: &Path) -> std::io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    if files.len() > MAX_FILES {
        files.sort();
        for (_, file) in &files[..files.len() - FILES_AFTER_CLEANUP] {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn folder_keeps_schemas_and_its_size() {
        let root = tempfile::tempdir().unwrap();
        let folder = SchemaFolder::new(root.path(), &RegistryOptions::new("http://a/"));
        let other = SchemaFolder::new(root.path(), &RegistryOptions::new("http://b"));
        let text = SchemaText::new(r#""long""#.to_owned(), None, Vec::new());
        assert!(folder.find(SchemaId::Number(1)).await.is_none());
        folder.keep(SchemaId::Number(1), &text).await;
        assert!(folder.find(SchemaId::Number(1)).await.unwrap().parse("x").is_ok());
        assert!(other.find(SchemaId::Number(1)).await.is_none());
        for id in 2..=MAX_FILES + 1 {
            std::fs::write(folder.path.join(format!("{id}.json")), "{}").unwrap();
        }
        folder.keep(SchemaId::Number(9_999), &text).await;
        assert_eq!(std::fs::read_dir(&folder.path).unwrap().count(), FILES_AFTER_CLEANUP);
        assert!(folder.find(SchemaId::Number(9_999)).await.is_some());
    }

    #[tokio::test]
    async fn unusable_folder_is_as_good_as_none() {
        let folder = SchemaFolder::new(Path::new("/proc/none"), &RegistryOptions::new("http://a"));
        let text = SchemaText::new(r#""long""#.to_owned(), None, Vec::new());
        folder.keep(SchemaId::Number(1), &text).await;
        assert!(folder.find(SchemaId::Number(1)).await.is_none());
    }
}
