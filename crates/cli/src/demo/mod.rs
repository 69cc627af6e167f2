//! `spanbridge demo`: real parts, real data, both services, and the checks of what came out.

mod check;
mod checks;
mod database;
mod drive;
mod evidence;
mod expected;
mod figures;
mod fleet;
mod flights;
mod latency;
mod load;
mod names;
mod options;
mod parts;
mod plan;
mod report;
mod screen;
mod settings;
mod story;
mod told;
mod watch;

use std::time::Duration;

pub use options::Options;

use crate::{Error, Kind, Result};

/// Of one call to Kafka.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs the demo. Ends at once, with all that it started, at a Ctrl-C or SIGTERM.
///
/// # Errors
/// A prerequisite is missing, a part or a service failed, a check failed.
pub async fn run(options: Options) -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Error::io("cannot wait for SIGTERM", &error))?;
    let interrupt = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(interrupt);
    let told = tokio::select! {
        told = story::tell(&options) => told?,
        () = &mut interrupt => {
            return Err(Error::new(Kind::Failed, "demo-interrupted", "interrupted before its end"));
        }
    };
    told.report().print(options.json)?;
    if options.keep {
        told.stay(interrupt).await?;
    }
    told.end().await
}
