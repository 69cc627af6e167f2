//! Suggestions for misspelled words: "did you mean …".

/// Returns the word of `known` that `given` is probably a misspelling of.
pub(crate) fn suggest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A long word is far from all known ones, so the comparison would only take time.
    if given.len() > 64 {
        return None;
    }
    let fold = |word: &str| word.to_lowercase().replace('-', "_");
    let distance = |name: &str| strsim::osa_distance(&fold(given), &fold(name));
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, name)| *distance <= given.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_recognized_and_other_words_are_not() {
        let known = ["name", "topics", "max_records", "on_error", "dead-letter"];
        for (given, suggestion) in [
            ("nmae", Some("name")),
            ("topic", Some("topics")),
            ("max-records", Some("max_records")),
            ("maxRecords", Some("max_records")),
            ("dead_letter", Some("dead-letter")),
            ("now", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(suggest(given, known), suggestion, "{given}");
        }
    }
}
