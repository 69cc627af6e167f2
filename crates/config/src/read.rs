//! From the TOML tree to typed values: each read names its key, reports what is wrong and goes on.
//!
//! The tree is `toml`'s own with a span for every key and value. Serde would stop at the first mistake,
//! and loses spans in untagged enums.

pub(crate) mod check;
mod entry;
mod reader;
mod scalar;
mod section;
mod suggest;

pub(crate) use entry::Entry;
pub(crate) use reader::Reader;
pub(crate) use section::Section;
pub(crate) use suggest::suggest;

/// A key of a TOML table with its span.
pub(crate) type Name<'a> = toml::Spanned<toml::de::DeString<'a>>;

/// A value with its span.
pub(crate) type Node<'a> = toml::Spanned<toml::de::DeValue<'a>>;
