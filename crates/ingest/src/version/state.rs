use std::time::Duration;

use spanbridge_config::Version;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind, ReadWrite, Result};

use crate::Error;

pub(super) const TABLE: &str = "BridgeVersions";
const COLUMNS: [(&str, Type); 4] = [
    ("Active", Type::Int64),
    ("Previous", Type::Int64),
    ("Dropping", Type::Int64),
    ("SwitchedAt", Type::Timestamp),
];

/// Between two attempts of a transaction that lost against a worker's.
const PAUSE: Duration = Duration::from_millis(30);
/// The emulator runs one read-write transaction at a time, and busy workers always have one.
const ATTEMPTS: u32 = 300;

/// Which version of a pipeline is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub active: Version,
    /// The way back.
    pub previous: Option<Version>,
    /// Its tables are going away.
    pub dropping: Option<Version>,
    /// When the active one became so; nothing before the first switch.
    pub switched_at: Option<Timestamp>,
}

impl State {
    /// Of a pipeline that nobody has switched yet.
    pub(super) fn new(active: Version) -> Self {
        Self { active, previous: None, dropping: None, switched_at: None }
    }

    /// The pipeline's row, if it has one.
    ///
    /// # Errors
    /// The bridge's tables are missing; Spanner does not answer.
    pub async fn read(database: &Database, pipeline: &str) -> Result<Option<Self>> {
        Ok(database
            .read(TABLE, &columns(), vec![vec![pipeline.into()]])
            .await?
            .first()
            .and_then(|row| of(row)))
    }

    pub(super) async fn lock(transaction: &mut ReadWrite, pipeline: &str) -> Result<Option<Self>> {
        Ok(transaction
            .read(TABLE, &columns(), vec![vec![pipeline.into()]])
            .await?
            .first()
            .and_then(|row| of(row)))
    }

    /// Writes the row; the time of the switch only when it is one.
    pub(super) fn mutation(&self, pipeline: &str, is_switch: bool) -> Mutation {
        let number = |version: Option<Version>| version.map(Version::number).into();
        let mut columns: Vec<String> =
            ["Pipeline", "Active", "Previous", "Dropping"].map(str::to_owned).to_vec();
        let mut row =
            vec![pipeline.into(), self.active.number().into(), number(self.previous), number(self.dropping)];
        if is_switch {
            columns.push("SwitchedAt".to_owned());
            row.push(Value::CommitTimestamp);
        }
        Mutation { write: Write::Upsert, table: TABLE.into(), columns: columns.into(), rows: vec![row] }
    }
}

fn columns() -> Vec<(String, Type)> {
    COLUMNS.map(|(name, ty)| (name.to_owned(), ty)).to_vec()
}

/// Nothing for a row that no version of the bridge writes.
fn of(row: &[Value]) -> Option<State> {
    let version = |value: &Value| match value {
        Value::Int64(number) => Version::new(*number),
        _ => None,
    };
    let [active, previous, dropping, switched_at] = row else { return None };
    let switched_at = if let Value::Timestamp(at) = switched_at { Some(*at) } else { None };
    Some(State {
        active: version(active)?,
        previous: version(previous),
        dropping: version(dropping),
        switched_at,
    })
}

/// A transaction, again for as long as it loses against others. `attempt` says what to commit, if anything.
pub(super) async fn transact<T>(
    database: &Database,
    mut attempt: impl AsyncFnMut(&mut ReadWrite) -> std::result::Result<(Vec<Mutation>, T), Error>,
) -> std::result::Result<T, Error> {
    let mut attempts = 1;
    loop {
        let outcome = async {
            let mut transaction = database.begin(CommitOptions::default()).await?;
            match attempt(&mut transaction).await {
                Ok((mutations, said)) if mutations.is_empty() => {
                    transaction.rollback().await;
                    Ok(said)
                }
                Ok((mutations, said)) => {
                    transaction.commit(mutations).await?;
                    Ok(said)
                }
                Err(error) => {
                    transaction.rollback().await;
                    Err(error)
                }
            }
        };
        match outcome.await {
            Err(Error::Spanner(error)) if error.kind() == ErrorKind::Aborted && attempts < ATTEMPTS => {
                attempts += 1;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
