use spanbridge_spanner::quoted;

/// Returns `CREATE OR REPLACE VIEW`.
pub(crate) fn create_view(name: &str, query: &str) -> String {
    format!("CREATE OR REPLACE VIEW {} SQL SECURITY INVOKER AS {query}", quoted(name))
}

/// Returns true if two queries differ in white space only.
pub(crate) fn is_same_query(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}
