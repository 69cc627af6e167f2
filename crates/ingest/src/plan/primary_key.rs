use std::str::FromStr;

/// The primary key of a table to create, written as `Table=Column,Column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryKey {
    /// The table, with its schema if it has one.
    pub table: String,
    /// The columns in key order.
    pub columns: Vec<String>,
}

impl FromStr for PrimaryKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it as Table=Column,Column".to_owned();
        let (table, columns) = text.split_once('=').ok_or_else(wrong)?;
        let columns: Vec<String> = columns.split(',').map(|column| column.trim().to_owned()).collect();
        if table.trim().is_empty() || columns.iter().any(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { table: table.trim().to_owned(), columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_its_table_and_columns() {
        let key: PrimaryKey = "s.Orders=Region, Id".parse().unwrap();
        assert_eq!((key.table.as_str(), key.columns), ("s.Orders", vec!["Region".into(), "Id".into()]));
        for wrong in ["Orders", "Orders=", "=Id", "Orders=Id,,At"] {
            assert!(wrong.parse::<PrimaryKey>().is_err(), "{wrong}");
        }
    }
}
