use std::time::{Duration, Instant};

use spanbridge_config::Version;

use super::positions::{self, behind};
use super::views::Views;
use super::{State, Versions, state};
use crate::{Error, ErrorKind};

/// Between two looks at the positions.
const PAUSE: Duration = Duration::from_millis(100);

/// When a switch may be made.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// How many records the version may be behind the active one.
    pub most_behind: i64,
    /// How long it is waited for.
    pub wait: Duration,
    /// Whatever it is behind.
    pub force: bool,
}

/// A switch, or that there was nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switched {
    pub from: Version,
    pub to: Version,
    /// Records that the version was behind in the same transaction.
    pub behind: i64,
}

/// Makes a version the one that is read: one commit, which reads the positions of both under lock, so that neither
/// moves in between.
///
/// # Errors
/// The version has no positions or is behind, the views do not show it; Spanner does not answer.
pub async fn switch(versions: &Versions<'_>, to: Version, rule: Rule) -> Result<Switched, Error> {
    let database = versions.live.database;
    let stored = State::read(database, versions.name).await?;
    let views = Views::of(versions, stored.as_ref(), None).await?;
    if !views.shown.contains(&to) {
        let message = format!("no table of version {to} exists");
        return Err(versions.error(ErrorKind::NotStarted, message));
    }
    if !views.statements.is_empty() {
        let message =
            format!("the Live views do not show version {to} as it is: {}", views.statements.join("; "));
        return Err(versions.error(ErrorKind::View, message));
    }
    let until = Instant::now() + rule.wait;
    loop {
        match attempt(versions, to, rule).await {
            Err(error) if error.kind() == ErrorKind::Behind && Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn attempt(versions: &Versions<'_>, to: Version, rule: Rule) -> Result<Switched, Error> {
    let turn = async |transaction: &mut spanbridge_spanner::ReadWrite| -> Result<_, Error> {
        let stored = State::lock(transaction, versions.name).await?;
        let state = stored.unwrap_or(State::new(Version::FIRST));
        if state.dropping == Some(to) {
            let message = format!("version {to} is being dropped");
            return Err(versions.error(ErrorKind::Dropping, message));
        }
        if stored.is_some() && state.active == to {
            return Ok((Vec::new(), Switched { from: to, to, behind: 0 }));
        }
        let [own, other] = [to, state.active].map(|version| versions.identity(version));
        let [positions, others] = positions::locked(transaction, [&own, &other]).await?;
        let behind = behind(&positions, &others);
        if positions.is_empty() && !rule.force {
            let message = format!("version {to} has no positions");
            return Err(versions.error(ErrorKind::NotStarted, message));
        }
        if behind > rule.most_behind && !rule.force {
            let message = format!(
                "version {to} is {behind} records behind version {}: readers would see time go back",
                state.active
            );
            return Err(versions.error(ErrorKind::Behind, message));
        }
        let previous = (state.active != to).then_some(state.active);
        let next = State { active: to, previous, ..state };
        Ok((vec![next.mutation(versions.name, true)], Switched { from: state.active, to, behind }))
    };
    let database = versions.live.database;
    match state::transact(database, turn).await {
        // Whether it came through is one row.
        Err(Error::Spanner(error)) if error.kind() == spanbridge_spanner::ErrorKind::InDoubt => {
            let stored = State::read(database, versions.name).await?;
            match stored.filter(|state| state.active == to) {
                Some(state) => Ok(Switched { from: state.previous.unwrap_or(to), to, behind: 0 }),
                None => Err(error.into()),
            }
        }
        outcome => outcome,
    }
}
