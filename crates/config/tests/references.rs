//! Values from the environment and from files, and what diagnostics show of them.
#![allow(clippy::unwrap_used)]

mod base;

use base::{BASE, error, replace_in_base};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use spanbridge_config::{Config, Error, ErrorKind, RegistryAuthentication, Text};

fn parse(text: &str) -> Config {
    Config::parse("f.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn rendered(error: &Error) -> String {
    let mut page = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    handler.render_report(&mut page, error).unwrap();
    page
}

/// Returns the base with `username` and the password `value` in `[registry]`.
fn with_password(value: &str) -> String {
    replace_in_base("[telemetry]", &format!("username = \"u\"\npassword = {value}\n[telemetry]"))
}

#[test]
fn referenced_file_is_read_again_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "hunter2\n\n").unwrap();
    let config = parse(&with_password(&format!("{{ file = {path:?} }}")));
    let password = password(&config);
    assert_eq!(password.resolve().unwrap(), "hunter2\n");
    std::fs::write(&path, "hunter3\r\n").unwrap();
    assert_eq!(password.resolve().unwrap(), "hunter3");
    assert!(password.is_reference());
    for shown in [format!("{password}"), format!("{password:?}"), format!("{config:?}")] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
    config.check_references().unwrap();

    std::fs::write(&path, "").unwrap();
    let empty = password.resolve().unwrap_err();
    let line = format!("f.toml:10:12: `registry.password`, from the file `{}`, is empty", path.display());
    assert_eq!(empty.to_string(), line);
    std::fs::write(&path, b"\xff").unwrap();
    assert!(password.resolve().unwrap_err().to_string().ends_with("it is not UTF-8"));
    std::fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
    assert!(password.resolve().unwrap_err().to_string().ends_with("it is larger than 1MiB"));
    drop(folder);
    let missing = password.resolve().unwrap_err();
    assert_eq!((missing.kind(), missing.position()), (ErrorKind::Secret, (10, 12)));
    assert_eq!(config.check_references().unwrap_err().to_string(), missing.to_string());
}

#[test]
fn environment_references_are_checked_at_load() {
    // Cargo sets this variable for tests.
    let config = parse(&replace_in_base("log = \"info\"", "log = { env = \"CARGO_PKG_NAME\" }"));
    assert_eq!(config.telemetry.log, "spanbridge-config");
    let config = parse(&with_password("{ env = \"CARGO_PKG_NAME\" }"));
    assert_eq!(password(&config).resolve().unwrap(), "spanbridge-config");

    let unset = error(&with_password("{ env = \"SPANBRIDGE_TEST_UNSET\" }"));
    let line =
        "f.toml:10:12: `registry.password`: the environment variable `SPANBRIDGE_TEST_UNSET` is not set";
    assert_eq!(unset.to_string(), line);
    // The message does not repeat an invalid value.
    let unfit = error(&replace_in_base("mode = \"upsert\"", "mode = { env = \"CARGO_PKG_NAME\" }"));
    assert_eq!(unfit.to_string(), "f.toml:17:8: the value of `mode` is unknown");
    let unfit = error(&replace_in_base("\"http://127.0.0.1:8081\"", "{ env = \"CARGO_PKG_NAME\" }"));
    let line = "f.toml:8:7: `registry.url`, from the environment variable `CARGO_PKG_NAME`, is not a URL";
    assert_eq!(unfit.to_string(), line);
}

