use std::str::FromStr;

use spanbridge_spanner::{DatabaseName, Options};

/// Where the database is made that statements are tried on, if that is not beside the pipelines' own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Site {
    /// `projects/p/instances/i`, with the pipelines' own credentials.
    Instance(String),
    /// An emulator's gRPC address, `host:port`.
    Emulator(String),
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "write it as projects/<project>/instances/<instance>, or an emulator's host:port".to_owned();
        if text.contains('/') {
            let name = format!("{text}/databases/d").parse::<DatabaseName>().map_err(|_| wrong())?;
            return Ok(Self::Instance(name.instance_path()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Emulator(text.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

/// The options of a database of that name there. `live` are those of the pipelines' own, `rest` is the REST address of the
/// emulator's gateway.
pub(super) fn options(
    site: Option<&Site>,
    live: &Options,
    of: &DatabaseName,
    name: &str,
    rest: Option<&str>,
) -> Options {
    let (instance, emulator_host) = match site {
        None => (of.instance_path(), live.emulator_host.clone()),
        Some(Site::Instance(instance)) => (instance.clone(), live.emulator_host.clone()),
        Some(Site::Emulator(host)) => (of.instance_path(), Some(host.clone())),
    };
    let rest_endpoint = emulator_host.as_ref().and(rest).map(str::to_owned);
    // Who makes a database may see all of it.
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
    fn an_instance_or_an_emulator() {
        let instance = Site::Instance("projects/p/instances/i".to_owned());
        assert_eq!("projects/p/instances/i".parse(), Ok(instance.clone()));
        let emulator = Site::Emulator("localhost:9010".to_owned());
        assert_eq!("localhost:9010".parse(), Ok(emulator.clone()));
        for wrong in ["", "i", "localhost", ":1", "h:x", "projects/p", "projects/p/instances/i/databases/d"] {
            assert!(wrong.parse::<Site>().is_err(), "{wrong}");
        }
        let live =
            Options { role: Some("r".to_owned()), ..Options::new("projects/p/instances/l/databases/d") };
        let of: DatabaseName = live.database.parse().unwrap();
        let options = |site| options(site, &live, &of, "check", Some("h:1"));
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
