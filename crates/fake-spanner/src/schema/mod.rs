//! Tables and change streams, from the part of Spanner's DDL that the bridge and its tests use.

mod catalog;
mod lexer;
mod parse;
mod parse_stream;
mod statement;
mod stream;
mod table;

pub(crate) use catalog::Schema;
pub(crate) use stream::{Capture, ChangeStream, Watched};
pub(crate) use table::{Column, OnDelete, Table, TableId};
