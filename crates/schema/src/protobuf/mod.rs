//! Protobuf: schemas as .proto text, compiled in memory, and what their messages become.

mod imports;
mod message;
mod shape;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use protox::Compiler;

use crate::datum::Names;
use crate::registry::Reference;
use crate::shape::Shape;
use crate::{Error, Kind, Result};
use imports::Imports;

/// The schema's own name among the files: nothing is imported under it.
const ROOT: &str = "spanbridge/registered.proto";
/// Bytes of one .proto text.
const MAX_TEXT: usize = 1 << 20;
/// Open brackets in a row: the parser recurses into constants of options.
const MAX_BRACKETS: usize = 100;

/// A compiled .proto file with those that it imports. Nothing is ever fetched to resolve an import.
pub struct Protobuf {
    text: String,
    file: FileDescriptor,
    /// The field names of each message, by full name.
    names: HashMap<String, Arc<Names>>,
    /// By message: asked for by `check` and by the first record.
    shapes: HashMap<String, OnceLock<Shape>>,
}

/// One message type of a file.
#[derive(Debug, Clone)]
pub struct Message {
    schema: Arc<Protobuf>,
    descriptor: MessageDescriptor,
}

impl Protobuf {
    /// Compiles a file together with those that it imports, each by the name in its `import`.
    ///
    /// Fails with [`Kind::UnusableSchema`].
    pub(crate) fn parse(text: &str, references: &[Reference]) -> Result<Self> {
        let pool = compile(text, references)?;
        let file = pool.get_file_by_name(ROOT).ok_or_else(|| unusable("it is not among its own files"))?;
        let mut names = HashMap::new();
        let mut shapes = HashMap::new();
        for message in pool.all_messages() {
            let fields = fields(&message).map(|field| field.name().to_owned()).collect();
            names.insert(message.full_name().to_owned(), Arc::new(Names::new(fields)));
            shapes.insert(message.full_name().to_owned(), OnceLock::new());
        }
        Ok(Self { text: text.to_owned(), file, names, shapes })
    }

    /// The text, as registered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The message at that path of indices: among the file's messages, then among those nested in it.
    pub fn message(self: &Arc<Self>, path: &[usize]) -> Option<Message> {
        let (first, rest) = path.split_first()?;
        let mut descriptor = self.file.messages().nth(*first)?;
        for index in rest {
            // Entries of maps are messages of the compiler's, and not in the text that indices count.
            let nested = descriptor.child_messages().filter(|child| !child.is_map_entry()).nth(*index);
            descriptor = nested?;
        }
        Some(Message { schema: Arc::clone(self), descriptor })
    }

    /// All messages that a payload's index may name, those nested in others behind them.
    pub fn messages(self: &Arc<Self>) -> Vec<Message> {
        let mut found: Vec<MessageDescriptor> = self.file.messages().collect();
        let mut at = 0;
        while let Some(message) = found.get(at) {
            let nested: Vec<_> = message.child_messages().filter(|child| !child.is_map_entry()).collect();
            found.extend(nested);
            at += 1;
        }
        found.into_iter().map(|descriptor| Message { schema: Arc::clone(self), descriptor }).collect()
    }

    /// The message of that full name.
    pub fn message_named(self: &Arc<Self>, name: &str) -> Option<Message> {
        let descriptor = self.file.parent_pool().get_message_by_name(name)?;
        Some(Message { schema: Arc::clone(self), descriptor })
    }
}

impl Message {
    /// The full name, such as `package.Outer.Inner`.
    pub fn name(&self) -> &str {
        self.descriptor.full_name()
    }

    /// The file's text, as registered.
    pub fn text(&self) -> &str {
        self.schema.text()
    }

    /// What it says of its values.
    pub fn shape(&self) -> &Shape {
        static ANY: Shape = Shape::Any;
        match self.schema.shapes.get(self.name()) {
            Some(shape) => shape.get_or_init(|| shape::of(&self.descriptor)),
            None => &ANY,
        }
    }

    pub(crate) fn descriptor(&self) -> &MessageDescriptor {
        &self.descriptor
    }
}

/// The fields in the order of the text: prost-reflect has them by number.
fn fields(message: &MessageDescriptor) -> impl Iterator<Item = prost_reflect::FieldDescriptor> + '_ {
    message
        .descriptor_proto()
        .field
        .iter()
        .filter_map(|field| message.get_field(u32::try_from(field.number()).ok()?))
}

fn compile(text: &str, references: &[Reference]) -> Result<DescriptorPool> {
    for text in references.iter().map(|reference| &*reference.text).chain([text]) {
        if text.len() > MAX_TEXT {
            return Err(unusable("it is longer than 1 MiB"));
        }
        if nesting(text) > MAX_BRACKETS {
            return Err(unusable("it is nested too deep"));
        }
    }
    let mut compiler = Compiler::with_file_resolver(Imports::new(ROOT, text, references));
    compiler.include_imports(true).include_source_info(false);
    compiler.open_file(ROOT).map_err(|error| unusable(&error.to_string()))?;
    Ok(compiler.descriptor_pool())
}

/// The most brackets that are open at once, comments and strings counted too.
fn nesting(text: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => open += 1,
            b'}' | b']' | b'>' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn unusable(why: &str) -> Error {
    Error::new(Kind::UnusableSchema, format!("the Protobuf schema cannot be used: {why}"))
}

impl fmt::Debug for Protobuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protobuf").field("text", &self.text).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
