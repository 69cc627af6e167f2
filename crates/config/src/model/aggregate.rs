//! `DelaySum = "sum(value.dep_delay)"`

use super::call::Call;
use super::function::{Function, Quantile};
use crate::error::Kind;
use crate::read::{Entry, check, suggest};
use crate::{Located, Span};

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
    /// `where`: CEL expression; only records for which it is true.
    pub filter: Option<Located<str>>,
    /// Where the function's call stands.
    pub span: Span,
}

impl Aggregate {
    /// The columns that it keeps beside its own, whose names follow from it: `CSum` (the type of C: NUMERIC or
    /// FLOAT64) and `CCount` INT64 for avg, `CAt` TIMESTAMP for first and last, `CSketch` BYTES(MAX) for
    /// approx_distinct and approx_quantile. None for the others.
    pub fn companions(&self) -> Vec<String> {
        let name = |suffix: &&str| format!("{}{suffix}", self.column);
        self.function.suffixes().iter().map(name).collect()
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let column = entry.key_as(check::identifier);
        let (call, filter) = if entry.is_table() && !entry.has_any(&["env", "file"]) {
            let section = entry.section()?;
            let call = section.required("expr").and_then(|entry| call(&entry));
            let filter = section.optional("where").map(|entry| entry.string(check::filled));
            section.finish();
            (call, filter.map_or(Some(None), |filter| filter.map(Some)))
        } else {
            (call(entry), Some(None))
        };
        let (function, argument, span) = call?;
        let aggregate = Self { column: column?, function, argument, filter: filter?, span };
        if let Some(name) = aggregate.companions().iter().find(|name| check::identifier(name).is_err()) {
            let message =
                format!("the column `{name}`, which `{}` needs, would be too long", function.name());
            let mistake = entry.reader().mistake(Kind::Value, aggregate.column.span, message);
            entry.reader().report(mistake.help("a name has at most 128 characters: shorten the aggregate's"));
            return None;
        }
        Some(aggregate)
    }
}

/// The function, its argument, and where the call stands.
fn call(entry: &Entry<'_>) -> Option<(Function, Option<Located<str>>, Span)> {
    let text = entry.string(check::filled)?;
    let Some(call) = Call::parse(&text) else {
        let message = format!("`{}` is not one call of an aggregate function", entry.path());
        entry.wrong(Kind::Value, message, "write it as count() or sum(value.x)");
        return None;
    };
    let word = known(entry, &text, &call)?;
    let function = word.function(entry, &text, &call)?;
    let argument = call
        .arguments
        .first()
        .map(|range| Located::new(&text[range.clone()], entry.part(&text, range.clone())));
    Some((function, argument, entry.part(&text, call.whole)))
}

/// A function's name, how many arguments it takes, and how they are made into it.
#[derive(Clone, Copy)]
enum Word {
    Plain(Function),
    Quantile,
}

const WORDS: [(&str, Word); 9] = [
    ("count", Word::Plain(Function::Count)),
    ("sum", Word::Plain(Function::Sum)),
    ("min", Word::Plain(Function::Min)),
    ("max", Word::Plain(Function::Max)),
    ("avg", Word::Plain(Function::Avg)),
    ("first", Word::Plain(Function::First)),
    ("last", Word::Plain(Function::Last)),
    ("approx_distinct", Word::Plain(Function::ApproxDistinct)),
    ("approx_quantile", Word::Quantile),
];

impl Word {
    /// What the call computes, when it has the arguments for that.
    fn function(self, entry: &Entry<'_>, text: &Located<str>, call: &Call) -> Option<Function> {
        let name = &text[call.name.clone()];
        let wrong = |range, problem: &str, help: String| {
            entry.wrong_part(text, range, Kind::Value, format!("`{name}` {problem}"), help);
            None
        };
        let whole = call.whole.clone();
        let given = call.arguments.iter().filter(|range| !range.is_empty()).count();
        match (self, given == call.arguments.len(), given) {
            (Self::Plain(Function::Count), true, 0) => Some(Function::Count),
            (Self::Plain(Function::Count), ..) => {
                let help = "write count(); `where` selects records".to_owned();
                wrong(whole, "counts records and takes no argument", help)
            }
            (Self::Plain(function), true, 1) => Some(function),
            (Self::Plain(_), true, 0) => wrong(whole, "needs an argument", format!("write {name}(value.x)")),
            (Self::Plain(_), ..) => wrong(whole, "takes one argument", format!("write {name}(value.x)")),
            (Self::Quantile, true, 2) => {
                let range = call.arguments[1].clone();
                let quantile = text[range.clone()].parse().ok().and_then(Quantile::new);
                quantile.map(Function::ApproxQuantile).or_else(|| {
                    let problem = "takes as its second argument a number between 0 and 1";
                    wrong(range, problem, format!("write {name}(value.x, 0.99)"))
                })
            }
            (Self::Quantile, ..) => {
                wrong(whole, "takes two arguments", format!("write {name}(value.x, 0.99)"))
            }
        }
    }
}

fn known(entry: &Entry<'_>, text: &Located<str>, call: &Call) -> Option<Word> {
    let name = &text[call.name.clone()];
    let found = WORDS.iter().find(|(known, _)| *known == name);
    if found.is_none() {
        let names = WORDS.map(|(name, _)| name);
        let meant = suggest(name, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        let message = format!("unknown aggregate `{name}`{meant}");
        entry.wrong_part(
            text,
            call.name.clone(),
            Kind::Value,
            message,
            format!("one of: {}", names.join(", ")),
        );
    }
    found.map(|(_, word)| *word)
}
