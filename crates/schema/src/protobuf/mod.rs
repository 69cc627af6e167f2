//! Protobuf: compiled schemas, and everything that belongs to this language.
//!
//! [`ProtobufSchema`] is a .proto file compiled in memory, and [`MessageType`] one of its messages. [`decode()`] reads the
//! message index of a payload (`message_index`), checks the payload (`bounds`), and converts the message to a
//! datum (`converter`, `well_known`). `definition` writes the schema of a published record, and `encode` its values.
//! The registry client and the [`Decoder`](crate::Decoder) call this module. It never reads an import from a
//! file or from the network.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

mod bounds;
mod converter;
mod decode;
mod definition;
mod encode;
mod imports;
mod message_index;
mod shape;
mod well_known;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use protox::Compiler;

use crate::datum::FieldNames;
use crate::reference::SchemaReference;
use crate::shape::Shape;
use crate::{Error, ErrorKind, Result};
use imports::Imports;

pub(crate) use decode::decode;
pub(crate) use definition::schema_text;
pub(crate) use encode::record_message;

/// The name of the schema's own file. No import has this name.
const ROOT_FILE: &str = "spanbridge/registered.proto";
/// The longest .proto text in bytes: 1 MiB.
const MAX_TEXT_LENGTH: usize = 1 << 20;
/// The deepest nesting of brackets in a .proto text, because the parser recurses into the constants of options.
const MAX_BRACKET_DEPTH: usize = 100;

/// A compiled .proto file together with the files that it imports.
pub struct ProtobufSchema {
    text: String,
    file: FileDescriptor,
    /// The field names of each message type, by its full name.
    names: HashMap<String, Arc<FieldNames>>,
    /// The shape of each message type, by its full name. It is computed at its first use.
    shapes: HashMap<String, OnceLock<Shape>>,
}

/// One message type of a file.
#[derive(Debug, Clone)]
pub struct MessageType {
    schema: Arc<ProtobufSchema>,
    descriptor: MessageDescriptor,
}

impl ProtobufSchema {
    /// Compiles a file together with the files that it imports, each by the name in its `import`.
    ///
    /// # Errors
    /// [`ErrorKind::UnusableSchema`]
    pub(crate) fn parse(text: &str, references: &[SchemaReference]) -> Result<Self> {
        let pool = compile(text, references)?;
        let file = pool
            .get_file_by_name(ROOT_FILE)
            .ok_or_else(|| unusable("the compiler does not return its file"))?;
        let mut names = HashMap::new();
        let mut shapes = HashMap::new();
        for message in pool.all_messages() {
            let fields = fields(&message).map(|field| field.name().to_owned()).collect();
            names.insert(message.full_name().to_owned(), Arc::new(FieldNames::new(fields)));
            shapes.insert(message.full_name().to_owned(), OnceLock::new());
        }
        Ok(Self { text: text.to_owned(), file, names, shapes })
    }

    /// The text, as registered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The message type at a path of indices: the first index counts the messages of the file, each further one the
    /// messages nested in the previous one (the message indexes of Confluent's wire format).
    pub fn message(self: &Arc<Self>, path: &[usize]) -> Option<MessageType> {
        let (first, rest) = path.split_first()?;
        let mut descriptor = self.file.messages().nth(*first)?;
        for index in rest {
            // The compiler adds a message for the entries of each map. The text, whose messages are counted, has none.
            let nested = descriptor.child_messages().filter(|child| !child.is_map_entry()).nth(*index);
            descriptor = nested?;
        }
        Some(MessageType { schema: Arc::clone(self), descriptor })
    }

    /// All message types that the index of a payload may name. Nested ones come after those of the file.
    pub fn messages(self: &Arc<Self>) -> Vec<MessageType> {
        let mut descriptors: Vec<MessageDescriptor> = self.file.messages().collect();
        let mut at = 0;
        while let Some(message) = descriptors.get(at) {
            let nested: Vec<_> = message.child_messages().filter(|child| !child.is_map_entry()).collect();
            descriptors.extend(nested);
            at += 1;
        }
        descriptors
            .into_iter()
            .map(|descriptor| MessageType { schema: Arc::clone(self), descriptor })
            .collect()
    }

    /// The message type with this full name, also one of an imported file.
    pub fn message_named(self: &Arc<Self>, name: &str) -> Option<MessageType> {
        let descriptor = self.file.parent_pool().get_message_by_name(name)?;
        Some(MessageType { schema: Arc::clone(self), descriptor })
    }
}

impl MessageType {
    /// The full name, such as `package.Outer.Inner`.
    pub fn name(&self) -> &str {
        self.descriptor.full_name()
    }

    /// The text of the file, as registered.
    pub fn text(&self) -> &str {
        self.schema.text()
    }

    /// The shape of messages of this type.
    pub fn shape(&self) -> &Shape {
        static ANY: Shape = Shape::Any;
        match self.schema.shapes.get(self.name()) {
            Some(shape) => shape.get_or_init(|| shape::of(&self.descriptor)),
            None => &ANY,
        }
    }

    /// The compiled type.
    pub(crate) fn descriptor(&self) -> &MessageDescriptor {
        &self.descriptor
    }
}

/// The fields in the order of the text. prost-reflect orders them by number.
fn fields(message: &MessageDescriptor) -> impl Iterator<Item = prost_reflect::FieldDescriptor> + '_ {
    message
        .descriptor_proto()
        .field
        .iter()
        .filter_map(|field| message.get_field(u32::try_from(field.number()).ok()?))
}

fn compile(text: &str, references: &[SchemaReference]) -> Result<DescriptorPool> {
    for text in references.iter().map(|reference| &*reference.text).chain([text]) {
        if text.len() > MAX_TEXT_LENGTH {
            return Err(unusable("its text is longer than 1 MiB"));
        }
        if bracket_depth(text) > MAX_BRACKET_DEPTH {
            return Err(unusable("its brackets are nested more than 100 deep"));
        }
    }
    let mut compiler = Compiler::with_file_resolver(Imports::new(ROOT_FILE, text, references));
    compiler.include_imports(true).include_source_info(false);
    compiler.open_file(ROOT_FILE).map_err(|error| unusable(&error.to_string()))?;
    Ok(compiler.descriptor_pool())
}

/// The largest number of brackets that are open at once, including brackets in comments and strings.
fn bracket_depth(text: &str) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => open += 1,
            b'}' | b']' | b'>' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn unusable(why: &str) -> Error {
    Error::new(ErrorKind::UnusableSchema, format!("the Protobuf schema cannot be used: {why}"))
}

impl fmt::Debug for ProtobufSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protobuf").field("text", &self.text).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
