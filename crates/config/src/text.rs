//! String values that may come from the environment or a file.
//!
//! A [`Text`] remembers where its value comes from and which rule it must follow. Secrets are always such
//! references. The value itself is read when it is needed, so that a replaced secret takes effect, and is
//! never kept or printed.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Mistake};
use crate::read::rules::ValueRule;
use crate::source_file::SourceFile;
use crate::{Located, Span};

/// The maximum size of a referenced file, in bytes.
const MAX_REFERENCED_BYTES: u64 = 1 << 20;

/// A string value: inline, `{ env = "NAME" }` or `{ file = "/absolute/path" }`.
///
/// `Debug` and `Display` show a reference, never its value. A clone only increments a reference count.
#[derive(Clone)]
pub struct Text(Arc<TextDetails>);

struct TextDetails {
    origin: Origin,
    key: String,
    span: Span,
    source: SourceFile,
    rule: ValueRule,
}

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The file contains the value.
    Inline(String),
    /// The environment variable of this name.
    Env(String),
    /// The file at this absolute path.
    File(String),
}

impl Text {
    pub(crate) fn new(origin: Origin, key: String, span: Span, source: SourceFile, rule: ValueRule) -> Self {
        Self(Arc::new(TextDetails { origin, key, span, source, rule }))
    }

    /// Returns the current value. Each call reads the environment variable or the file, so that replaced
    /// secrets take effect. One newline at the end of a file is removed.
    ///
    /// # Errors
    /// If the variable is not set, the file cannot be read or is larger than 1 MiB, the value is not UTF-8,
    /// or it violates the rule of the key. The error points at the key in the configuration file.
    pub fn resolve(&self) -> Result<String, Error> {
        self.resolve_value().map_err(Error::from)
    }

    /// Returns the place of the value in the configuration file.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Returns whether the value comes from a variable or a file.
    pub fn is_reference(&self) -> bool {
        !matches!(self.0.origin, Origin::Inline(_))
    }

    /// Returns where the value comes from.
    pub(crate) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// Like [`resolve`](Self::resolve), with a single mistake as the error.
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
        match inner.rule.check(&value) {
            Ok(()) => Ok(value),
            Err(violation) => {
                let message = format!("{shown} {}", violation.message);
                Err(Mistake::new(&inner.source, ErrorKind::Value, inner.span, message).help(violation.help))
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
            self.secret(message).help("make it a readable UTF-8 file of at most 1 MiB")
        };
        let bytes = read_bounded(Path::new(path), MAX_REFERENCED_BYTES).map_err(failed)?;
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
        Mistake::new(&self.0.source, ErrorKind::Secret, self.0.span, message)
    }
}

/// Reads a whole file of at most `max_bytes` bytes.
///
/// # Errors
/// The reason as a text, for a message.
pub(crate) fn read_bounded(path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= max_bytes) {
        Ok(bytes)
    } else {
        Err(format!("it is larger than {}", crate::unit::format_size(max_bytes)))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.origin {
            Origin::Inline(_) if crate::secrets::is_secret(&self.0.key) => f.write_str("***"),
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
