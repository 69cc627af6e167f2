//! The whole file.

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::error::{Error, Kind, Mistake};
use crate::mask::mask;
use crate::read::{Reader, Section};
use crate::source::Source;
use crate::text::read_bounded;
use crate::{Ingest, Kafka, Located, Publish, Registry, Span, Spanner, Telemetry, Text, check};

/// The largest configuration file, in bytes.
pub(crate) const LARGEST: usize = 1 << 20;

/// The configuration of both services, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[kafka]`
    pub kafka: Kafka,
    /// `[spanner]`
    pub spanner: Spanner,
    /// `[registry]`
    pub registry: Registry,
    /// `[telemetry]`; may be absent.
    pub telemetry: Telemetry,
    /// `[[ingest]]`, in file order.
    pub ingest: Vec<Ingest>,
    /// `[[publish]]`, in file order.
    pub publish: Vec<Publish>,
    source: Source,
    texts: Vec<Text>,
}

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// All mistakes of the file, or that it cannot be read, is larger than 1 MiB or not UTF-8.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes = read_bounded(path, LARGEST as u64).map_err(|problem| {
            let source = Source::new(&name, String::new());
            let message = format!("cannot read the configuration: {problem}");
            let mistake = Mistake::new(&source, Kind::Unreadable, Span::default(), message);
            Error::from(mistake.help("give a readable file of at most 1 MiB with --config"))
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let source = Source::new(&name, mask(&String::from_utf8_lossy(error.as_bytes())));
                let span = Span { start: at, end: at + 1 };
                let mistake = Mistake::new(&source, Kind::Unreadable, span, "the file is not UTF-8 here");
                Err(mistake.help("save the file as UTF-8").into())
            }
        }
    }

    /// Validates a text; `name` is what errors call the file. References to the environment are resolved, those
    /// to files only where the value must be known now (see [`Config::check_references`]).
    ///
    /// # Errors
    /// All mistakes of the text, in file order.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let source = Source::new(name, mask(text));
        if let Err(mistake) = bounded(&source, text) {
            return Err(mistake.into());
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        let syntax = errors.into_iter().map(|error| {
            let end = text.len();
            let span = error.span().map_or(Span { start: end, end }, Span::from);
            let message = format!("not TOML: {}", error.message());
            Mistake::new(&source, Kind::Syntax, span, message).help("see https://toml.io/en/v1.1.0")
        });
        if let Some(error) = Error::of(syntax.collect()) {
            return Err(error);
        }
        let reader = Reader::new(source.clone());
        let parts = Parts::read(&Section::new(&reader, String::new(), Span::default(), root.get_ref()));
        let texts = reader.finish()?;
        let Some(Parts { kafka, spanner, registry, telemetry, ingest, publish }) = parts else {
            // Every read that answers None has reported a mistake.
            let message = "the configuration is incomplete";
            return Err(Mistake::new(&source, Kind::MissingKey, Span::default(), message).into());
        };
        Ok(Self { kafka, spanner, registry, telemetry, ingest, publish, source, texts })
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// A mistake that a service found: an unknown column, a CEL syntax error. `code` is the service's own stable
    /// code, such as `SB-INGEST-012`; `help` says what would be right.
    pub fn error_at(
        &self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        Mistake::new(&self.source, Kind::Service(code), span, message).help(help).into()
    }

    /// Several errors of this file as one.
    pub fn errors(&self, errors: impl IntoIterator<Item = Error>) -> Option<Error> {
        Error::of(
            errors.into_iter().flat_map(|error| error.mistakes().cloned().collect::<Vec<_>>()).collect(),
        )
    }

    /// Where bytes `part` of a string's value stand in the file: for the position in an expression that a
    /// compiler names. The whole string when the file has it with escapes or by reference.
    pub fn part(&self, text: &Located<str>, part: Range<usize>) -> Span {
        self.source.part(text, part)
    }

    /// Resolves every reference of the file once, those to files too.
    ///
    /// # Errors
    /// All references that do not resolve.
    pub fn check_references(&self) -> Result<(), Error> {
        let failed = self.texts.iter().filter_map(|text| text.resolve_value().err());
        Error::of(failed.collect()).map_or(Ok(()), Err)
    }
}

/// What one file holds.
struct Parts {
    kafka: Kafka,
    spanner: Spanner,
    registry: Registry,
    telemetry: Telemetry,
    ingest: Vec<Ingest>,
    publish: Vec<Publish>,
}

impl Parts {
    fn read(root: &Section<'_>) -> Option<Self> {
        let section = |key| root.required(key).and_then(|entry| entry.section());
        let kafka = section("kafka").and_then(Kafka::read);
        let spanner = section("spanner").and_then(Spanner::read);
        let registry = section("registry").and_then(Registry::read);
        let telemetry = root.optional("telemetry").and_then(|entry| entry.section()).map(Telemetry::read);
        let ingest = pipelines(root, "ingest", Ingest::read);
        let publish = pipelines(root, "publish", Publish::read);
        root.finish();
        check::ingest(root.reader(), &ingest);
        check::publish(root.reader(), &publish, &ingest);
        let telemetry = telemetry.unwrap_or_default();
        Some(Self { kafka: kafka?, spanner: spanner?, registry: registry?, telemetry, ingest, publish })
    }
}

/// Those pipelines that could be read.
fn pipelines<T>(
    root: &Section<'_>,
    key: &'static str,
    read: fn(&crate::read::Entry<'_>) -> Option<T>,
) -> Vec<T> {
    let entry = root.optional(key);
    let elements = entry.and_then(|entry| {
        if entry.is_table() {
            entry.wrong(Kind::Type, format!("`{key}` is a list of pipelines"), format!("write [[{key}]]"));
            return None;
        }
        entry.elements()
    });
    elements.unwrap_or_default().iter().filter_map(read).collect()
}

fn bounded(source: &Source, text: &str) -> Result<(), Mistake> {
    if text.len() > LARGEST {
        let mistake =
            Mistake::new(source, Kind::Unreadable, Span::default(), "the configuration is too large");
        return Err(mistake.help("at most 1 MiB"));
    }
    Ok(())
}
