//! Tables, from the part of Spanner's DDL that the bridge and its tests use.

mod catalog;
mod lexer;
mod parse;
mod statement;
mod table;

pub(crate) use catalog::Schema;
pub(crate) use table::{Column, OnDelete, Table, TableId};
