//! Splits a file of DDL into statements. It recognizes only quotes, comments and semicolons; Spanner parses the rest.

use std::ops::Range;

use spanbridge_spanner::Dialect;

/// One statement, without the semicolon at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text, in which blanks replace comments so that offsets match those in the file.
    pub(super) text: String,
    /// The range of the statement in the file, in bytes.
    pub(super) range: Range<usize>,
}

/// A comment or quotation that does not end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unterminated {
    /// The offset at which it begins.
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// Splits a text into its statements. Empty statements are skipped.
///
/// # Errors
/// A comment or quotation does not end.
///
/// Sources: <https://cloud.google.com/spanner/docs/reference/standard-sql/lexical>,
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.
pub(super) fn split(text: &str, dialect: Dialect) -> Result<Vec<Statement>, Unterminated> {
    let mut statements = Vec::new();
    let mut open: Option<OpenStatement> = None;
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        let token = Token::read(text, at, dialect)?;
        let end = at + token.len(char);
        match token {
            Token::End => statements.extend(open.take().and_then(OpenStatement::finish)),
            Token::Comment(_) => {
                if let Some(open) = &mut open {
                    open.push_blanks(&text[at..end]);
                }
            }
            Token::Quoted(_) | Token::Other => {
                let open = open.get_or_insert_with(|| OpenStatement { start: at, text: String::new() });
                open.text.push_str(&text[at..end]);
            }
        }
        at = end;
    }
    statements.extend(open.and_then(OpenStatement::finish));
    Ok(statements)
}

/// A statement whose end has not been read yet.
struct OpenStatement {
    start: usize,
    text: String,
}

impl OpenStatement {
    fn push_blanks(&mut self, comment: &str) {
        self.text.extend(comment.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        // The blanks must have as many bytes as the comment, so that offsets match.
        let missing = comment.len() - comment.chars().count();
        self.text.extend(std::iter::repeat_n(' ', missing));
    }

    /// Returns the statement, or `None` when it is blank.
    fn finish(self) -> Option<Statement> {
        let start = self.start + (self.text.len() - self.text.trim_start().len());
        let text = self.text.trim();
        let statement = || Statement { text: text.to_owned(), range: start..start + text.len() };
        (!text.is_empty()).then(statement)
    }
}

/// The token at an offset, with its length in bytes when it is longer than a character.
enum Token {
    End,
    Comment(usize),
    Quoted(usize),
    Other,
}

impl Token {
    fn read(text: &str, at: usize, dialect: Dialect) -> Result<Self, Unterminated> {
        let rest = &text[at..];
        let unterminated = |what| Unterminated { at, what };
        let line = || rest.find('\n').unwrap_or(rest.len());
        Ok(match (rest.as_bytes(), dialect) {
            ([b';', ..], _) => Self::End,
            ([b'-', b'-', ..], _) | ([b'#', ..], Dialect::GoogleSql) => Self::Comment(line()),
            ([b'/', b'*', ..], _) => {
                let nests = dialect == Dialect::PostgreSql;
                Self::Comment(block_comment(rest, nests).ok_or(unterminated("this comment"))?)
            }
            ([quote @ (b'\'' | b'"' | b'`'), ..], Dialect::GoogleSql) => {
                Self::Quoted(google_quotation(rest, *quote).ok_or(unterminated("this quotation"))?)
            }
            ([b'\'', ..], Dialect::PostgreSql) => Self::Quoted(
                postgres_quotation(rest, b'\'', is_escape_string(&text[..at]))
                    .ok_or(unterminated("this quotation"))?,
            ),
            ([b'"', ..], Dialect::PostgreSql) => {
                Self::Quoted(postgres_quotation(rest, b'"', false).ok_or(unterminated("this quotation"))?)
            }
            ([b'$', ..], Dialect::PostgreSql) if !ends_in_word(&text[..at]) => match dollar_tag(rest) {
                Some(tag) => {
                    let end = rest[tag.len()..].find(tag).ok_or(unterminated("this quotation"))?;
                    Self::Quoted(end + 2 * tag.len())
                }
                None => Self::Other,
            },
            _ => Self::Other,
        })
    }

