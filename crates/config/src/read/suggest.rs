//! "Did you mean …".

/// The one of `known` that `given` is probably a slip of.
pub(crate) fn suggest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A long wrong word is far from all; comparing it would only cost.
    if given.len() > 64 {
        return None;
    }
    let fold = |word: &str| word.to_lowercase().replace('-', "_");
    let slips = |name: &str| strsim::osa_distance(&fold(given), &fold(name));
    known
        .into_iter()
        .map(|name| (slips(name), name))
        .filter(|(slips, name)| *slips <= given.len().max(name.len()) / 3)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["name", "topics", "max_records", "on_error", "dead-letter"];
        for (given, meant) in [
            ("nmae", Some("name")),
            ("topic", Some("topics")),
            ("max-records", Some("max_records")),
            ("maxRecords", Some("max_records")),
            ("dead_letter", Some("dead-letter")),
            ("now", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(suggest(given, known), meant, "{given}");
        }
    }
}
