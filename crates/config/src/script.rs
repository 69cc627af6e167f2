use std::path::Path;

use crate::error::{Error, Kind, Mistake};
use crate::source::Source;
use crate::text::read_bounded;
use crate::{LARGEST, Span};

/// A file that a command reads besides the configuration, such as DDL. Mistakes in it are shown as the configuration's.
#[derive(Debug, Clone)]
pub struct Script {
    source: Source,
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is larger than 1 MiB or not UTF-8.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let unreadable = |problem: String| {
            let source = Source::new(&name, String::new());
            let mistake = Mistake::new(&source, Kind::Unreadable, Span::default(), problem);
            Error::from(mistake.help("give a readable file of UTF-8 text, of at most 1 MiB"))
        };
        let bytes = read_bounded(path, LARGEST as u64)
            .map_err(|problem| unreadable(format!("cannot read the file: {problem}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { source: Source::new(&name, text) }),
            Err(_) => Err(unreadable("the file is not UTF-8".to_owned())),
        }
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// What it holds.
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// Line and column (in characters) of the span's start, both from 1.
    pub fn position(&self, span: Span) -> (usize, usize) {
        self.source.position(span)
    }

    /// A mistake in it; see [`Config::error_at`](crate::Config::error_at).
    pub fn error_at(
        &self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        Mistake::new(&self.source, Kind::Service(code), span, message).help(help).into()
    }
}
