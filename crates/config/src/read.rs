//! Turns the TOML tree into typed values.
//!
//! A [`Section`] is a table and an [`Entry`] a key with its value. Each read names its key, reports a mistake
//! to the [`Reader`], and continues. The tree is that of the `toml` crate, which has a span for every key and
//! value. Serde would stop at the first mistake, and it loses spans in untagged enums.

mod entry;
mod reader;
pub(crate) mod rules;
mod scalar;
mod section;
mod suggest;

pub(crate) use entry::Entry;
pub(crate) use reader::Reader;
pub(crate) use section::Section;
pub(crate) use suggest::suggest;

/// A key of a TOML table with its span.
pub(crate) type KeyNode<'a> = toml::Spanned<toml::de::DeString<'a>>;

/// A value with its span.
pub(crate) type ValueNode<'a> = toml::Spanned<toml::de::DeValue<'a>>;
