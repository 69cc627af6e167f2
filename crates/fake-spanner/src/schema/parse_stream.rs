//! The parser of `CREATE CHANGE STREAM`.
//!
//! Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/data-definition-language#create-change-stream>.

use std::time::Duration;

use super::lexer::Token;
use super::parse::Parser;
use super::statement::{CreateChangeStream, WatchedNames};
use super::stream::Capture;
use crate::refusal::{Error, Result};

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Parser {
    pub(super) fn change_stream(&mut self) -> Result<CreateChangeStream> {
        let name = self.name()?;
        let mut watched = WatchedNames::Tables(Vec::new());
        if self.words(&["FOR", "ALL"]) {
            watched = WatchedNames::All;
        } else if self.words(&["FOR"]) {
            let mut tables = vec![self.watched_table()?];
            while self.accept(',') {
                tables.push(self.watched_table()?);
            }
            watched = WatchedNames::Tables(tables);
        }
        let mut stream = CreateChangeStream {
            name,
            watched,
            options: Vec::new(),
            capture: Capture::OldAndNewValues,
            allows_exclusion: false,
            retention: DAY,
        };
        if self.words(&["OPTIONS"]) {
            self.expect('(')?;
            while !self.accept(')') {
                self.stream_option(&mut stream)?;
                if !self.goes_on()? {
                    break;
                }
            }
        }
        Ok(stream)
    }

    fn watched_table(&mut self) -> Result<(String, Option<Vec<String>>)> {
        let table = self.path()?;
        if !self.accept('(') {
            return Ok((table, None));
        }
        let mut columns = Vec::new();
        while !self.accept(')') {
            columns.push(self.name()?);
            if !self.goes_on()? {
                break;
            }
        }
        Ok((table, Some(columns)))
    }

    fn stream_option(&mut self, stream: &mut CreateChangeStream) -> Result<()> {
        let name = self.name()?;
        self.expect('=')?;
        let value = match self.next() {
            Some(Token::Text(text) | Token::Word(text)) => text,
            _ => return Err(self.unexpected("the value of an option")),
        };
        let invalid = || Error::invalid(format!("Invalid value of the change stream option {name}: {value}"));
        match name.as_str() {
            "value_capture_type" => stream.capture = Capture::parse(&value).ok_or_else(invalid)?,
            "retention_period" => stream.retention = retention(&value).ok_or_else(invalid)?,
            "allow_txn_exclusion" => {
                stream.allows_exclusion = value.to_ascii_lowercase().parse().map_err(|_| invalid())?;
            }
            _ => return Err(Error::unimplemented(format_args!("the change stream option {name}"))),
        }
        stream.options.push((name, value));
        Ok(())
    }
}

/// Parses a retention period from one to seven days, such as `7d` or `36h`.
fn retention(text: &str) -> Option<Duration> {
    let (number, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (_, Some(hours)) => (hours, 1),
        _ => return None,
    };
    let hours = number.parse::<u32>().ok()?.checked_mul(hours)?;
    Some(Duration::from_secs(u64::from(hours) * 3600)).filter(|period| (DAY..=DAY * 7).contains(period))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::super::parse::statement;
    use super::super::statement::Statement;
    use super::*;

    #[test]
    fn a_change_stream_is_read() {
        let sql = "CREATE CHANGE STREAM S FOR Whole, s.Part(A, `B`), KeyOnly() OPTIONS (
            retention_period = '36h', value_capture_type = 'NEW_ROW', allow_txn_exclusion = true)";
        let Statement::CreateChangeStream(stream) = statement(sql).unwrap() else { panic!("{sql}") };
        let tables = vec![
            ("Whole".to_owned(), None),
            ("s.Part".to_owned(), Some(vec!["A".to_owned(), "B".to_owned()])),
            ("KeyOnly".to_owned(), Some(vec![])),
        ];
        assert_eq!(stream.watched, WatchedNames::Tables(tables));
        assert_eq!((stream.capture, stream.allows_exclusion), (Capture::NewRow, true));
        assert_eq!(stream.retention, Duration::from_secs(36 * 3600));
        let Statement::CreateChangeStream(all) = statement("CREATE CHANGE STREAM S FOR ALL;").unwrap() else {
            panic!("no change stream")
        };
        assert_eq!((all.watched, all.retention, all.allows_exclusion), (WatchedNames::All, DAY, false));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (sql, code, says) in [
            ("FOR ALL OPTIONS (retention_period = '8d')", Code::InvalidArgument, "retention_period"),
            ("FOR ALL OPTIONS (value_capture_type = 'ALL')", Code::InvalidArgument, "value_capture_type"),
            ("FOR ALL OPTIONS (exclude_insert = true)", Code::Unimplemented, "exclude_insert"),
            ("FOR T(", Code::InvalidArgument, "a name"),
        ] {
            let error = statement(&format!("CREATE CHANGE STREAM S {sql}")).unwrap_err();
            assert_eq!(error.code(), code, "{sql}: {error}");
            assert!(error.message().contains(says), "{sql}: {error}");
        }
    }
}
