//! Finds the position in Spanner's error messages: `line 2, column 7` or `[at 2:7]`.

/// Returns the offset in the statement, in bytes, that the message names.
pub(super) fn find(statement: &str, message: &str) -> Option<usize> {
    let (line, column) = line_and_column(message).or_else(|| bracketed(message))?;
    let start: usize = statement.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = statement.get(start..)?;
    let line = rest.split('\n').next().unwrap_or(rest);
    let column = column.checked_sub(1)?;
    let offset = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    Some(start + offset)
}

fn line_and_column(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.split_once("line ")?;
    let (line, rest) = rest.split_once(", column ")?;
    Some((line.parse().ok()?, leading_number(rest)?))
}

fn bracketed(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.split_once("[at ")?;
    let (line, rest) = rest.split_once(':')?;
    Some((line.parse().ok()?, leading_number(rest)?))
}

fn leading_number(text: &str) -> Option<usize> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_found_in_messages_of_spanner() {
        let statement = "ALTER TABLE é\n  ADD COLUM x";
        for (message, at) in [
            ("Syntax error on line 2, column 7: Encountered", Some(21)),
            ("no such column [at 1:13]", Some(12)),
            ("on line 1, column 99", Some(14)),
            ("on line 9, column 1", Some(statement.len())),
            ("on line 0, column 0", None),
            ("line up, column b", None),
            ("Table not found: T", None),
        ] {
            assert_eq!(find(statement, message), at, "{message}");
        }
    }
}
