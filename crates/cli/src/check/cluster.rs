//! The check of the Kafka cluster: what it can do, which access control lists are missing, and whether topics wrap their rows.

use std::time::Duration;

use spanbridge_config::{Config, Format, Ingest, Publish, Span, Unwrap};
use spanbridge_ingest::check::{Finding, Severity};
use spanbridge_kafka::{
    Admin, ClientOptions, ClusterProbe, Error as KafkaError, ErrorKind as KafkaErrorKind,
};
use spanbridge_schema::debezium::Wrapper;

use crate::error::Result;

/// The longest time that one question may take.
const LIMIT: Duration = Duration::from_secs(15);
const CLEANUP_POLICY: &str = "cleanup.policy";

/// Asks the cluster for what each pipeline needs. No message is written, and no group is joined.
pub(super) struct ClusterCheck<'a> {
    config: &'a Config,
    probe: ClusterProbe,
    admin: Admin,
}

/// An access control list that a pipeline needs.
struct Grant<'a> {
    operation: &'a str,
    /// The option of `kafka-acls` that names the type of the resource.
    resource: &'a str,
    name: &'a str,
    is_prefix: bool,
}

impl<'a> ClusterCheck<'a> {
    pub(super) fn new(config: &'a Config, kafka: &ClientOptions) -> Result<Self> {
        Ok(Self { config, probe: ClusterProbe::new(kafka, LIMIT)?, admin: Admin::new(kafka, LIMIT)? })
    }

