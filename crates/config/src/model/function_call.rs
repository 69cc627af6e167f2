//! A function call, such as `name(argument, …)`.

use std::ops::Range;

/// The parts of a function call, as ranges of its text.
#[derive(Debug)]
pub(super) struct FunctionCall {
    pub(super) whole: Range<usize>,
    pub(super) name: Range<usize>,
    /// The arguments without surrounding spaces.
    pub(super) arguments: Vec<Range<usize>>,
}

impl FunctionCall {
    /// Parses a text that is one call, from its name to the closing parenthesis; `None` for any other text.
    /// Strings follow the syntax of CEL:
    /// <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let whole = trimmed(text, 0..text.len());
        let open = whole.start + text.get(whole.clone())?.find('(')?;
        let name = trimmed(text, whole.start..open);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !text[name.clone()].bytes().all(is_name) {
            return None;
        }
        let (commas, close) = closing(text, open)?;
        if close + 1 != whole.end {
            return None;
        }
        let starts = std::iter::once(open).chain(commas.iter().copied());
        let ends = commas.iter().copied().chain([close]);
        let mut arguments: Vec<_> =
            starts.zip(ends).map(|(start, end)| trimmed(text, start + 1..end)).collect();
        if commas.is_empty() && arguments[0].is_empty() {
            arguments.clear();
        }
        Some(Self { whole, name, arguments })
    }
}

/// Returns `range` without surrounding spaces.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// Returns the commas at the level of the parenthesis at `open`, and the position of its closing parenthesis.
fn closing(text: &str, open: usize) -> Option<(Vec<usize>, usize)> {
    let mut commas = Vec::new();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return (byte == b')').then_some((commas, at));
                }
            }
            (None, b',') if depth == 1 => commas.push(at),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name and the arguments of a call.
    type NameAndArguments = (&'static str, &'static [&'static str]);

    #[test]
    fn calls_are_parsed() {
        let cases: [(&str, Option<NameAndArguments>); 19] = [
            ("count()", Some(("count", &[]))),
            ("count( )", Some(("count", &[]))),
            (" sum( value.a ) ", Some(("sum", &["value.a"]))),
            ("max (size([1, 2], ')'))", Some(("max", &["size([1, 2], ')')"]))),
            ("min(a == ')' ? 1 : 2)", Some(("min", &["a == ')' ? 1 : 2"]))),
            ("min('\\')')", Some(("min", &["'\\')'"]))),
            ("q(a, 0.5)", Some(("q", &["a", "0.5"]))),
            ("q(f(a, b) , {'k': ','}, [1, 2])", Some(("q", &["f(a, b)", "{'k': ','}", "[1, 2]"]))),
            ("q(a,)", Some(("q", &["a", ""]))),
            ("q(,)", Some(("q", &["", ""]))),
            ("sum(a) + sum(b)", None),
            ("sum(a", None),
            ("sum(a]", None),
            ("sum", None),
            ("(a)", None),
            ("a.b(c)", None),
            ("sum(')", None),
            ("", None),
            ("sum(a) b", None),
        ];
        for (text, parts) in cases {
            let call = FunctionCall::parse(text);
            let found = call.map(|call| {
                let arguments: Vec<_> = call.arguments.iter().map(|range| &text[range.clone()]).collect();
                (&text[call.name.clone()], arguments)
            });
            assert_eq!(found, parts.map(|(name, arguments)| (name, arguments.to_vec())), "{text}");
        }
    }
}
