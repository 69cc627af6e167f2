/// The kind of a pipeline's error, which has a stable code.
pub trait ErrorCode: Copy {
    /// Returns the stable code for logs and documentation, such as `SB-INGEST-CONFIG`.
    fn code(self) -> &'static str;
}

/// The reason why a pipeline ended, with the pipeline's name.
///
/// The message ends with the code of its kind, so that every log line and every status answer leads to a page of
/// docs/errors.
#[derive(Debug, thiserror::Error)]
#[error("{service} {pipeline}: {message} [{}]", kind.code())]
pub struct PipelineError<K: ErrorCode> {
    service: &'static str,
    pipeline: String,
    kind: K,
    message: String,
}

impl<K: ErrorCode> PipelineError<K> {
    /// Returns the error of one pipeline; `service` is `ingest` or `publish`.
    pub fn new(service: &'static str, pipeline: &str, kind: K, message: impl Into<String>) -> Self {
        Self { service, pipeline: pipeline.to_owned(), kind, message: message.into() }
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> K {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    struct Gone;

    impl ErrorCode for Gone {
        fn code(self) -> &'static str {
            "TEST-GONE"
        }
    }

    #[test]
    fn message_names_the_pipeline_and_ends_with_the_code() {
        let error = PipelineError::new("ingest", "orders", Gone, "topic `t` does not exist");
        assert_eq!(error.to_string(), "ingest orders: topic `t` does not exist [TEST-GONE]");
    }
}
