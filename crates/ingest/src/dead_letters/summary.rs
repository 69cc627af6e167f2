use spanbridge_protocol::value::{Timestamp, Type, Value};

use super::address::DeadLetterAddress;
use super::unexpected_row;
use crate::Error;

/// A dead letter without its record.
#[derive(Debug, Clone)]
pub struct DeadLetterSummary {
    /// The address of the record.
    pub address: DeadLetterAddress,
    /// The code of the error, such as `SB-INGEST-DECODE`.
    pub code: String,
    /// The message of the error. It contains no data of the record.
    pub message: String,
    /// The commit time of the dead letter.
    pub failed_at: Timestamp,
}

impl DeadLetterSummary {
    pub(super) fn columns() -> Vec<(String, Type)> {
        super::typed_columns(&[
            ("Pipeline", Type::String),
            ("Topic", Type::String),
            ("KafkaPartition", Type::Int64),
            ("KafkaOffset", Type::Int64),
            ("Code", Type::String),
            ("Message", Type::String),
            ("FailedAt", Type::Timestamp),
        ])
    }

    /// Returns the summary in a row of [`Self::columns`].
    pub(super) fn from_row(row: Vec<Value>) -> Result<Self, Error> {
        match <[Value; 7]>::try_from(row) {
            Ok(
                [
                    Value::String(pipeline),
                    Value::String(topic),
                    Value::Int64(partition),
                    Value::Int64(offset),
                    Value::String(code),
                    Value::String(message),
                    Value::Timestamp(failed_at),
                ],
            ) => {
                let address = DeadLetterAddress { pipeline, topic, partition, offset };
                Ok(Self { address, code, message, failed_at })
            }
            Ok([Value::String(pipeline), ..]) => Err(unexpected_row(&pipeline)),
            _ => Err(unexpected_row("")),
        }
    }
}