    fn len(&self, char: char) -> usize {
        match self {
            Self::Comment(len) | Self::Quoted(len) => *len,
            Self::End | Self::Other => char.len_utf8(),
        }
    }
}

/// Returns the length of a comment between `/*` and `*/`.
fn block_comment(rest: &str, nests: bool) -> Option<usize> {
    let (bytes, mut depth, mut at) = (rest.as_bytes(), 1, 2);
    while depth > 0 {
        match bytes.get(at..at + 2)? {
            b"*/" => (depth, at) = (depth - 1, at + 2),
            b"/*" if nests => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    Some(at)
}

/// Returns the length of a quotation in GoogleSQL. Only triple quotes may span lines. A backslash escapes a quote, also in
/// raw strings.
fn google_quotation(rest: &str, quote: u8) -> Option<usize> {
    let triple = [quote; 3];
    let long = quote != b'`' && rest.as_bytes().starts_with(&triple);
    let mark: &[u8] = if long { &triple } else { &triple[..1] };
    let bytes = rest.as_bytes();
    let mut at = mark.len();
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'\n' if !long => return None,
            _ if bytes[at..].starts_with(mark) => return Some(at + mark.len()),
            _ => at += 1,
        }
    }
}

/// Returns the length of a quotation in PostgreSQL. A doubled quote ends one quotation and begins the next.
fn postgres_quotation(rest: &str, quote: u8, escapes: bool) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' if escapes => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Returns true after the `E` that begins a string with escapes.
fn is_escape_string(before: &str) -> bool {
    before.strip_suffix(['e', 'E']).is_some_and(|before| !ends_in_word(before))
}

fn ends_in_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(|char| char.is_alphanumeric() || char == '_' || char == '$')
}

/// Returns the tag `$$` or `$tag$` at the start of the text.
fn dollar_tag(rest: &str) -> Option<&str> {
    let (tag, _) = rest.get(1..)?.split_once('$')?;
    let is_tag = tag.chars().all(|char| char.is_alphanumeric() || char == '_')
        && !tag.starts_with(|char: char| char.is_ascii_digit());
    is_tag.then(|| &rest[..tag.len() + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn google_texts(text: &str) -> Vec<String> {
        texts(text, Dialect::GoogleSql)
    }

    fn texts(text: &str, dialect: Dialect) -> Vec<String> {
        let statements = split(text, dialect).unwrap();
        for statement in &statements {
            // Offsets in the statement match offsets in the file.
            assert_eq!(statement.text.len(), statement.range.len(), "{statement:?}");
            assert_eq!(statement.text.chars().next(), text[statement.range.start..].chars().next());
        }
        statements.into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn statements_end_with_semicolons_or_the_file() {
        assert_eq!(google_texts("A x;\n\n B y ;; ;C"), ["A x", "B y", "C"]);
        assert_eq!(google_texts(" \n; -- nothing\n"), [""; 0]);
        assert_eq!(split("\n  A;", Dialect::GoogleSql).unwrap()[0].range, 3..4);
    }

    #[test]
    fn semicolon_in_quotes_does_not_end_a_statement() {
        for quoted in [
            "';'",
            "\";\"",
            "`;`",
            "'''a\n;'\n'''",
            "\"\"\"a\n;\"b\"\"\"",
            "r'\\';'",
            "'\\';'",
            "B\"\\\\\"",
            "''",
            "''''''",
            "'größe;'",
        ] {
            let statement = format!("A {quoted} x");
            assert_eq!(google_texts(&format!("{statement};B")), [&statement, "B"], "{quoted}");
        }
    }

    #[test]
    fn comments_become_blanks() {
        assert_eq!(google_texts("-- a;\nA # b;\n x /* c;\n é */ y; -- d"), ["A     \n x      \n       y"]);
        // Comment signs within quotes do not begin a comment.
        assert_eq!(google_texts("A '-- a' \"/*\";B"), ["A '-- a' \"/*\"", "B"]);
        // Comments do not nest in GoogleSQL.
        assert_eq!(google_texts("A /* /* */ B"), ["A          B"]);
    }

    #[test]
    fn unterminated_quotation_is_reported_at_its_start() {
        for (text, at) in
            [("A;\nB 'x", 5), ("A 'x\n';", 2), ("A /* x", 2), ("A `x", 2), ("A '''x''", 2), ("A '\\", 2)]
        {
            assert_eq!(split(text, Dialect::GoogleSql).unwrap_err().at, at, "{text}");
        }
        for (text, at) in [("A $a$ x $b$", 2), ("A /* /* */ x", 2), ("A \"x", 2)] {
            assert_eq!(split(text, Dialect::PostgreSql).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn postgresql_quotations_are_recognized() {
        for quoted in
            ["'a'';'", "'\\'", "E'\\';'", "\"a;\"\"b\"", "$$;$$", "$a$;$b$;$a$", "'a\n;'", "/* /* ; */ ; */"]
        {
            let statement = format!("A {quoted} x");
            assert_eq!(texts(&format!("{statement};B"), Dialect::PostgreSql).len(), 2, "{quoted}");
        }
        // A parameter and a name with a dollar sign are not quotations.
        assert_eq!(texts("A $1; B a$b$; C", Dialect::PostgreSql).len(), 3);
        // `#` does not begin a comment in PostgreSQL.
        assert_eq!(texts("A # x; B", Dialect::PostgreSql).len(), 2);
    }
}
