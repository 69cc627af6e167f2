/// A value of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    /// Of an enum of Protobuf, whose numbers mean something.
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
