use spanbridge_config::Version;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{Database, ReadWrite, Result};

/// The table of the versions' states.
pub(super) const TABLE: &str = "BridgeVersions";
const COLUMNS: [(&str, Type); 4] = [
    ("Active", Type::Int64),
    ("Previous", Type::Int64),
    ("Dropping", Type::Int64),
    ("SwitchedAt", Type::Timestamp),
];

/// The row of a pipeline in `BridgeVersions`: the version that readers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionState {
    /// The version that readers see.
    pub active: Version,
    /// The version before the last switch, to which a switch can return.
    pub previous: Option<Version>,
    /// The version whose drop has begun and is not finished.
    pub dropping: Option<Version>,
    /// The time of the last switch.
    pub switched_at: Option<Timestamp>,
}

impl VersionState {
    /// Returns the state of a pipeline before its first switch.
    pub(super) fn new(active: Version) -> Self {
        Self { active, previous: None, dropping: None, switched_at: None }
    }

    /// Reads the pipeline's row, if it has one.
    ///
    /// # Errors
    /// The bridge's tables are missing; Spanner does not answer.
    pub async fn read(database: &Database, pipeline: &str) -> Result<Option<Self>> {
        Ok(database
            .read(TABLE, &columns(), vec![vec![pipeline.into()]])
            .await?
            .first()
            .and_then(|row| from_row(row)))
    }

    /// Reads the pipeline's row under lock.
    ///
    /// # Errors
    /// Spanner does not answer, or the transaction is aborted.
    pub(super) async fn lock(transaction: &mut ReadWrite, pipeline: &str) -> Result<Option<Self>> {
        Ok(transaction
            .read(TABLE, &columns(), vec![vec![pipeline.into()]])
            .await?
            .first()
            .and_then(|row| from_row(row)))
    }

    /// Returns the mutation that writes the row. Only a switch sets its time.
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

/// Returns the state of a row, or `None` if the row is invalid.
fn from_row(row: &[Value]) -> Option<VersionState> {
    let version = |value: &Value| match value {
        Value::Int64(number) => Version::new(*number),
        _ => None,
    };
    let [active, previous, dropping, switched_at] = row else { return None };
    let switched_at = if let Value::Timestamp(at) = switched_at { Some(*at) } else { None };
    Some(VersionState {
        active: version(active)?,
        previous: version(previous),
        dropping: version(dropping),
        switched_at,
    })
}
