//! The files that a .proto text may import: its references and the well-known ones, all in memory.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protox::Error;
use protox::file::{File, FileResolver, GoogleFileResolver};

use crate::reference::SchemaReference;

/// The files that Confluent's serializers know without a reference, besides `google/protobuf/`.
const KNOWN_FILES: [(&str, &str); 6] = [
    ("confluent/meta.proto", include_str!("confluent_meta.proto")),
    ("confluent/type/decimal.proto", include_str!("confluent_decimal.proto")),
    ("google/type/date.proto", include_str!("google_date.proto")),
    ("google/type/timeofday.proto", include_str!("google_timeofday.proto")),
    ("google/type/latlng.proto", include_str!("google_latlng.proto")),
    ("google/type/money.proto", include_str!("google_money.proto")),
];

/// The files of one schema: its own file, its references, and the known files.
pub(super) struct Imports {
    files: HashMap<String, String>,
    google: GoogleFileResolver,
}

impl Imports {
    /// The files of the schema `text`, whose own file is named `root`.
    pub(super) fn new(root: &str, text: &str, references: &[SchemaReference]) -> Self {
        let known = KNOWN_FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let referred = references.iter().map(|reference| (reference.name.clone(), reference.text.clone()));
        let own = [(root.to_owned(), text.to_owned())];
        Self { files: known.chain(referred).chain(own).collect(), google: GoogleFileResolver::new() }
    }
}

impl FileResolver for Imports {
    fn resolve_path(&self, path: &std::path::Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        match self.files.get(name) {
            Some(text) => descriptor(name, text).map_or_else(|| File::from_source(name, text), Ok),
            None => self.google.open_file(name),
        }
    }
}

/// The file, if the text is its descriptor in base64 instead of .proto text.
///
/// Confluent's Python serializer registers that, and some registries return it unchanged.
fn descriptor(name: &str, text: &str) -> Option<File> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    let file = File::decode_file_descriptor_proto(&*bytes).ok()?;
    let mut file = file.file_descriptor_proto().clone();
    file.name = Some(name.to_owned());
    Some(File::from_file_descriptor_proto(file))
}
