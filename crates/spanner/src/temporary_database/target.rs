use std::str::FromStr;

use crate::name::DatabaseName;
use crate::options::Options;

/// The place where a [`TemporaryDatabase`](super::TemporaryDatabase) is created, when that is not the instance of the live
/// database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemporaryDatabaseTarget {
    /// An instance, `projects/p/instances/i`, with the credentials of the live database.
    Instance(String),
    /// The gRPC address of an emulator, `host:port`.
    Emulator(String),
}

impl FromStr for TemporaryDatabaseTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            || "expected projects/<project>/instances/<instance>, or the host:port of an emulator".to_owned();
        if text.contains('/') {
            let name = format!("{text}/databases/d").parse::<DatabaseName>().map_err(|_| invalid())?;
            return Ok(Self::Instance(name.instance_path()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Emulator(text.to_owned()))
            }
            _ => Err(invalid()),
        }
    }
}

/// Returns the options of the database `name` at the target.
///
/// `live` are the options of the live database and `live_name` is its name. `rest` is the REST address of the emulator's
/// gateway; it is ignored without an emulator.
pub(super) fn options(
    target: Option<&TemporaryDatabaseTarget>,
    live: &Options,
    live_name: &DatabaseName,
    name: &str,
    rest: Option<&str>,
) -> Options {
    use TemporaryDatabaseTarget::{Emulator, Instance};
    let (instance, emulator_host) = match target {
        None => (live_name.instance_path(), live.emulator_host.clone()),
        Some(Instance(instance)) => (instance.clone(), live.emulator_host.clone()),
        Some(Emulator(host)) => (live_name.instance_path(), Some(host.clone())),
    };
    let rest_endpoint = emulator_host.as_ref().and(rest).map(str::to_owned);
    // The live database's role does not exist in a new database, whose creator may see everything.
    Options {
        database: format!("{instance}/databases/{name}"),
        emulator_host,
        rest_endpoint,
        role: None,
        ..live.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_an_instance_or_an_emulator() {
        let instance = TemporaryDatabaseTarget::Instance("projects/p/instances/i".to_owned());
        assert_eq!("projects/p/instances/i".parse(), Ok(instance.clone()));
        let emulator = TemporaryDatabaseTarget::Emulator("localhost:9010".to_owned());
        assert_eq!("localhost:9010".parse(), Ok(emulator.clone()));
        for invalid in ["", "i", "localhost", ":1", "h:x", "projects/p", "projects/p/instances/i/databases/d"]
        {
            assert!(invalid.parse::<TemporaryDatabaseTarget>().is_err(), "{invalid}");
        }
        let live =
            Options { role: Some("r".to_owned()), ..Options::new("projects/p/instances/l/databases/d") };
        let live_name: DatabaseName = live.database.parse().unwrap();
        let options = |target| options(target, &live, &live_name, "check", Some("h:1"));
        assert_eq!(options(None).database, "projects/p/instances/l/databases/check");
        assert_eq!((options(None).rest_endpoint, options(None).role), (None, None));
        assert_eq!(options(Some(&instance)).database, "projects/p/instances/i/databases/check");
        let at = options(Some(&emulator));
        assert_eq!(at.database, "projects/p/instances/l/databases/check");
        assert_eq!(
            (at.emulator_host.as_deref(), at.rest_endpoint.as_deref()),
            (Some("localhost:9010"), Some("h:1"))
        );
    }
}
