//! Files that a command reads besides the configuration.

use std::path::Path;

use crate::error::{Error, ErrorKind, Mistake};
use crate::source_file::SourceFile;
use crate::text::read_bounded;
use crate::{MAX_FILE_BYTES, Span};

/// A file that a command reads besides the configuration, such as DDL. Its mistakes are shown like those of
/// the configuration.
#[derive(Debug, Clone)]
pub struct Script {
    source: SourceFile,
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file cannot be read, is larger than 1 MiB, or is not UTF-8.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let unreadable = |problem: String| {
            let source = SourceFile::new(&name, String::new());
            let mistake = Mistake::new(&source, ErrorKind::Unreadable, Span::default(), problem);
            Error::from(mistake.help("give a readable file of UTF-8 text, of at most 1 MiB"))
        };
        let bytes = read_bounded(path, MAX_FILE_BYTES as u64)
            .map_err(|problem| unreadable(format!("cannot read the file: {problem}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { source: SourceFile::new(&name, text) }),
            Err(_) => Err(unreadable("the file is not UTF-8".to_owned())),
        }
    }

    /// Returns the name of the file.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// Returns line and column (in characters) of the start of `span`, both from 1.
    pub fn position(&self, span: Span) -> (usize, usize) {
        self.source.position(span)
    }

    /// Creates an error at a place of the file; see [`Config::error_at`](crate::Config::error_at).
    pub fn error_at(
        &self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        Mistake::new(&self.source, ErrorKind::Service(code), span, message).help(help).into()
    }
}
