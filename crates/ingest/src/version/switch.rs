use std::time::{Duration, Instant};

use spanbridge_config::Version;

use super::live_views::LiveViews;
use super::positions::{self, behind};
use super::{VersionState, Versions, transaction};
use crate::{Error, ErrorKind};

/// The pause between two reads of the positions.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The condition of a switch.
#[derive(Debug, Clone, Copy)]
pub struct SwitchCondition {
    /// The maximum number of records by which the version may be behind the active one.
    pub max_behind: i64,
    /// The maximum time to wait for the condition.
    pub wait: Duration,
    /// True to switch regardless of the positions.
    pub force: bool,
}

/// The result of a switch. `from` equals `to` if the version was already active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchReport {
    /// The version that was active.
    pub from: Version,
    /// The version that is active now.
    pub to: Version,
    /// The number of records by which the version was behind in the same transaction.
    pub behind: i64,
}

/// Makes a version the active one in one commit. The commit reads the positions of both versions under lock, so that
/// neither advances in between.
///
/// # Errors
/// The version has no positions or is behind, the Live views do not show it, or Spanner does not answer.
pub async fn switch(
    versions: &Versions<'_>,
    to: Version,
    condition: SwitchCondition,
) -> Result<SwitchReport, Error> {
    let database = versions.environment.database;
    let stored = VersionState::read(database, versions.name).await?;
    let views = LiveViews::plan(versions, stored.as_ref(), None).await?;
    if !views.shown.contains(&to) {
        let message = format!("no table of version {to} exists");
        return Err(versions.error(ErrorKind::NotStarted, message));
    }
    if !views.statements.is_empty() {
        let message = format!(
            "the Live views do not show version {to} in its current form: {}",
            views.statements.join("; ")
        );
        return Err(versions.error(ErrorKind::LiveView, message));
    }
    let until = Instant::now() + condition.wait;
    loop {
        match try_switch(versions, to, condition).await {
            Err(error) if error.kind() == ErrorKind::Behind && Instant::now() < until => {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            outcome => return outcome,
        }
    }
}

async fn try_switch(
    versions: &Versions<'_>,
    to: Version,
    condition: SwitchCondition,
) -> Result<SwitchReport, Error> {
    let attempt = async |transaction: &mut spanbridge_spanner::ReadWrite| -> Result<_, Error> {
        let stored = VersionState::lock(transaction, versions.name).await?;
        let state = stored.unwrap_or(VersionState::new(Version::FIRST));
        if state.dropping == Some(to) {
            let message = format!("version {to} is being dropped");
            return Err(versions.error(ErrorKind::Dropping, message));
        }
        if stored.is_some() && state.active == to {
            return Ok((Vec::new(), SwitchReport { from: to, to, behind: 0 }));
        }
        let [own, other] = [to, state.active].map(|version| versions.identity(version));
        let [positions, others] = positions::locked(transaction, [&own, &other]).await?;
        let behind = behind(&positions, &others);
        if positions.is_empty() && !condition.force {
            let message = format!("version {to} has no positions");
            return Err(versions.error(ErrorKind::NotStarted, message));
        }
        if behind > condition.max_behind && !condition.force {
            let message = format!(
                "version {to} is {behind} records behind version {}: readers would see older data",
                state.active
            );
            return Err(versions.error(ErrorKind::Behind, message));
        }
        let previous = (state.active != to).then_some(state.active);
        let next = VersionState { active: to, previous, ..state };
        Ok((vec![next.mutation(versions.name, true)], SwitchReport { from: state.active, to, behind }))
    };
    let database = versions.environment.database;
    match transaction::transact(database, attempt).await {
        // The row shows whether the commit has taken effect.
        Err(Error::Spanner(error)) if error.kind() == spanbridge_spanner::ErrorKind::InDoubt => {
            let stored = VersionState::read(database, versions.name).await?;
            match stored.filter(|state| state.active == to) {
                Some(state) => Ok(SwitchReport { from: state.previous.unwrap_or(to), to, behind: 0 }),
                None => Err(error.into()),
            }
        }
        outcome => outcome,
    }
}
