//! `DelaySum = "sum(value.dep_delay)"`

use crate::Located;
use crate::error::Kind;
use crate::read::{Entry, check, suggest};

/// One aggregate column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The table's column.
    pub column: Located<str>,
    /// What is computed.
    pub function: Function,
    /// The CEL expression that it is computed of; None for [`Function::Count`]. The span points at the
    /// expression within the string where the file has it without escapes.
    pub argument: Option<Located<str>>,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// How many records: `count()`.
    Count,
    /// `sum(x)`
    Sum,
    /// `min(x)`
    Min,
    /// `max(x)`
    Max,
}

const FUNCTIONS: [(&str, Function); 4] =
    [("count", Function::Count), ("sum", Function::Sum), ("min", Function::Min), ("max", Function::Max)];

/// The contract's others.
const LATER: [&str; 5] = ["avg", "first", "last", "approx_distinct", "approx_quantiles"];

impl Function {
    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Aggregate {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let column = entry.key_as(check::identifier);
        let text = entry.string(check::filled)?;
        let Some(call) = Call::parse(&text) else {
            let message = format!("`{}` is not one call of an aggregate function", entry.path());
            entry.wrong(Kind::Value, message, "write it as count() or sum(value.x)");
            return None;
        };
        let function = known(entry, &text, &call)?;
        let argument = &text[call.argument.clone()];
        let trimmed = argument.trim();
        if (function == Function::Count) != trimmed.is_empty() {
            let name = function.name();
            let (problem, help) = match function {
                Function::Count => (
                    "counts records and takes no argument",
                    "write count(); `where` selects records".to_owned(),
                ),
                _ => ("needs an argument", format!("write {name}(value.x)")),
            };
            entry.wrong_part(&text, call.whole, Kind::Value, format!("`{name}` {problem}"), help);
            return None;
        }
        let start = call.argument.start + (argument.len() - argument.trim_start().len());
        let span = entry.part(&text, start..start + trimmed.len());
        let argument = (!trimmed.is_empty()).then(|| Located::new(trimmed, span));
        Some(Self { column: column?, function, argument })
    }
}

fn known(entry: &Entry<'_>, text: &Located<str>, call: &Call) -> Option<Function> {
    let name = &text[call.name.clone()];
    let found = FUNCTIONS.iter().find(|(known, _)| *known == name);
    if found.is_none() {
        let names = FUNCTIONS.map(|(name, _)| name);
        let list = names.join(", ");
        if LATER.contains(&name) {
            let message =
                format!("the aggregate `{name}` is not supported by this version; supported: {list}");
            entry.wrong_part(
                text,
                call.name.clone(),
                Kind::Unsupported,
                message,
                "use a supported aggregate",
            );
        } else {
            let meant =
                suggest(name, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            let message = format!("unknown aggregate `{name}`{meant}");
            entry.wrong_part(text, call.name.clone(), Kind::Value, message, format!("one of: {list}"));
        }
    }
    found.map(|(_, function)| *function)
}

/// The parts of `name(argument)`, as ranges of the text.
struct Call {
    whole: std::ops::Range<usize>,
    name: std::ops::Range<usize>,
    argument: std::ops::Range<usize>,
}

impl Call {
    /// None unless the text is one call, from its name to the parenthesis that closes it, with at most one
    /// argument. Strings are CEL's: <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>.
    fn parse(text: &str) -> Option<Self> {
        let start = text.len() - text.trim_start().len();
        let end = text.trim_end().len();
        let open = start + text.get(start..end)?.find('(')?;
        let name = text[start..open].trim_end();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let close = closing(text, open)?;
        let whole = start..end;
        (close + 1 == end).then(|| Self { whole, name: start..start + name.len(), argument: open + 1..close })
    }
}

/// Where the parenthesis at `open` is closed; None also when a comma stands between at its level.
fn closing(text: &str, open: usize) -> Option<usize> {
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
                    return (byte == b')').then_some(at);
                }
            }
            (None, b',') if depth == 1 => return None,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_taken_apart() {
        for (text, parts) in [
            ("count()", Some(("count", ""))),
            (" sum( value.a ) ", Some(("sum", " value.a "))),
            ("max (size([1, 2], ')'))", Some(("max", "size([1, 2], ')')"))),
            ("min(a == ')' ? 1 : 2)", Some(("min", "a == ')' ? 1 : 2"))),
            ("min('\\')')", Some(("min", "'\\')'"))),
            ("sum(a) + sum(b)", None),
            ("sum(a, b)", None),
            ("sum(a", None),
            ("sum(a]", None),
            ("sum", None),
            ("(a)", None),
            ("a.b(c)", None),
            ("sum(')", None),
            ("", None),
            ("sum(a) b", None),
        ] {
            let call = Call::parse(text);
            let found = call.as_ref().map(|call| (&text[call.name.clone()], &text[call.argument.clone()]));
            assert_eq!(found, parts, "{text}");
        }
    }
}
