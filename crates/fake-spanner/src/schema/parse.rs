//! The parser of DDL statements. Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/data-definition-language>.

use spanbridge_protocol::value::{Float, Type, Value};

use super::lexer::{self, Token};
use super::statement::{ColumnDefinition, CreateTable, Statement};
use super::table::OnDelete;
use crate::refusal::{Error, Result};

/// The greatest length of a STRING in characters, and of BYTES in bytes.
/// Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/data-definition-language#data_types>.
const MAX_STRING: usize = 2_621_440;
const MAX_BYTES: usize = 10_485_760;

/// Parses one statement.
///
/// # Errors
/// `INVALID_ARGUMENT` for invalid DDL, UNIMPLEMENTED for unsupported DDL.
pub(super) fn statement(sql: &str) -> Result<Statement> {
    let mut parser = Parser { tokens: lexer::tokens(sql)?, at: 0 };
    let statement = parser.statement()?;
    parser.accept(';');
    match parser.next() {
        None => Ok(statement),
        Some(_) => Err(parser.unexpected("the end of the statement")),
    }
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn statement(&mut self) -> Result<Statement> {
        if self.words(&["CREATE", "SCHEMA"]) {
            self.words(&["IF", "NOT", "EXISTS"]);
            return Ok(Statement::CreateSchema { name: self.name()? });
        }
        if self.words(&["CREATE", "TABLE"]) {
            return self.create_table().map(Statement::CreateTable);
        }
        if self.words(&["ALTER", "TABLE"]) {
            let table = self.path()?;
            if !self.words(&["ADD", "COLUMN"]) {
                return Err(Error::unimplemented("ALTER TABLE other than ADD COLUMN"));
            }
            let if_not_exists = self.words(&["IF", "NOT", "EXISTS"]);
            return Ok(Statement::AddColumn { table, if_not_exists, column: self.column()? });
        }
        if self.words(&["CREATE", "CHANGE", "STREAM"]) {
            return self.change_stream().map(Statement::CreateChangeStream);
        }
        let words = self.tokens.iter().map_while(|token| match token {
            Token::Word(word) if word.chars().all(|c| c.is_ascii_uppercase()) => Some(word.as_str()),
            _ => None,
        });
        let words: Vec<&str> = words.take(4).collect();
        match words[..] {
            ["CREATE" | "ALTER" | "DROP" | "GRANT" | "REVOKE" | "RENAME" | "ANALYZE", ..] => {
                Err(Error::unimplemented(words.join(" ")))
            }
            _ => Err(self.unexpected("a DDL statement")),
        }
    }

    fn create_table(&mut self) -> Result<CreateTable> {
        let if_not_exists = self.words(&["IF", "NOT", "EXISTS"]);
        let name = self.path()?;
        self.expect('(')?;
        let mut columns = Vec::new();
        while !self.accept(')') {
            if let Some(Token::Word(word)) = self.peek()
                && ["CONSTRAINT", "CHECK", "FOREIGN", "PRIMARY", "SYNONYM"]
                    .iter()
                    .any(|keyword| word.eq_ignore_ascii_case(keyword))
            {
                return Err(Error::unimplemented(format_args!("{word} in CREATE TABLE")));
            }
            columns.push(self.column()?);
            if !self.goes_on()? {
                break;
            }
        }
        if !self.words(&["PRIMARY", "KEY"]) {
            return Err(self.unexpected("PRIMARY KEY"));
        }
        self.expect('(')?;
        let mut key = Vec::new();
        while !self.accept(')') {
            let column = self.name()?;
            let descending = self.words(&["DESC"]);
            if !descending {
                self.words(&["ASC"]);
            }
            key.push((column, descending));
            if !self.goes_on()? {
                break;
            }
        }
        let interleave = if self.accept(',') { Some(self.interleave()?) } else { None };
        Ok(CreateTable { name, if_not_exists, columns, key, interleave })
    }

    fn interleave(&mut self) -> Result<(String, OnDelete)> {
        if !self.words(&["INTERLEAVE", "IN", "PARENT"]) {
            return Err(Error::unimplemented("a clause of CREATE TABLE other than INTERLEAVE IN PARENT"));
        }
        let parent = self.path()?;
        if self.words(&["ON", "DELETE", "CASCADE"]) {
            return Ok((parent, OnDelete::Cascade));
        }
        self.words(&["ON", "DELETE", "NO", "ACTION"]);
        Ok((parent, OnDelete::NoAction))
    }

    fn column(&mut self) -> Result<ColumnDefinition> {
        let name = self.name()?;
        let (ty, spanner_type, limit) = self.ty()?;
        let mut column = ColumnDefinition {
            name,
            ty,
            spanner_type,
            limit,
            nullable: true,
            default: None,
            commit_timestamp: false,
        };
        loop {
            if self.words(&["NOT", "NULL"]) {
                column.nullable = false;
            } else if self.words(&["DEFAULT"]) {
                self.expect('(')?;
                column.default = Some(self.literal(&column.ty)?);
                self.expect(')')?;
            } else if self.words(&["OPTIONS"]) {
                column.commit_timestamp = self.options()?;
            } else {
                return match self.peek() {
                    None | Some(Token::Symbol(',' | ')' | ';')) => Ok(column),
                    Some(_) => Err(Error::unimplemented(format_args!(
                        "{:?} in the definition of column {}",
                        self.tokens[self.at], column.name
                    ))),
                };
            }
        }
    }

    /// Parses a type: the type, its text, and its length limit.
    fn ty(&mut self) -> Result<(Type, String, Option<usize>)> {
        let Some(Token::Word(word)) = self.next() else { return Err(self.unexpected("a type")) };
        let word = word.to_ascii_uppercase();
        if word == "ARRAY" {
            self.expect('<')?;
            let (item, text, limit) = self.ty()?;
            self.expect('>')?;
            return Ok((Type::Array(Box::new(item)), format!("ARRAY<{text}>"), limit));
        }
        let ty = Type::parse(&word).ok_or_else(|| Error::invalid(format!("Type not found: {word}")))?;
        let most = match ty {
            Type::String => MAX_STRING,
            Type::Bytes => MAX_BYTES,
            _ => return Ok((ty, word, None)),
        };
        self.expect('(')?;
        let (text, limit) = match self.next() {
            Some(Token::Word(max)) if max.eq_ignore_ascii_case("MAX") => ("MAX".to_owned(), most),
            Some(Token::Number(digits)) => match digits.parse() {
                Ok(limit) if (1..=most).contains(&limit) => (digits, limit),
                _ => return Err(Error::invalid(format!("Invalid length of {word}: {digits}"))),
            },
            _ => return Err(self.unexpected("a length")),
        };
        self.expect(')')?;
        Ok((ty, format!("{word}({text})"), Some(limit)))
    }

    fn literal(&mut self, ty: &Type) -> Result<Value> {
        let minus = self.accept('-');
        let token = self.next();
        let value = match (&token, ty) {
            (Some(Token::Number(digits)), _) => {
                let digits = if minus { format!("-{digits}") } else { digits.clone() };
                match ty {
                    Type::Int64 => digits.parse().ok().map(Value::Int64),
                    Type::Float64 => digits.parse().ok().map(|value| Value::Float64(Float(value))),
                    Type::Numeric => digits.parse().ok().map(Value::Numeric),
                    _ => None,
                }
            }
            (Some(Token::Text(text)), Type::String) => Some(Value::String(text.clone())),
            (Some(Token::Word(word)), Type::Bool) => word.to_ascii_lowercase().parse().ok().map(Value::Bool),
            _ => None,
        };
        value.ok_or_else(|| Error::unimplemented(format_args!("{token:?} as the default of a {ty} column")))
    }

    /// Parses the options of a column: `allow_commit_timestamp` is the only one.
    fn options(&mut self) -> Result<bool> {
        self.expect('(')?;
        if !self.words(&["allow_commit_timestamp"]) {
            return Err(Error::unimplemented("a column option other than allow_commit_timestamp"));
        }
        self.expect('=')?;
        let on = self.words(&["true"]);
        if !on && !self.words(&["false"]) && !self.words(&["null"]) {
            return Err(self.unexpected("true or null"));
        }
        self.expect(')')?;
        Ok(on)
    }

    /// Parses a name, or `schema.name`.
    pub(super) fn path(&mut self) -> Result<String> {
        let mut path = self.name()?;
        while self.accept('.') {
            path = format!("{path}.{}", self.name()?);
        }
        Ok(path)
    }

    pub(super) fn name(&mut self) -> Result<String> {
        match self.next() {
            Some(Token::Word(name) | Token::Quoted(name)) => Ok(name),
            _ => Err(self.unexpected("a name")),
        }
    }

    /// Consumes all of these keywords, or none.
    pub(super) fn words(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(ahead, keyword)| {
            let token = self.tokens.get(self.at + ahead);
            matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
        });
        if found {
            self.at += words.len();
        }
        found
    }

    pub(super) fn accept(&mut self, symbol: char) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, symbol: char) -> Result<()> {
        if self.accept(symbol) {
            return Ok(());
        }
        self.at += 1;
        Err(self.unexpected(&format!("`{symbol}`")))
    }

    /// Parses the separator after a list item: true if another item may follow, false if the list is closed.
    pub(super) fn goes_on(&mut self) -> Result<bool> {
        let more = self.accept(',');
        if !more {
            self.expect(')')?;
        }
        Ok(more)
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    /// Returns an error at the last consumed token.
    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        let found = self.tokens.get(self.at.saturating_sub(1));
        Error::invalid(format!("Syntax error: Expecting {wanted} but found {found:?}"))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn table(sql: &str) -> CreateTable {
        match statement(sql).unwrap() {
            Statement::CreateTable(table) => table,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_table_is_read() {
        let table = table(
            "CREATE TABLE IF NOT EXISTS shop.`Order` (  -- a comment, with (brackets
               Customer STRING(36) NOT NULL, Id INT64 NOT NULL,
               Price NUMERIC NOT NULL DEFAULT (-1.5), Open BOOL DEFAULT (TRUE),
               Tags ARRAY<STRING(10)>, Raw BYTES(MAX),
               Stamp TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
             ) PRIMARY KEY (Id, Customer DESC), INTERLEAVE IN PARENT shop.Customer ON DELETE CASCADE;",
        );
        assert_eq!((table.name.as_str(), table.if_not_exists), ("shop.Order", true));
        assert_eq!(table.key, [("Id".to_owned(), false), ("Customer".to_owned(), true)]);
        assert_eq!(table.interleave, Some(("shop.Customer".to_owned(), OnDelete::Cascade)));
        let types: Vec<&str> = table.columns.iter().map(|column| column.spanner_type.as_str()).collect();
        let expected =
            ["STRING(36)", "INT64", "NUMERIC", "BOOL", "ARRAY<STRING(10)>", "BYTES(MAX)", "TIMESTAMP"];
        assert_eq!(types, expected);
        let nullable: Vec<bool> = table.columns.iter().map(|column| column.nullable).collect();
        assert_eq!(nullable, [false, false, false, true, true, true, false]);
        assert_eq!(table.columns[2].default, Some(Value::Numeric("-1.5".parse().unwrap())));
        assert_eq!(table.columns[3].default, Some(Value::Bool(true)));
        assert_eq!((table.columns[0].limit, table.columns[4].limit), (Some(36), Some(10)));
        assert!(table.columns[6].commit_timestamp && !table.columns[1].commit_timestamp);
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (sql, code, says) in [
            ("CREATE TABLE Nonsense", Code::InvalidArgument, "("),
            ("CREATE TABLE T (A INT64)", Code::InvalidArgument, "PRIMARY KEY"),
            ("CREATE TABLE T (A INT65) PRIMARY KEY (A)", Code::InvalidArgument, "INT65"),
            ("CREATE TABLE T (A STRING(0)) PRIMARY KEY (A)", Code::InvalidArgument, "length"),
            ("CREATE TABLE T (A INT64) PRIMARY KEY (A) x", Code::InvalidArgument, "end"),
            ("SELECT 1", Code::InvalidArgument, "DDL"),
            ("CREATE TABLE T (A INT64, CHECK (A > 1)) PRIMARY KEY (A)", Code::Unimplemented, "CHECK"),
            ("CREATE TABLE T (A INT64 AS (B) STORED) PRIMARY KEY (A)", Code::Unimplemented, "column A"),
            ("CREATE TABLE T (A INT64 DEFAULT (1 + 1)) PRIMARY KEY (A)", Code::InvalidArgument, "`)`"),
            ("CREATE UNIQUE INDEX I ON T (A)", Code::Unimplemented, "CREATE UNIQUE INDEX"),
            ("DROP TABLE T", Code::Unimplemented, "DROP TABLE"),
        ] {
            let error = statement(sql).unwrap_err();
            assert_eq!(error.code(), code, "{sql}: {error}");
            assert!(error.message().contains(says), "{sql}: {error}");
        }
    }
}
