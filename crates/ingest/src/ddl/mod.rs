//! DDL text for the tables and views of pipelines.
//!
//! `plan/`, `fields/` and `version/` decide which statements are needed; this module only writes them.

mod column;
mod infer_type;
mod view;

pub(crate) use column::{ColumnType, add_column, create_table};
pub(crate) use infer_type::{infer_field_type, infer_type};
pub(crate) use view::{create_view, is_same_query};
