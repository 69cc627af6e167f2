//! Mistakes of the file compared with the live tables, each with its place.

use spanbridge_config::Config;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Registry, RegistryOptions};

use super::compile;

const HEAD: &str = r#"[kafka]
bootstrap_servers = "127.0.0.1:1"
[spanner]
database = "projects/demo/instances/demo/databases/flights"
[registry]
url = "http://127.0.0.1:1"
[[ingest]]
name = "p"
topics = ["t"]
"#;

fn column(name: &str, ty: Type, key_ordinal: Option<usize>) -> Column {
    Column {
        name: name.into(),
        ty,
        length: None,
        nullable: key_ordinal.is_none(),
        generated: name == "Computed",
        has_default: false,
        commit_timestamp: false,
        key_ordinal,
        key_descending: false,
    }
}

fn orders() -> Table {
    let columns = vec![
        column("Id", Type::Int64, Some(0)),
        column("Name", Type::String, None),
        column("Computed", Type::String, None),
    ];
    Table { name: "Orders".into(), columns, parent: None }
}

fn totals() -> Table {
    let columns = vec![
        column("Customer", Type::String, Some(0)),
        column("Start", Type::Timestamp, Some(1)),
        column("SourcePartition", Type::Int64, Some(2)),
        column("Sum", Type::Int64, None),
        column("Label", Type::String, None),
        Column { nullable: false, has_default: true, ..column("Closed", Type::Bool, None) },
        column("Unknown", Type::Bool, None),
    ];
    Table { name: "Totals".into(), columns, parent: None }
}

/// Compiles a table and returns its first mistake without the file's name. Lines count from the `[[ingest.table]]`.
fn compiled(table: &str, live: Option<Table>) -> Result<(), String> {
    let config = Config::parse("b.toml", &format!("{HEAD}{table}")).unwrap();
    let registry = Registry::connect(RegistryOptions::new("http://127.0.0.1:1")).unwrap();
    match compile(&config, &config.ingest[0], &[live], &registry) {
        Ok(_) => Ok(()),
        Err(error) => {
            let (line, column) = error.position();
            let message = error.mistakes().next().unwrap().message().to_owned();
            Err(format!("{}:{column} {message}", line - HEAD.lines().count()))
        }
    }
}

/// Returns the help of the only mistake.
fn help_of(table: &str, live: Table) -> String {
    let config = Config::parse("m.toml", &format!("{HEAD}{table}")).unwrap();
    let registry = Registry::connect(RegistryOptions::new("http://127.0.0.1:1")).unwrap();
    let error = compile(&config, &config.ingest[0], &[Some(live)], &registry).err().unwrap();
    let mistakes: Vec<_> = error.mistakes().collect();
    let [mistake] = mistakes.as_slice() else { panic!("{error}") };
    mistake.help_text().unwrap().to_owned()
}

fn rows(columns: &str) -> String {
    format!("[[ingest.table]]\ntable = \"Orders\"\ncolumns = {{ {columns} }}\n")
}

fn groups(key: &str, aggregates: &str) -> String {
    format!(
        "[[ingest.table]]\ntable = \"Totals\"\ngroup_by = {{ {key} }}\n\
         window = {{ kind = \"tumbling\", size = \"1h\", time = \"value.at\", start = \"Start\" }}\n\
         aggregates = {{ {aggregates} }}\n"
    )
}

#[test]
fn valid_mappings_compile() {
    assert_eq!(compiled(&rows(r#"Id = "value.id", Name = "value.a + '!'""#), Some(orders())), Ok(()));
    let good = groups(r#"Customer = "value.customer""#, r#"Sum = "sum(value.amount)""#);
    assert_eq!(compiled(&good, Some(totals())), Ok(()));
}

#[test]
fn key_that_spanner_computes_cannot_be_written() {
    let help = |columns: &str, change: fn(&mut Column)| {
        let mut live = orders();
        change(live.columns.iter_mut().find(|column| column.name == "Id").unwrap());
        help_of(&rows(columns), live)
    };
    let generated: fn(&mut Column) = |column| column.generated = true;
    for columns in [r#"Name = "value.a""#, r#"Id = "value.id", Name = "value.a""#] {
        let help = help(columns, generated);
        assert!(help.starts_with("write to a table whose key comes from the record"), "{help}");
    }
    let help = help(r#"Name = "value.a""#, |column| column.has_default = true);
    assert!(help.contains("its DEFAULT is not used"), "{help}");
}

#[test]
fn mistakes_have_their_places() {
    let wrong = |table: &str, live: Option<Table>, expected: &str| {
        let error = compiled(table, live).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    };
    wrong(&rows(r#"Id = "value.id""#), None, "2:9 the database has no table");
    wrong(
        &rows(r#"Id = "value.id", Nam = "value.a""#),
        Some(orders()),
        "3:30 table `Orders` has no column Nam",
    );
    wrong(&rows(r#"Name = "value.a""#), Some(orders()), "2:9 key column Id");
    wrong(&rows(r#"Id = "value.id", Computed = "value.a""#), Some(orders()), "3:30 column Computed of table");
    wrong(&rows(r#"Id = "valu.id""#), Some(orders()), "3:19 variable `valu` is not one of");
    let sum = r#"Sum = "sum(value.amount)""#;
    wrong(
        &groups(r#"Customer = "value.customer""#, r#"Label = "sum(value.a)""#),
        Some(totals()),
        "5:16 column Label",
    );
    wrong(&groups(r#"Label = "value.customer""#, sum), Some(totals()), "2:9 the group is");
    let last = |name: &str| {
        let table = groups(r#"Customer = "value.customer""#, sum);
        table.replace("start = \"Start\"", &format!("start = \"Start\", final = \"{name}\""))
    };
    assert_eq!(compiled(&last("Closed"), Some(totals())), Ok(()));
    wrong(&last("Unknown"), Some(totals()), "4:88 column `Unknown` is not BOOL NOT NULL DEFAULT (FALSE)");
    wrong(&last("Label"), Some(totals()), "4:88 column `Label` is not BOOL");
    let mut without_owner = totals();
    without_owner.columns.remove(2);
    wrong(
        &groups(r#"Customer = "value.customer""#, sum),
        Some(without_owner),
        "2:9 table `Totals` has no column",
    );
}
