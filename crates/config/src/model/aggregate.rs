//! One aggregate column, such as `DelaySum = "sum(value.dep_delay)"`.

use super::function::{Function, Quantile};
use super::function_call::FunctionCall;
use crate::error::ErrorKind;
use crate::read::{Entry, rules, suggest};
use crate::{Located, Span};

/// One aggregate column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The column of the table: the key of the entry. Required.
    pub column: Located<str>,
    /// The aggregate function. Required.
    pub function: Function,
    /// The CEL expression that is aggregated; `None` for [`Function::Count`]. Its span is that of the
    /// expression within the string, if the file writes the string without escapes.
    pub argument: Option<Located<str>>,
    /// `where`: a CEL expression that selects records. Default: all records.
    pub filter: Option<Located<str>>,
    /// The place of the function call.
    pub span: Span,
}

impl Aggregate {
    /// Returns the names of the companion columns, which hold intermediate state of a column `C`: `CSum` (of
    /// the type of C: NUMERIC or FLOAT64) and `CCount` (INT64) for `avg`, `CAt` (TIMESTAMP) for `first` and
    /// `last`, `CSketch` (BYTES(MAX)) for `approx_distinct` and `approx_quantile`. Other functions have none.
    pub fn companions(&self) -> Vec<String> {
        let name = |suffix: &&str| format!("{}{suffix}", self.column);
        self.function.suffixes().iter().map(name).collect()
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let column = entry.key_name(rules::identifier);
        let (call, filter) = if entry.is_table() && !entry.has_any(&["env", "file"]) {
            let section = entry.section()?;
            let call = section.required("expr").and_then(|entry| read_call(&entry));
            let filter = section.optional("where").map(|entry| entry.string(rules::filled));
            section.finish();
            (call, filter.map_or(Some(None), |filter| filter.map(Some)))
        } else {
            (read_call(entry), Some(None))
        };
        let (function, argument, span) = call?;
        let aggregate = Self { column: column?, function, argument, filter: filter?, span };
        if let Some(name) = aggregate.companions().iter().find(|name| rules::identifier(name).is_err()) {
            let message =
                format!("the column `{name}`, which `{}` needs, would be too long", function.name());
            let mistake = entry.reader().mistake(ErrorKind::Value, aggregate.column.span, message);
            entry.reader().report(mistake.help("a name has at most 128 characters: shorten the aggregate's"));
            return None;
        }
        Some(aggregate)
    }
}

/// Reads the function, its argument, and the place of the call.
fn read_call(entry: &Entry<'_>) -> Option<(Function, Option<Located<str>>, Span)> {
    let text = entry.string(rules::filled)?;
    let Some(call) = FunctionCall::parse(&text) else {
        let message = format!("`{}` is not one call of an aggregate function", entry.path());
        entry.report(ErrorKind::Value, message, "write it as count() or sum(value.x)");
        return None;
    };
    let name = find_function(entry, &text, &call)?;
    let function = name.function(entry, &text, &call)?;
    let argument = call
        .arguments
        .first()
        .map(|range| Located::new(&text[range.clone()], entry.part(&text, range.clone())));
    Some((function, argument, entry.part(&text, call.whole)))
}

/// The name of a function in the configuration, which implies its arguments.
#[derive(Clone, Copy)]
enum FunctionName {
    Plain(Function),
    Quantile,
}

const FUNCTION_NAMES: [(&str, FunctionName); 9] = [
    ("count", FunctionName::Plain(Function::Count)),
    ("sum", FunctionName::Plain(Function::Sum)),
    ("min", FunctionName::Plain(Function::Min)),
    ("max", FunctionName::Plain(Function::Max)),
    ("avg", FunctionName::Plain(Function::Avg)),
    ("first", FunctionName::Plain(Function::First)),
    ("last", FunctionName::Plain(Function::Last)),
    ("approx_distinct", FunctionName::Plain(Function::ApproxDistinct)),
    ("approx_quantile", FunctionName::Quantile),
];

impl FunctionName {
    /// Returns the function of the call, and reports a mistake if its arguments do not fit.
    fn function(self, entry: &Entry<'_>, text: &Located<str>, call: &FunctionCall) -> Option<Function> {
        let name = &text[call.name.clone()];
        let report = |range, problem: &str, help: String| {
            entry.report_part(text, range, ErrorKind::Value, format!("`{name}` {problem}"), help);
            None
        };
        let whole = call.whole.clone();
        let given = call.arguments.iter().filter(|range| !range.is_empty()).count();
        match (self, given == call.arguments.len(), given) {
            (Self::Plain(Function::Count), true, 0) => Some(Function::Count),
            (Self::Plain(Function::Count), ..) => {
                let help = "write count(); `where` selects records".to_owned();
                report(whole, "counts records and takes no argument", help)
            }
            (Self::Plain(function), true, 1) => Some(function),
            (Self::Plain(_), true, 0) => report(whole, "needs an argument", format!("write {name}(value.x)")),
            (Self::Plain(_), ..) => report(whole, "takes one argument", format!("write {name}(value.x)")),
            (Self::Quantile, true, 2) => {
                let range = call.arguments[1].clone();
                let quantile = text[range.clone()].parse().ok().and_then(Quantile::new);
                quantile.map(Function::ApproxQuantile).or_else(|| {
                    let problem = "takes as its second argument a number between 0 and 1";
                    report(range, problem, format!("write {name}(value.x, 0.99)"))
                })
            }
            (Self::Quantile, ..) => {
                report(whole, "takes two arguments", format!("write {name}(value.x, 0.99)"))
            }
        }
    }
}

/// Finds the function by its name, and reports a mistake if there is none.
fn find_function(entry: &Entry<'_>, text: &Located<str>, call: &FunctionCall) -> Option<FunctionName> {
    let name = &text[call.name.clone()];
    let function = FUNCTION_NAMES.iter().find(|(known, _)| *known == name);
    if function.is_none() {
        let names = FUNCTION_NAMES.map(|(name, _)| name);
        let suggestion =
            suggest(name, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        let message = format!("unknown aggregate `{name}`{suggestion}");
        entry.report_part(
            text,
            call.name.clone(),
            ErrorKind::Value,
            message,
            format!("one of: {}", names.join(", ")),
        );
    }
    function.map(|(_, name)| *name)
}
