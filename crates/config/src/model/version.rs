//! Versions of a pipeline, which have separate state and tables.

use std::fmt;

/// The version of a pipeline, 1 to 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u16);

impl Version {
    /// The version of a pipeline without `version`.
    pub const FIRST: Self = Self(1);
    /// The highest version.
    pub const LAST: Self = Self(999);

    /// Creates a version; `None` if the number is out of bounds.
    pub fn new(number: i64) -> Option<Self> {
        let version = Self(u16::try_from(number).ok()?);
        (Self::FIRST..=Self::LAST).contains(&version).then_some(version)
    }

    /// Returns the number.
    pub fn number(self) -> i64 {
        self.0.into()
    }

    /// Returns the name of this version of a pipeline in stored state: only the name for version 1, otherwise
    /// `name@version`. Names contain no `@`.
    pub fn identity(self, pipeline: &str) -> String {
        if self == Self::FIRST { pipeline.to_owned() } else { format!("{pipeline}@{self}") }
    }

    /// Returns the table that this version writes for a table of the file: the same table for version 1,
    /// otherwise `table_v<version>`.
    pub fn table(self, table: &str) -> String {
        if self == Self::FIRST { table.to_owned() } else { format!("{table}_v{self}") }
    }

    /// Returns the table of the file for a table that this version writes; the reverse of [`Version::table`].
    pub fn logical(self, table: &str) -> &str {
        let logical = if self == Self::FIRST { None } else { table.strip_suffix(&format!("_v{self}")) };
        logical.unwrap_or(table)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| format!("write it as 1 to {}", Self::LAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_version_has_the_names_of_the_file_and_later_ones_have_their_own() {
        let [first, second] = [1, 2].map(|number| Version::new(number).unwrap());
        assert_eq!([first.identity("orders"), second.identity("orders")], ["orders", "orders@2"]);
        assert_eq!([first.table("s.Orders"), second.table("s.Orders")], ["s.Orders", "s.Orders_v2"]);
        assert_eq!([first.logical("Orders_v2"), second.logical("Orders_v2")], ["Orders_v2", "Orders"]);
        assert_eq!([0, 1000, -1].map(Version::new), [None; 3]);
        assert_eq!("999".parse(), Ok(Version::LAST));
        assert!(["", "0", "v2", "1000"].iter().all(|text| text.parse::<Version>().is_err()));
    }
}
