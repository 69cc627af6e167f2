use std::collections::HashMap;

use protox::Error;
use protox::file::{File, FileResolver, GoogleFileResolver};

use crate::registry::Reference;

/// What Confluent's serializers know without a reference, besides `google/protobuf/`.
const KNOWN: [(&str, &str); 6] = [
    ("confluent/meta.proto", include_str!("confluent_meta.proto")),
    ("confluent/type/decimal.proto", include_str!("confluent_decimal.proto")),
    ("google/type/date.proto", include_str!("google_date.proto")),
    ("google/type/timeofday.proto", include_str!("google_timeofday.proto")),
    ("google/type/latlng.proto", include_str!("google_latlng.proto")),
    ("google/type/money.proto", include_str!("google_money.proto")),
];

/// The files of one schema: itself, its references, and those that everybody knows.
pub(super) struct Imports {
    files: HashMap<String, String>,
    google: GoogleFileResolver,
}

impl Imports {
    pub(super) fn new(root: &str, text: &str, references: &[Reference]) -> Self {
        let known = KNOWN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
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
            Some(text) => File::from_source(name, text),
            None => self.google.open_file(name),
        }
    }
}
