/// Returns the names of a bare path such as `value.plane.seats`, or `None` for any other expression.
pub(crate) fn bare_path(text: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = text.trim().split('.').collect();
    let is_name = |name: &&str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    names.iter().all(is_name).then_some(names)
}
