use std::fmt::Display;

/// The consequence of a pipeline's failure for its supervisor. `policy.rs` of each service assigns it to each kind of
/// error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// Kafka, Spanner or the registry does not answer, or the pipeline dropped its state because of a bug. A restart
    /// may succeed.
    Retriable,
    /// Kafka, Spanner or the registry refuses the credentials. A restart reads the secrets again and may succeed.
    Credentials,
    /// A person must fix the cause.
    Permanent,
}

/// The error with which a supervised pipeline ends.
pub trait PipelineFailure: Display + Send + 'static {
    /// Returns the consequence for the supervisor.
    fn class(&self) -> FailureClass;

    /// Returns the stable code for logs.
    fn code(&self) -> &str;

    /// Returns the error of a pipeline that panicked. Its class is [`FailureClass::Retriable`].
    fn panicked(pipeline: &str) -> Self;
}
