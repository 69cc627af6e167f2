//! Both services with exactly the access control lists of docs/permissions.md, and without each that a start needs.

use spanbridge_kafka::Reader;
use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Acl, KafkaUser, Listener, Operation, PLAIN_USERS, Resource};

use super::way::{Access, Way};
use super::{Broker, broker};
use crate::fixture::{TIMEOUT, findings, wait_for};

const PAGE: &str = include_str!("../../../docs/permissions.md");
const INGEST: KafkaUser = PLAIN_USERS[0];
const PUBLISH: KafkaUser = PLAIN_USERS[1];

/// One list: its principal, and the row of the page to which it belongs.
struct Documented {
    acl: Acl,
    row: &'static str,
    /// The word for the type of the resource in errors.
    resource: &'static str,
}

fn documented(way: &Way) -> Vec<Documented> {
    let list = |user: KafkaUser, resource, name: &str, operation| Acl {
        principal: format!("User:{}", user.0),
        resource,
        name: name.to_owned(),
        is_prefix: resource == Resource::TransactionalId,
        operation,
    };
    let state = format!("out-{}.spanbridge-state", way.id);
    let mut all = vec![
        (
            INGEST,
            Resource::Topic,
            way.topics[0].clone(),
            Operation::Read,
            "`ingest` | topic | each topic of `topics` | Read",
        ),
        (
            INGEST,
            Resource::Group,
            format!("spanbridge.ingest.in-{}", way.id),
            Operation::Read,
            "`ingest` | group | `spanbridge.ingest.PIPELINE` | Read",
        ),
        (
            PUBLISH,
            Resource::Topic,
            way.published.clone(),
            Operation::Write,
            "`publish` | topic | each topic that it writes | Write",
        ),
        (
            PUBLISH,
            Resource::Topic,
            way.published.clone(),
            Operation::Create,
            "`publish` | topic | each topic that does not exist yet | Create",
        ),
        (
            PUBLISH,
            Resource::Group,
            format!("spanbridge.publish.out-{}", way.id),
            Operation::Read,
            "`publish` | group | `spanbridge.publish.PIPELINE` | Read",
        ),
        (
            PUBLISH,
            Resource::TransactionalId,
            format!("out-{}-", way.id),
            Operation::Write,
            "`publish` | transactional id | `PIPELINE-` (prefix) | Write",
        ),
    ];
    for operation in [Operation::Read, Operation::Write, Operation::Create, Operation::DescribeConfigs] {
        let row = "`publish` | topic | `PIPELINE.spanbridge-state` | Read, Write, Create, DescribeConfigs";
        all.push((PUBLISH, Resource::Topic, state.clone(), operation, row));
    }
    let documented = all.into_iter().map(|(user, resource, name, operation, row)| Documented {
        acl: list(user, resource, &name, operation),
        row,
        resource: match resource {
            Resource::Topic => "topic",
            Resource::Group => "group",
            Resource::Cluster => "cluster",
            Resource::TransactionalId => "transactional id",
        },
    });
    documented.collect()
}

fn access(broker: &Broker, user: KafkaUser) -> Access {
    Access::sasl(broker, Listener::SaslPlaintext, "SCRAM-SHA-256", user)
}

/// Ingest and publish are different principals on the same database and topics.
async fn ways(broker: &Broker) -> [Way; 2] {
    let ingest = Way::new(&access(broker, INGEST), &[&[]]).await;
    let publish = ingest.with_access(&access(broker, PUBLISH));
    [ingest, publish]
}

/// Checks the pipeline `in` or `out` of a way, and returns the commands that grant what it lacks.
fn lacking(way: &Way, pipeline: &str) -> Vec<String> {
    let output = way.command(&["check", "--live", "--json", "--pipeline", &format!("{pipeline}-{}", way.id)]);
    let findings = findings(&output);
    let lacking = findings.iter().filter(|finding| finding["code"] == "SB-CHECK-PERMISSION");
    lacking.map(|finding| finding["help"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_run_with_the_documented_lists() {
    let broker = broker().await;
    let [ingest, publish] = ways(broker).await;
    let lists = documented(&ingest);
    for Documented { row, .. } in &lists {
        assert!(PAGE.contains(row), "docs/permissions.md lacks: {row}");
    }
    broker.kafka.replace_acls(lists.iter().map(|list| list.acl.clone()).collect()).await.unwrap();
    ingest.produce(&ingest.topics[0], "none", 0..20).await;
    let mut services = [ingest.start(Service::Ingest), publish.start(Service::Publish)];
    let reader = Reader::new(&broker.options(), TIMEOUT).unwrap();
    wait_for("all changes", async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        reader.read_to_end(&ingest.published).await.is_ok_and(|records| records.len() == 20)
    })
    .await;
    for service in services {
        service.stop(TIMEOUT).await.unwrap();
    }

    for (way, pipeline) in [(&ingest, "in"), (&publish, "out")] {
        assert_eq!(lacking(way, pipeline), [""; 0], "{pipeline}");
    }

    // The topics exist now, so Create is no longer needed. Without changes, publish does not write its state, and it
    // does without the configuration of the state topic.
    let is_needed_at_start = |list: &&Documented| {
        let is_state = list.acl.name.ends_with(".spanbridge-state");
        list.acl.operation != Operation::Create && (!is_state || list.acl.operation == Operation::Read)
    };
    for missing in lists.iter().filter(is_needed_at_start) {
        let rest = lists.iter().filter(|list| list.acl != missing.acl).map(|list| list.acl.clone());
        broker.kafka.replace_acls(rest.collect()).await.unwrap();
        let (way, service, pipeline) = match missing.acl.principal.as_str() {
            principal if principal.ends_with(INGEST.0) => (&ingest, Service::Ingest, "in"),
            _ => (&publish, Service::Publish, "out"),
        };
        let findings = lacking(way, pipeline);
        match missing.row.contains("each topic that it writes") {
            // To ask for it would write.
            true => assert_eq!(findings, [""; 0], "{pipeline}"),
            false => {
                let operation = format!(
                    "--operation {:?} --{}",
                    missing.acl.operation,
                    missing.resource.replace(' ', "-")
                );
                assert!(
                    matches!(findings.as_slice(), [one] if one.contains(&operation)),
                    "{operation}: {findings:?}"
                );
                assert!(findings[0].contains(&missing.acl.name), "{findings:?}");
            }
        }
        let mut worker = way.start(service);
        let before = way.log(service).len();
        wait_for(&format!("error without {:?}", missing.acl), async || {
            worker.check_running().unwrap();
            let log = way.log(service)[before..].to_owned();
            log.contains("SB-KAFKA-DENIED") && log.contains(missing.resource)
        })
        .await;
        worker.kill().await.unwrap();
    }
}
