//! The whole configuration file: loading, validation, and errors that services find later.
//!
//! [`Config`] holds one field for each section, and the text of the file with secrets hidden, so that errors
//! can show its lines. `cli` loads it once per process; both services get it in their context. It never
//! changes after it is loaded; values by reference are resolved when they are used.

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::error::{Error, ErrorKind, Mistake};
use crate::read::{Reader, Section};
use crate::secrets::hide_secrets;
use crate::source_file::SourceFile;
use crate::text::read_bounded;
use crate::{Ingest, Kafka, Located, Publish, Registry, Span, Spanner, Telemetry, Text, consistency};

/// The maximum size of a configuration file, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 1 << 20;

/// The validated configuration of both services.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[kafka]`: the Kafka cluster. Required.
    pub kafka: Kafka,
    /// `[spanner]`: the Spanner database. Required.
    pub spanner: Spanner,
    /// `[registry]`: the schema registry. Required if a pipeline's format has schemas.
    pub registry: Option<Registry>,
    /// `[telemetry]`: logs, traces and the admin port. Optional.
    pub telemetry: Telemetry,
    /// `[[ingest]]`: the pipelines from Kafka to Spanner, in file order.
    pub ingest: Vec<Ingest>,
    /// `[[publish]]`: the pipelines from Spanner to Kafka, in file order.
    pub publish: Vec<Publish>,
    source: SourceFile,
    /// All values by reference, for [`check_references`](Self::check_references).
    texts: Vec<Text>,
}

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// All mistakes of the file. Also if it cannot be read, is larger than 1 MiB, or is not UTF-8.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes = read_bounded(path, MAX_FILE_BYTES as u64).map_err(|problem| {
            let source = SourceFile::new(&name, String::new());
            let message = format!("cannot read the configuration: {problem}");
            let mistake = Mistake::new(&source, ErrorKind::Unreadable, Span::default(), message);
            Error::from(mistake.help("give a readable file of at most 1 MiB with --config"))
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let source = SourceFile::new(&name, hide_secrets(&String::from_utf8_lossy(error.as_bytes())));
                let span = Span { start: at, end: at + 1 };
                let mistake =
                    Mistake::new(&source, ErrorKind::Unreadable, span, "the file is not UTF-8 here");
                Err(mistake.help("save the file as UTF-8").into())
            }
        }
    }

    /// Validates a text. `name` is the name of the file in errors. References to environment variables are
    /// resolved; those to files only where the value is fixed now (see [`Config::check_references`]).
    ///
    /// # Errors
    /// All mistakes of the text, in file order.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let source = SourceFile::new(name, hide_secrets(text));
        if let Err(mistake) = check_size(&source, text) {
            return Err(mistake.into());
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        let syntax = errors.into_iter().map(|error| {
            let end = text.len();
            let span = error.span().map_or(Span { start: end, end }, Span::from);
            let message = format!("not TOML: {}", error.message());
            Mistake::new(&source, ErrorKind::Syntax, span, message).help("see https://toml.io/en/v1.1.0")
        });
        if let Some(error) = Error::from_mistakes(syntax.collect()) {
            return Err(error);
        }
        let reader = Reader::new(source.clone());
        let sections = Sections::read(&Section::new(&reader, String::new(), Span::default(), root.get_ref()));
        let texts = reader.finish()?;
        let Some(Sections { kafka, spanner, registry, telemetry, ingest, publish }) = sections else {
            // Not reached: every read that returns None has reported a mistake.
            let message = "the configuration is incomplete";
            return Err(Mistake::new(&source, ErrorKind::MissingKey, Span::default(), message).into());
        };
        Ok(Self { kafka, spanner, registry, telemetry, ingest, publish, source, texts })
    }

    /// Returns the name of the file.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Creates an error at a place of the file for a mistake that a service found: an unknown column, a CEL
    /// syntax error. `code` is the stable code of the service, such as `SB-MAPPING-TABLE`; `help` says what
    /// to do.
    pub fn error_at(
        &self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        Mistake::new(&self.source, ErrorKind::Service(code), span, message).help(help).into()
    }

    /// Combines several errors of this file; `None` if there are none.
    pub fn errors(&self, errors: impl IntoIterator<Item = Error>) -> Option<Error> {
        Error::from_mistakes(
            errors.into_iter().flat_map(|error| error.mistakes().cloned().collect::<Vec<_>>()).collect(),
        )
    }

    /// Returns the place of the bytes `part` of a string's value, for the position that a compiler reports in
    /// an expression. It is the whole string if the file writes it with escapes or as a reference.
    pub fn part(&self, text: &Located<str>, part: Range<usize>) -> Span {
        self.source.part(text, part)
    }

    /// Resolves every reference of the file once, including those to files.
    ///
    /// # Errors
    /// One mistake for each reference that cannot be resolved.
    pub fn check_references(&self) -> Result<(), Error> {
        let failed = self.texts.iter().filter_map(|text| text.resolve_value().err());
        Error::from_mistakes(failed.collect()).map_or(Ok(()), Err)
    }
}

/// The sections of one file.
struct Sections {
    kafka: Kafka,
    spanner: Spanner,
    registry: Option<Registry>,
    telemetry: Telemetry,
    ingest: Vec<Ingest>,
    publish: Vec<Publish>,
}

impl Sections {
    fn read(root: &Section<'_>) -> Option<Self> {
        let section = |key| root.required(key).and_then(|entry| entry.section());
        let kafka = section("kafka").and_then(Kafka::read);
        let spanner = section("spanner").and_then(Spanner::read);
        let registry = root.optional("registry");
        let has_registry = registry.is_some();
        // `Some(None)` if the file has no section, `None` if the section has mistakes.
        let registry = registry.map_or(Some(None), |entry| Registry::read(entry.section()?).map(Some));
        let telemetry = root.optional("telemetry").and_then(|entry| entry.section()).map(Telemetry::read);
        let ingest = pipelines(root, "ingest", Ingest::read);
        let publish = pipelines(root, "publish", Publish::read);
        root.finish();
        consistency::check_ingest(root.reader(), &ingest);
        consistency::check_publish(root.reader(), &publish, &ingest);
        consistency::check_registry(root.reader(), has_registry, &ingest, &publish);
        let telemetry = telemetry.unwrap_or_default();
        Some(Self { kafka: kafka?, spanner: spanner?, registry: registry?, telemetry, ingest, publish })
    }
}

/// Reads the list of pipelines at `key`, and returns those without mistakes.
fn pipelines<T>(
    root: &Section<'_>,
    key: &'static str,
    read: fn(&crate::read::Entry<'_>) -> Option<T>,
) -> Vec<T> {
    let entry = root.optional(key);
    let elements = entry.and_then(|entry| {
        if entry.is_table() {
            entry.report(
                ErrorKind::Type,
                format!("`{key}` is a list of pipelines"),
                format!("write [[{key}]]"),
            );
            return None;
        }
        entry.elements()
    });
    elements.unwrap_or_default().iter().filter_map(read).collect()
}

/// Checks that the text is not larger than a file may be.
fn check_size(source: &SourceFile, text: &str) -> Result<(), Mistake> {
    if text.len() > MAX_FILE_BYTES {
        let mistake = Mistake::new(
            source,
            ErrorKind::Unreadable,
            Span::default(),
            "the configuration file is too large",
        );
        return Err(mistake.help("shorten it to at most 1 MiB"));
    }
    Ok(())
}
