//! Symbols of enums.

/// A value of an enum type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// The symbol's name.
    pub name: String,
    /// The symbol's number, for a Protobuf enum.
    pub number: Option<i32>,
}

impl From<String> for Symbol {
    fn from(name: String) -> Self {
        Self { name, number: None }
    }
}

impl From<&str> for Symbol {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}
