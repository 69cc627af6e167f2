//! The lexer of DDL statements.

use crate::refusal::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// A name in backquotes.
    Quoted(String),
    Number(String),
    Text(String),
    Symbol(char),
}

/// Splits a statement into tokens, without comments (`-- …`).
pub(super) fn tokens(sql: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let token = match first {
            '`' | '\'' | '"' => {
                let text = &rest[1..];
                let end = text.find(first).ok_or_else(|| Error::invalid("Syntax error: Unclosed literal"))?;
                rest = &text[end + 1..];
                let text = text[..end].to_owned();
                if text.contains('\\') {
                    return Err(Error::unimplemented("escapes in a literal"));
                }
                if first == '`' { Token::Quoted(text) } else { Token::Text(text) }
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                Token::Word(take(&mut rest, |c| c.is_ascii_alphanumeric() || c == '_'))
            }
            _ if first.is_ascii_digit() => Token::Number(take(&mut rest, |c| c.is_ascii_digit() || c == '.')),
            _ => {
                rest = &rest[first.len_utf8()..];
                Token::Symbol(first)
            }
        };
        tokens.push(token);
    }
}

fn take(rest: &mut &str, part: impl Fn(char) -> bool) -> String {
    let (token, after) = rest.split_at(rest.find(|c| !part(c)).unwrap_or(rest.len()));
    *rest = after;
    token.to_owned()
}