    /// Returns what an ingest pipeline lacks.
    pub(super) async fn of_ingest(&self, pipeline: &Ingest) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for topic in pipeline.topics.names() {
            let grant = Grant::new("Read", "topic", topic);
            self.note(&mut findings, topic.span, &grant, self.probe.read_topic(topic).await)?;
        }
        if findings.is_empty()
            && pipeline.value.format == Format::Json
            && pipeline.value.unwrap == Unwrap::None
        {
            self.wrapped_values(&mut findings, pipeline).await?;
        }
        let group = format!("spanbridge.ingest.{}", pipeline.identity());
        if let Some(topic) = pipeline.topics.names().first() {
            let grant = Grant::new("Read", "group", &group);
            let answer = self.probe.describe_group(&group, topic).await;
            self.note(&mut findings, pipeline.topics.span(), &grant, answer)?;
        }
        Ok(findings)
    }

    /// Warns about a topic whose values wrap their rows, judging by one of its last records.
    async fn wrapped_values(&self, findings: &mut Vec<Finding>, pipeline: &Ingest) -> Result<()> {
        for topic in pipeline.topics.names() {
            let value = match self.probe.sample_value(topic).await {
                // Reported elsewhere.
                Err(error) if error.kind() == KafkaErrorKind::NotFound => continue,
                value => value?,
            };
            let (what, word) = match value.as_deref().and_then(Wrapper::of_json) {
                Some(Wrapper::Connect) => ("`{schema, payload}` of Connect's JSON converter", "connect"),
                Some(Wrapper::Debezium) => ("change events of Debezium", "debezium"),
                None => continue,
            };
            let message = format!("topic `{topic}` has {what}, and the pipeline reads them as rows");
            let help = format!("write unwrap = \"{word}\" beside `format`");
            let error = self.config.error_at(pipeline.value.span, "SB-CHECK-UNWRAP", message, help);
            findings.push(Finding { severity: Severity::Warning, error });
        }
        Ok(())
    }

    /// Returns what a publish pipeline lacks.
    pub(super) async fn of_publish(&self, pipeline: &Publish) -> Result<Vec<Finding>> {
        let (mut findings, span) = (Vec::new(), pipeline.name.span);
        let (prefix, state) = (format!("{}-", pipeline.name), pipeline.state_topic());
        let grant = Grant { is_prefix: true, ..Grant::new("Write", "transactional-id", &prefix) };
        let answer = self.probe.initialize_transactions(&format!("{prefix}check")).await;
        if let Err(error) = &answer
            && error.kind() == KafkaErrorKind::Config
        {
            let message = format!("the cluster offers no transactions: {error}");
            let help =
                "publish to a cluster with transactions; docs/compatibility.md lists those that have them";
            findings.push(self.finding(span, "SB-CHECK-CLUSTER", message, help));
        } else {
            self.note(&mut findings, span, &grant, answer)?;
        }
        // A start creates the state topic if it does not exist.
        let answer = self.probe.read_topic(&state).await;
        let has_state = answer.as_ref().err().is_none_or(|error| error.kind() != KafkaErrorKind::NotFound);
        self.note(&mut findings, span, &Grant::new("Read", "topic", &state), answer)?;
        if has_state {
            self.compaction(&mut findings, span, &state).await?;
        }
        let group = format!("spanbridge.publish.{}", pipeline.name);
        let answer = self.probe.describe_group(&group, &state).await;
        self.note(&mut findings, span, &Grant::new("Read", "group", &group), answer)?;
        Ok(findings)
    }

    async fn compaction(&self, findings: &mut Vec<Finding>, span: Span, state: &str) -> Result<()> {
        match self.admin.topic_config(state, CLEANUP_POLICY).await {
            Ok(Some(policy)) if policy.split(',').all(|word| word.trim() != "compact") => {
                let message =
                    format!("the state topic `{state}` has {CLEANUP_POLICY}={policy}, so its records expire");
                let help = format!("set {CLEANUP_POLICY}=compact on it, on a cluster that compacts topics");
                findings.push(self.finding(span, "SB-CHECK-CLUSTER", message, help));
                Ok(())
            }
            // A principal that may not describe the configuration may still write to the topic. With OAuth nobody can ask.
            Ok(_) => Ok(()),
            Err(error) if error.kind() == KafkaErrorKind::Denied => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds a finding if the answer is a refusal. A topic that does not exist is reported elsewhere.
    fn note<T>(
        &self,
        findings: &mut Vec<Finding>,
        span: Span,
        grant: &Grant<'_>,
        answer: std::result::Result<T, KafkaError>,
    ) -> Result<()> {
        match answer {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == KafkaErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == KafkaErrorKind::Denied => {
                findings.push(self.finding(span, "SB-CHECK-PERMISSION", grant.message(), grant.command()));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn finding(
        &self,
        span: Span,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Finding {
        Finding { severity: Severity::Error, error: self.config.error_at(span, code, message, help) }
    }
}

impl<'a> Grant<'a> {
    fn new(operation: &'a str, resource: &'a str, name: &'a str) -> Self {
        Self { operation, resource, name, is_prefix: false }
    }

    fn message(&self) -> String {
        let Self { operation, resource, name, is_prefix } = self;
        let kind = resource.replace('-', " ");
        let prefix = if *is_prefix { "s that begin with" } else { "" };
        format!("the principal lacks {operation} on the {kind}{prefix} `{name}`")
    }

    /// The command that grants the list.
    fn command(&self) -> String {
        let Self { operation, resource, name, is_prefix } = self;
        let pattern = if *is_prefix { " --resource-pattern-type prefixed" } else { "" };
        format!(
            "grant it: kafka-acls --bootstrap-server <broker> --add --allow-principal User:<the principal> \
             --operation {operation} --{resource} '{name}'{pattern}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_grants_what_the_message_names() {
        let grant = Grant::new("Read", "group", "spanbridge.ingest.orders");
        assert_eq!(grant.message(), "the principal lacks Read on the group `spanbridge.ingest.orders`");
        assert!(grant.command().ends_with("--operation Read --group 'spanbridge.ingest.orders'"));
        let grant = Grant { is_prefix: true, ..Grant::new("Write", "transactional-id", "orders-") };
        assert_eq!(
            grant.message(),
            "the principal lacks Write on the transactional ids that begin with `orders-`"
        );
        let end = "--transactional-id 'orders-' --resource-pattern-type prefixed";
        assert!(grant.command().ends_with(end), "{}", grant.command());
    }
}