#[test]
fn mask_key_must_be_a_reference() {
    let masked = |key: &str| {
        let text = replace_in_base(
            "batch = {",
            &format!("mask_key = {key}\ndead_letters.payload = \"drop\"\nbatch = {{"),
        );
        text.replace("\"value.flight\"", "{ expr = \"value.flight\", mask = \"hash\" }")
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask");
    let config = parse(&masked(&format!("{{ file = {path:?} }}")));
    let key = config.ingest[0].mask_key.clone().unwrap();
    assert_eq!(config.check_references().unwrap_err().position(), (14, 12));
    std::fs::write(&path, "hunter2hunter2hunter2\n").unwrap();
    assert_eq!(key.resolve().unwrap(), "hunter2hunter2hunter2");
    std::fs::write(&path, "hunter2").unwrap();
    let short = key.resolve().unwrap_err();
    let line = format!(
        "f.toml:14:12: `ingest.mask_key`, from the file `{}`, is shorter than 16 bytes",
        path.display()
    );
    assert_eq!(short.to_string(), line);
    assert!(!format!("{config:?}{}", rendered(&short)).contains("hunter"));

    let inline = error(&masked("\"hunter2hunter2hunter2\""));
    let line = "f.toml:14:12: `ingest.mask_key` is a secret, which the file must not contain";
    assert_eq!(inline.to_string(), line);
    for broken in [inline, error(&masked("\"hunter2hunter2")), error(&masked("hunter2hunter2"))] {
        assert!(!rendered(&broken).contains("hunter2"), "{}", rendered(&broken));
    }
}

#[test]
fn invalid_references_are_rejected() {
    for (value, expected) in [
        (
            "{ env = \"A\", file = \"/b\" }",
            "f.toml:10:12: `registry.password` must be a string, or a table with either `env` or `file`",
        ),
        (
            "{ evn = \"A\" }",
            "f.toml:10:12: `registry.password` must be a string, or a table with either `env` or `file`\nf.toml:10:14: unknown key `evn` in `registry.password`; did you mean `env`?",
        ),
        ("{ file = \"secret\" }", "f.toml:10:21: the path is not absolute"),
        ("{ env = \"\" }", "f.toml:10:20: `registry.password.env` is empty or holds NUL"),
        ("{ env = 1 }", "f.toml:10:20: `registry.password.env` must be a string, not an integer"),
    ] {
        assert_eq!(error(&with_password(value)).to_string(), expected);
    }
}

#[test]
fn inline_secrets_are_rejected_and_never_shown() {
    let inline = error(&with_password("\"hunter2\""));
    assert_eq!(
        inline.to_string(),
        "f.toml:10:12: `registry.password` is a secret, which the file must not contain"
    );
    assert!(!rendered(&inline).contains("hunter2"), "{}", rendered(&inline));

    let property =
        error(&replace_in_base("\"security.protocol\" = \"plaintext\"", "\"sasl.password\" = \"hunter2\""));
    let line = "f.toml:4:19: `kafka.properties.sasl.password` is a secret, which the file must not contain";
    assert_eq!(property.to_string(), line);

    let property =
        error(&replace_in_base("\"security.protocol\" = \"plaintext\"", "\"sasl.password\" = 9876"));
    assert_eq!(
        property.to_string(),
        "f.toml:4:19: `kafka.properties.sasl.password` must be a string, not an integer"
    );
    assert!(!rendered(&property).contains("9876"), "{}", rendered(&property));

    for text in [with_password("\"hunter2"), with_password("hunter2"), with_password("\"\"\"\nhunter2")] {
        let broken = error(&text);
        assert_eq!(broken.kind(), ErrorKind::Syntax);
        assert!(!rendered(&broken).contains("hunter2"), "{}", rendered(&broken));
    }
    let url = error(&replace_in_base("http://127.0.0.1:8081", "http://u:hunter2@127.0.0.1:8081"));
    assert!(!rendered(&url).contains("hunter2"), "{}", rendered(&url));
}

#[test]
fn diagnostics_show_the_line_with_code_and_help() {
    let one = error(&replace_in_base("shards = 4", "shard = 4"));
    assert_eq!(one.code().unwrap().to_string(), "SB-CONFIG-UNKNOWN-KEY");
    assert!(one.help().unwrap().to_string().contains("shards"));
    let page = rendered(&one);
    for part in ["[f.toml:33:1]", "shard = 4", "here"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let two = error(&replace_in_base("shards = 4", "shard = 4\nheartbeat = 1"));
    assert_eq!(two.related().unwrap().count(), 2);
    let page = rendered(&two);
    for part in ["SB-CONFIG-UNKNOWN-KEY", "SB-CONFIG-TYPE", "[f.toml:34:13]"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn messages_are_bounded() {
    let long = error(&replace_in_base(
        "shards = 4",
        &format!("{} = 4\nshards = {}", "k".repeat(9999), "9".repeat(9999)),
    ));
    assert_eq!(long.mistakes().count(), 2);
    assert!(long.to_string().len() < 1500);
    let many: String = (0..99).map(|n| format!("k{n} = 1\n")).collect();
    let many = error(&replace_in_base("shards = 4\n", &many)).to_string();
    assert_eq!((many.lines().count(), many.lines().last()), (51, Some("f.toml: 49 more mistakes")));
}

#[test]
fn service_errors_point_into_the_file() {
    let config = parse(BASE);
    let spanbridge_config::IngestTable::Rows(rows) = &config.ingest[0].tables[0] else { panic!("rows") };
    let column = rows.columns[0].column.clone();
    let error = config.error_at(
        column.span,
        "SB-MAPPING-EXPRESSION",
        format!("no column `{column}`"),
        "see the table",
    );
    assert_eq!(error.to_string(), "f.toml:19:1: no column `Flight`");
    assert_eq!(error.code().unwrap().to_string(), "SB-MAPPING-EXPRESSION");
    // `flight` of `value.flight`
    let part = config.error_at(config.part(&rows.columns[0].expr, 6..12), "SB-MAPPING-TABLE", "no field", "");
    assert_eq!(part.position(), (19, 17));
    let both = config.errors([part, error]).unwrap();
    assert_eq!(both.to_string(), "f.toml:19:1: no column `Flight`\nf.toml:19:17: no field");
    assert!(config.errors([]).is_none());
}

#[test]
fn unreadable_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    let missing = Config::load(&path).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Unreadable);
    assert!(missing.to_string().starts_with(&format!("{}:1:1: cannot read", path.display())), "{missing}");
    std::fs::write(&path, b"[kafka]\nbootstrap_servers = \"\xff\"\n").unwrap();
    let line = format!("{}:2:22: the file is not UTF-8 here", path.display());
    assert_eq!(Config::load(&path).unwrap_err().to_string(), line);
    std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("larger than 1MiB"));
    std::fs::write(&path, format!("\u{feff}{BASE}").replace('\n', "\r\n")).unwrap();
    Config::load(&path).unwrap();
}

fn password(config: &Config) -> Text {
    match &config.registry.as_ref().unwrap().authentication {
        RegistryAuthentication::Basic { password, .. } => password.clone(),
        other => panic!("{other:?}"),
    }
}
