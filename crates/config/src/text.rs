//! String values that may come from the environment or a file.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Kind, Mistake};
use crate::read::check::Check;
use crate::source::Source;
use crate::{Located, Span};

/// A referenced file may hold this many bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// A string value: inline, `{ env = "NAME" }` or `{ file = "/absolute/path" }`.
///
/// Neither `Debug` nor `Display` ever show what a reference stands for. A clone costs one reference count.
#[derive(Clone)]
pub struct Text(Arc<Inner>);

struct Inner {
    origin: Origin,
    key: String,
    span: Span,
    source: Source,
    check: Check,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Inline(String),
    Env(String),
    File(String),
}

impl Text {
    pub(crate) fn new(origin: Origin, key: String, span: Span, source: Source, check: Check) -> Self {
        Self(Arc::new(Inner { origin, key, span, source, check }))
    }

    /// The value now: the environment or the file is read again at each call, so that a secret that was
    /// replaced is seen. One newline at the end of a file is dropped.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read (or holds more than 1 MiB), it is not UTF-8, or the
    /// value is not what the key asks for; at the place of the key in the configuration file.
    pub fn resolve(&self) -> Result<String, Error> {
        self.resolve_value().map_err(Error::from)
    }

    /// Where it stands in the configuration file.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// True when a variable or file holds the value.
    pub fn is_reference(&self) -> bool {
        !matches!(self.0.origin, Origin::Inline(_))
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    pub(crate) fn resolve_value(&self) -> Result<String, Mistake> {
        let inner = &*self.0;
        let key = &inner.key;
        let (value, shown) = match &inner.origin {
            Origin::Inline(value) => (value.clone(), format!("`{key}`")),
            Origin::Env(name) => {
                let value = self.read_env(name)?;
                (value, format!("`{key}`, from the environment variable `{name}`,"))
            }
            Origin::File(path) => (self.read_file(path)?, format!("`{key}`, from the file `{path}`,")),
        };
        match (inner.check)(&value) {
            Ok(()) => Ok(value),
            Err(wrong) => {
                let message = format!("{shown} {}", wrong.message);
                Err(Mistake::new(&inner.source, Kind::Value, inner.span, message).help(wrong.help))
            }
        }
    }

    pub(crate) fn resolve_located(&self) -> Result<Located<str>, Mistake> {
        Ok(Located::new(self.resolve_value()?, self.0.span))
    }

    fn read_env(&self, name: &str) -> Result<String, Mistake> {
        std::env::var(name).map_err(|error| {
            let problem = match error {
                std::env::VarError::NotPresent => "is not set",
                std::env::VarError::NotUnicode(_) => "is not UTF-8",
            };
            let message = format!("`{}`: the environment variable `{name}` {problem}", self.0.key);
            self.secret(message).help(format!("set `{name}` in the environment of this process"))
        })
    }

    fn read_file(&self, path: &str) -> Result<String, Mistake> {
        let failed = |problem: String| {
            let message = format!("`{}`: cannot read the file `{path}`: {problem}", self.0.key);
            self.secret(message).help("it must be a readable UTF-8 file of at most 1 MiB")
        };
        let bytes = read_bounded(Path::new(path), LARGEST_FILE).map_err(failed)?;
        let mut value = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
        if value.ends_with('\n') {
            value.pop();
            if value.ends_with('\r') {
                value.pop();
            }
        }
        Ok(value)
    }

    fn secret(&self, message: String) -> Mistake {
        Mistake::new(&self.0.source, Kind::Secret, self.0.span, message)
    }
}

/// Reads a whole regular file of at most `largest` bytes.
pub(crate) fn read_bounded(path: &Path, largest: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= largest) {
        Ok(bytes)
    } else {
        Err(format!("it is larger than {}", crate::unit::show_size(largest)))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.origin {
            Origin::Inline(_) if crate::mask::is_secret(&self.0.key) => f.write_str("***"),
            Origin::Inline(value) => f.write_str(value),
            Origin::Env(name) => write!(f, "{{ env = {name:?} }}"),
            Origin::File(path) => write!(f, "{{ file = {path:?} }}"),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({self})")
    }
}
