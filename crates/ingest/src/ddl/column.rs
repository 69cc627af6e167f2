use spanbridge_protocol::value::Type;
use spanbridge_spanner::quoted;

/// The type of a column to create.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ColumnType {
    pub(crate) ty: Type,
    /// True if values may be NULL.
    pub(crate) nullable: bool,
    /// The SQL default for rows that the bridge writes without the column.
    pub(crate) default: Option<&'static str>,
}

/// Returns `ALTER TABLE … ADD COLUMN`. The column is NOT NULL only with a default, because rows may already exist.
pub(crate) fn add_column(table: &str, name: &str, ty: &ColumnType) -> String {
    format!("ALTER TABLE {} ADD COLUMN {}", quoted(table), definition(name, ty, false))
}

/// Returns `CREATE TABLE`. Only key columns are NOT NULL, and of those only the ones whose values are never NULL: a
/// mapping may omit any other column.
pub(crate) fn create_table(table: &str, columns: &[(String, ColumnType)], key: &[String]) -> String {
    let mut text = format!("CREATE TABLE {} (\n", quoted(table));
    for (name, ty) in columns {
        let in_key = key.iter().any(|key| key.eq_ignore_ascii_case(name));
        text += &format!("  {},\n", definition(name, ty, in_key));
    }
    let key: Vec<String> = key.iter().map(|name| quoted(name)).collect();
    format!("{text}) PRIMARY KEY ({})", key.join(", "))
}

fn definition(name: &str, ColumnType { ty, nullable, default }: &ColumnType, in_key: bool) -> String {
    let mut text = format!("`{name}` {}", type_sql(ty));
    if !nullable && (in_key || default.is_some()) {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = default {
        text += &format!(" DEFAULT ({default})");
    }
    text
}

/// Returns a type as a column definition writes it.
pub(super) fn type_sql(ty: &Type) -> String {
    match ty {
        Type::String | Type::Bytes => format!("{ty}(MAX)"),
        Type::Array(item) => format!("ARRAY<{}>", type_sql(item)),
        other => other.to_string(),
    }
}
