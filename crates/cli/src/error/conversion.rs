//! Converts the errors of the libraries, and decides the exit code of each.

use super::{Error, ErrorKind};

impl From<spanbridge_kafka::Error> for Error {
    fn from(error: spanbridge_kafka::Error) -> Self {
        use spanbridge_kafka::ErrorKind as Kafka;
        let kind = match error.kind() {
            Kafka::Unavailable => ErrorKind::Unreachable,
            Kafka::Config | Kafka::Denied | Kafka::Authentication | Kafka::Tls | Kafka::NotFound => {
                ErrorKind::Config
            }
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error.code(), format!("Kafka: {error}"))
    }
}

impl From<spanbridge_spanner::Error> for Error {
    fn from(error: spanbridge_spanner::Error) -> Self {
        use spanbridge_spanner::ErrorKind as Spanner;
        let kind = match error.kind() {
            Spanner::Unavailable => ErrorKind::Unreachable,
            Spanner::Config | Spanner::Denied => ErrorKind::Config,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error.kind().code(), format!("Spanner: {error}")).with_help(error.kind().help())
    }
}

impl From<spanbridge_schema::Error> for Error {
    fn from(error: spanbridge_schema::Error) -> Self {
        use spanbridge_schema::ErrorKind as Schema;
        let kind = match error.kind() {
            Schema::Unavailable => ErrorKind::Unreachable,
            Schema::Configuration | Schema::Unauthorized => ErrorKind::Config,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error.code(), error.to_string())
    }
}

impl From<spanbridge_telemetry::Error> for Error {
    fn from(error: spanbridge_telemetry::Error) -> Self {
        use spanbridge_telemetry::ErrorKind as Telemetry;
        let kind = match error.kind() {
            Telemetry::LogFilter | Telemetry::Endpoint | Telemetry::Sample | Telemetry::Listen => {
                ErrorKind::Config
            }
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error.code(), error.to_string())
    }
}

impl From<spanbridge_ingest::Error> for Error {
    fn from(error: spanbridge_ingest::Error) -> Self {
        use spanbridge_ingest::{Error as Ingest, ErrorKind as Kind};
        let kind = match error.kind() {
            Kind::Config | Kind::Refused | Kind::Denied | Kind::NotMigrated => ErrorKind::Config,
            Kind::NewerTables | Kind::UnknownVersion | Kind::StartPosition => ErrorKind::Config,
            Kind::Unreachable => ErrorKind::Unreachable,
            _ => ErrorKind::Failed,
        };
        match error {
            Ingest::Config(error) => error.into(),
            Ingest::Spanner(error) => error.into(),
            Ingest::Kafka(error) => error.into(),
            error => {
                let converted = Self::new(kind, error.kind().code(), error.to_string());
                match error.kind().help() {
                    Some(help) => converted.with_help(help),
                    None => converted,
                }
            }
        }
    }
}

impl From<spanbridge_publish::Error> for Error {
    fn from(error: spanbridge_publish::Error) -> Self {
        use spanbridge_publish::{Error as Publish, ErrorKind as Kind};
        let kind = match error.kind() {
            Kind::Config | Kind::Refused | Kind::Denied | Kind::NewerState => ErrorKind::Config,
            Kind::SnapshotRefused => ErrorKind::Config,
            Kind::Unreachable => ErrorKind::Unreachable,
            _ => ErrorKind::Failed,
        };
        match error {
            Publish::Config(error) => error.into(),
            Publish::Kafka(error) => error.into(),
            Publish::Spanner(error) => error.into(),
            error => Self::new(kind, error.kind().code(), error.to_string()),
        }
    }
}

#[cfg(feature = "demo")]
impl From<spanbridge_demo::Error> for Error {
    fn from(error: spanbridge_demo::Error) -> Self {
        use spanbridge_demo::Error as Demo;
        match error {
            Demo::Kafka(error) => error.into(),
            Demo::Spanner(error) => error.into(),
            Demo::Schema(error) => error.into(),
            Demo::Testbed(error) => {
                let kind = match error.kind().is_of_worker() {
                    true => ErrorKind::Failed,
                    false => ErrorKind::Unreachable,
                };
                Self::new(kind, error.kind().code(), error.to_string())
            }
            Demo::Verify(error) => error.into(),
            Demo::Demo { kind, message, logs } => {
                let converted = Self::new(ErrorKind::Failed, kind.code(), message);
                match logs {
                    Some(folder) => converted.with_help(format!(
                        "the configuration and the logs of the services are in {}",
                        folder.display()
                    )),
                    None => converted,
                }
            }
            Demo::Step { step, source } => Self::from(*source).in_context(format_args!("cannot {step}")),
        }
    }
}

#[cfg(feature = "demo")]
impl From<spanbridge_demo::VerifyError> for Error {
    fn from(error: spanbridge_demo::VerifyError) -> Self {
        use spanbridge_demo::VerifyError as Verify;
        match error {
            Verify::Kafka(error) => error.into(),
            Verify::Spanner(error) => error.into(),
            Verify::Schema(error) => error.into(),
            Verify::Unexpected { kind, message } => Self::new(ErrorKind::Failed, kind.code(), message),
            Verify::At { place, source } => Self::from(*source).in_context(place),
        }
    }
}
