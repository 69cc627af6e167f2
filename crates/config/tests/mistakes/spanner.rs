//! Mistakes in `[spanner]`.

use super::assert_mistakes;

/// Replaces the header after the section with `lines` and the header.
macro_rules! in_section {
    ($lines:literal, $($mistake:literal),+) => {
        ("[registry]", concat!($lines, "\n[registry]"), &[$($mistake),+])
    };
}

#[test]
fn values() {
    assert_mistakes(&[
        in_section!("emulator_rest = \"x\"", "7:17: `spanner.emulator_rest` is not an address"),
        in_section!(
            "credentials_file = \"key.json\"",
            "7:20: `spanner.credentials_file` is not an absolute path"
        ),
        in_section!("impersonate = \"a@b\"", "7:15: `spanner.impersonate` must be an array, not a string"),
        in_section!("impersonate = []", "7:15: `spanner.impersonate` is empty"),
        in_section!(
            "impersonate = [\"a@b\", \"me\"]",
            "7:23: `spanner.impersonate[1]` is not a service account"
        ),
        in_section!("quota_project = \"\"", "7:17: `spanner.quota_project` is empty"),
        in_section!("priority = \"hihg\"", "7:12: `priority = \"hihg\"` is unknown; did you mean `high`?"),
        in_section!(
            "max_commit_delay = \"501ms\"",
            "7:20: `spanner.max_commit_delay` must be from 0s to 500ms, not 501ms"
        ),
        in_section!(
            "timeouts = { commit = \"99ms\", red = \"1s\" }",
            "7:23: `spanner.timeouts.commit` must be from 100ms to 5m, not 99ms",
            "7:31: unknown key `red` in `spanner.timeouts`; did you mean `read`?"
        ),
        in_section!(
            "directed_read = { include = [\"US\"] }",
            "7:30: `spanner.directed_read.include[0]` is not a location"
        ),
    ]);
}

#[test]
fn conflicts() {
    assert_mistakes(&[
        in_section!(
            "directed_read = {}",
            "7:17: `spanner.directed_read` needs either `include` or `exclude`"
        ),
        in_section!(
            "directed_read = { exclude = [\"us-east1\"], failover = false }",
            "7:43: `failover` belongs to `include`: with `exclude`, all other replicas serve reads anyway"
        ),
        in_section!(
            "ca_file = \"/ca.pem\"",
            "7:11: `ca_file`, `client_certificate` and `client_key` need an `endpoint` with https://"
        ),
        in_section!(
            "endpoint = \"https://a:1\"\nclient_key = \"/key.pem\"",
            "5:1: `spanner.client_certificate` is missing"
        ),
        in_section!(
            "emulator_host = \"a:1\"\ncredentials_file = \"/key.json\"",
            "8:1: `spanner.credentials_file` has no effect on the emulator"
        ),
    ]);
}
