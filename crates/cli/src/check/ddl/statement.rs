//! A file of DDL, cut into its statements. What they say is Spanner's to understand.

use std::ops::Range;

use spanbridge_spanner::Dialect;

/// One statement, without the semicolon at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Blanks stand where comments were, so that places in it are places in the file.
    pub(super) text: String,
    /// Where it stands in the file, in bytes.
    pub(super) range: Range<usize>,
}

/// Something that begins and does not end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unended {
    /// Where it begins.
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// The statements in their order; empty ones are none.
///
/// Sources: <https://cloud.google.com/spanner/docs/reference/standard-sql/lexical>,
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.
pub(super) fn split(text: &str, dialect: Dialect) -> Result<Vec<Statement>, Unended> {
    let mut statements = Vec::new();
    let mut open: Option<Open> = None;
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        let token = Token::at(text, at, dialect)?;
        let end = at + token.len(char);
        match token {
            Token::End => statements.extend(open.take().and_then(Open::statement)),
            Token::Comment(_) => {
                if let Some(open) = &mut open {
                    open.blank(&text[at..end]);
                }
            }
            Token::Quoted(_) | Token::Other => {
                let open = open.get_or_insert_with(|| Open { start: at, text: String::new() });
                open.text.push_str(&text[at..end]);
            }
        }
        at = end;
    }
    statements.extend(open.and_then(Open::statement));
    Ok(statements)
}

/// A statement whose end has not been seen.
struct Open {
    start: usize,
    text: String,
}

impl Open {
    fn blank(&mut self, comment: &str) {
        self.text.extend(comment.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        // As many bytes as the comment has, so that offsets stay.
        let missing = comment.len() - comment.chars().count();
        self.text.extend(std::iter::repeat_n(' ', missing));
    }

    /// Nothing when it is blank.
    fn statement(self) -> Option<Statement> {
        let start = self.start + (self.text.len() - self.text.trim_start().len());
        let text = self.text.trim();
        let statement = || Statement { text: text.to_owned(), range: start..start + text.len() };
        (!text.is_empty()).then(statement)
    }
}

/// What stands at a place; with its length in bytes where that is more than a character.
enum Token {
    End,
    Comment(usize),
    Quoted(usize),
    Other,
}

impl Token {
    fn at(text: &str, at: usize, dialect: Dialect) -> Result<Self, Unended> {
        let rest = &text[at..];
        let unended = |what| Unended { at, what };
        let line = || rest.find('\n').unwrap_or(rest.len());
        Ok(match (rest.as_bytes(), dialect) {
            ([b';', ..], _) => Self::End,
            ([b'-', b'-', ..], _) | ([b'#', ..], Dialect::GoogleSql) => Self::Comment(line()),
            ([b'/', b'*', ..], _) => {
                let nests = dialect == Dialect::PostgreSql;
                Self::Comment(block(rest, nests).ok_or(unended("this comment"))?)
            }
            ([quote @ (b'\'' | b'"' | b'`'), ..], Dialect::GoogleSql) => {
                Self::Quoted(google(rest, *quote).ok_or(unended("this quotation"))?)
            }
            ([b'\'', ..], Dialect::PostgreSql) => {
                Self::Quoted(quoted(rest, b'\'', has_escapes(&text[..at])).ok_or(unended("this quotation"))?)
            }
            ([b'"', ..], Dialect::PostgreSql) => {
                Self::Quoted(quoted(rest, b'"', false).ok_or(unended("this quotation"))?)
            }
            ([b'$', ..], Dialect::PostgreSql) if !ends_in_word(&text[..at]) => match dollars(rest) {
                Some(tag) => {
                    let end = rest[tag.len()..].find(tag).ok_or(unended("this quotation"))?;
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

/// The length of a comment in `/*` and `*/`.
fn block(rest: &str, nests: bool) -> Option<usize> {
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

/// The length of what GoogleSQL has in quotes: three of them may hold more lines than one. A backslash keeps a quote from
/// being the end, in raw strings too.
fn google(rest: &str, quote: u8) -> Option<usize> {
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

/// The length of what PostgreSQL has in quotes. One that is doubled ends it and begins the next.
fn quoted(rest: &str, quote: u8, escapes: bool) -> Option<usize> {
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

/// True behind the `E` of a string with escapes.
fn has_escapes(before: &str) -> bool {
    before.strip_suffix(['e', 'E']).is_some_and(|before| !ends_in_word(before))
}

fn ends_in_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(|char| char.is_alphanumeric() || char == '_' || char == '$')
}

/// `$$`, or `$tag$`.
fn dollars(rest: &str) -> Option<&str> {
    let (tag, _) = rest.get(1..)?.split_once('$')?;
    let is_tag = tag.chars().all(|char| char.is_alphanumeric() || char == '_')
        && !tag.starts_with(|char: char| char.is_ascii_digit());
    is_tag.then(|| &rest[..tag.len() + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn google(text: &str) -> Vec<String> {
        texts(text, Dialect::GoogleSql)
    }

    fn texts(text: &str, dialect: Dialect) -> Vec<String> {
        let statements = split(text, dialect).unwrap();
        for statement in &statements {
            // A place in the statement is a place in the file.
            assert_eq!(statement.text.len(), statement.range.len(), "{statement:?}");
            assert_eq!(statement.text.chars().next(), text[statement.range.start..].chars().next());
        }
        statements.into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn statements_end_with_semicolons_or_the_file() {
        assert_eq!(google("A x;\n\n B y ;; ;C"), ["A x", "B y", "C"]);
        assert_eq!(google(" \n; -- nothing\n"), [""; 0]);
        assert_eq!(split("\n  A;", Dialect::GoogleSql).unwrap()[0].range, 3..4);
    }

    #[test]
    fn a_semicolon_in_quotes_ends_nothing() {
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
            assert_eq!(google(&format!("{statement};B")), [&statement, "B"], "{quoted}");
        }
    }

    #[test]
    fn comments_are_blanks() {
        assert_eq!(google("-- a;\nA # b;\n x /* c;\n é */ y; -- d"), ["A     \n x      \n       y"]);
        // Not within quotes.
        assert_eq!(google("A '-- a' \"/*\";B"), ["A '-- a' \"/*\"", "B"]);
        // GoogleSQL's do not nest.
        assert_eq!(google("A /* /* */ B"), ["A          B"]);
    }

    #[test]
    fn what_does_not_end_is_named_where_it_begins() {
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
    fn postgresql_has_its_own_quotes() {
        for quoted in
            ["'a'';'", "'\\'", "E'\\';'", "\"a;\"\"b\"", "$$;$$", "$a$;$b$;$a$", "'a\n;'", "/* /* ; */ ; */"]
        {
            let statement = format!("A {quoted} x");
            assert_eq!(texts(&format!("{statement};B"), Dialect::PostgreSql).len(), 2, "{quoted}");
        }
        // A parameter, and a name with a dollar.
        assert_eq!(texts("A $1; B a$b$; C", Dialect::PostgreSql).len(), 3);
        // No comment there.
        assert_eq!(texts("A # x; B", Dialect::PostgreSql).len(), 2);
    }
}
