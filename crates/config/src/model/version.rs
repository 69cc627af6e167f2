//! Versions of a pipeline, which keep their own state and their own tables side by side.

use std::fmt;

/// Which version of a pipeline, 1 to 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u16);

impl Version {
    /// The one of a pipeline that does not say its version.
    pub const FIRST: Self = Self(1);
    /// The last one there can be.
    pub const LAST: Self = Self(999);

    /// Nothing for a number out of its bounds.
    pub fn new(number: i64) -> Option<Self> {
        let version = Self(u16::try_from(number).ok()?);
        (Self::FIRST..=Self::LAST).contains(&version).then_some(version)
    }

    /// Its number.
    pub fn number(self) -> i64 {
        self.0.into()
    }

    /// What the version of a pipeline is called in stored state: the name alone for the first. No name holds an `@`.
    pub fn identity(self, pipeline: &str) -> String {
        if self == Self::FIRST { pipeline.to_owned() } else { format!("{pipeline}@{self}") }
    }

    /// The table that the version writes for one of the file: that one itself for the first.
    pub fn table(self, table: &str) -> String {
        if self == Self::FIRST { table.to_owned() } else { format!("{table}_v{self}") }
    }

    /// The reverse of [`Version::table`].
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
    fn the_first_has_the_names_of_the_file_and_later_ones_their_own() {
        let [first, second] = [1, 2].map(|number| Version::new(number).unwrap());
        assert_eq!([first.identity("orders"), second.identity("orders")], ["orders", "orders@2"]);
        assert_eq!([first.table("s.Orders"), second.table("s.Orders")], ["s.Orders", "s.Orders_v2"]);
        assert_eq!([first.logical("Orders_v2"), second.logical("Orders_v2")], ["Orders_v2", "Orders"]);
        assert_eq!([0, 1000, -1].map(Version::new), [None; 3]);
        assert_eq!("999".parse(), Ok(Version::LAST));
        assert!(["", "0", "v2", "1000"].iter().all(|text| text.parse::<Version>().is_err()));
    }
}
