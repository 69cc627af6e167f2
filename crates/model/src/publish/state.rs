//! The whole system, and its steps.

use super::coordinator::Coordinator;
use super::partition_log::PartitionLog;
use super::producer::{Producer, Step as ProducerStep};
use super::{Api, Bounds, Flaw, Publish, Reply, Topic};

/// A state of the system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    coordinator: Coordinator,
    logs: [PartitionLog; 2],
    producers: [Producer; 2],
    /// The producer to which the consumer group has assigned the shard.
    owner: usize,
    /// The requests that have not arrived, in a fixed order.
    network: Vec<Request>,
    faults_left: Bounds,
}

/// A request in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Request {
    api: Api,
    /// The producer that waits for the answer; none for a request of an earlier session or connection.
    sender: Option<usize>,
}

/// A step of the system. Producers are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A request arrives and is answered.
    Deliver {
        /// The producer that waits for the answer.
        producer: usize,
        /// The request.
        request: Api,
    },
    /// A request arrives of which nobody waits for the answer.
    DeliverLate {
        /// The request.
        request: Api,
    },
    /// A request arrives, its answer is lost, and the client sends it again.
    LoseAnswerAndResend {
        /// The producer.
        producer: usize,
        /// The request.
        request: Api,
    },
    /// The client sends a request again. The first request is still in the network.
    Resend {
        /// The producer.
        producer: usize,
        /// The request.
        request: Api,
    },
    /// The session ends: a crash, or no answer in time. The next one begins.
    GiveUp {
        /// The producer.
        producer: usize,
    },
    /// The producer reads the stored position.
    ReadPosition {
        /// The producer.
        producer: usize,
    },
    /// The coordinator writes the marker of a transaction's end to a partition.
    WriteMarker {
        /// The topic.
        topic: Topic,
    },
    /// The coordinator aborts the open transaction after `transaction.timeout.ms`.
    TimeOut,
    /// The other producer takes the shard over, without notice to the owner.
    TakeOver,
}

impl State {
    pub(super) fn new(bounds: Bounds) -> Self {
        let mut state = Self {
            coordinator: Coordinator::default(),
            logs: Default::default(),
            producers: Default::default(),
            owner: 0,
            network: Vec::new(),
            faults_left: bounds,
        };
        state.restart(0, ProducerStep::Init);
        state
    }

    /// Adds the steps that may follow.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) {
        for &Request { api: request, sender } in &self.network {
            let Some(producer) = sender else {
                steps.push(Step::DeliverLate { request });
                continue;
            };
            steps.push(Step::Deliver { producer, request });
            if self.faults_left.resends > 0 {
                steps.push(Step::LoseAnswerAndResend { producer, request });
                steps.push(Step::Resend { producer, request });
            }
        }
        for (producer, it) in self.producers.iter().enumerate() {
            if it.step == ProducerStep::ReadPosition {
                steps.push(Step::ReadPosition { producer });
            }
            if self.faults_left.give_ups > 0 && !matches!(it.step, ProducerStep::Away | ProducerStep::Done) {
                steps.push(Step::GiveUp { producer });
            }
        }
        let due = |topic: &Topic| self.coordinator.due_marker(*topic).is_some();
        steps.extend(Topic::ALL.into_iter().filter(due).map(|topic| Step::WriteMarker { topic }));
        if self.faults_left.timeouts > 0 && self.coordinator.is_open() {
            steps.push(Step::TimeOut);
        }
        if self.faults_left.takeovers > 0 {
            steps.push(Step::TakeOver);
        }
    }

    /// Returns the state after a step; `None` if the step changes nothing.
    pub(super) fn after(&self, step: Step, model: &Publish) -> Option<Self> {
        let mut next = self.clone();
        match step {
            Step::Deliver { producer, request } => next.deliver(producer, request, model),
            Step::DeliverLate { request } => {
                next.execute(request, model);
                next.take(request, None);
            }
            Step::LoseAnswerAndResend { producer, request } => {
                next.faults_left.resends -= 1;
                next.execute(request, model);
                next.producers[producer].is_in_doubt = true;
            }
            Step::Resend { producer, request } => {
                next.faults_left.resends -= 1;
                next.send(request, None);
                next.producers[producer].is_in_doubt = true;
            }
            Step::GiveUp { producer } => {
                next.faults_left.give_ups -= 1;
                next.recover(producer, model.flaw);
            }
            Step::ReadPosition { producer } => next.read_position(producer, model),
            Step::WriteMarker { topic } => {
                let (epoch, is_commit) = next.coordinator.due_marker(topic)?;
                next.logs[topic as usize].write_marker(epoch, is_commit);
                next.coordinator.marker_written(topic);
            }
            Step::TimeOut => {
                next.faults_left.timeouts -= 1;
                next.coordinator.abort();
            }
            Step::TakeOver => {
                next.faults_left.takeovers -= 1;
                next.owner = 1 - next.owner;
                next.restart(next.owner, first_step(model.flaw));
            }
        }
        (next != *self).then_some(next)
    }

    fn deliver(&mut self, producer: usize, request: Api, model: &Publish) {
        if request == Api::Init && self.coordinator.is_open() {
            // Two producers that abort each other's transactions could go on for ever.
            if std::mem::replace(&mut self.producers[producer].has_aborted, true) {
                self.take(request, Some(producer));
                return self.recover(producer, model.flaw);
            }
        }
        match self.execute(request, model) {
            Reply::TryAgain => return,
            Reply::Failed => {
                self.take(request, Some(producer));
                return self.recover(producer, model.flaw);
            }
            Reply::Epoch(epoch) => {
                self.take(request, Some(producer));
                let it = &mut self.producers[producer];
                it.set_epoch(epoch);
                if model.flaw == Flaw::ReadsBeforeFence {
                    it.begin(model.bounds.changes);
                } else {
                    it.step = ProducerStep::ReadPosition;
                }
            }
            Reply::Done => {
                self.take(request, Some(producer));
                let it = &mut self.producers[producer];
                let is_end = matches!(request, Api::Commit { .. });
                if is_end && it.is_in_doubt && model.flaw != Flaw::TrustsResentRequests {
                    return self.recover(producer, model.flaw);
                }
                it.advance(model.bounds.changes);
            }
        }
        self.send_next(producer);
    }

    fn execute(&mut self, request: Api, model: &Publish) -> Reply {
        match request {
            Api::Init => self.coordinator.init(),
            Api::AddPartition { epoch, topic } => self.coordinator.add_partition(epoch, topic),
            Api::Produce { epoch, topic, sequence, change } => {
                let is_verified = || !model.verifies_partitions || self.coordinator.has_open(epoch, topic);
                self.logs[topic as usize].produce((epoch, sequence, change), is_verified)
            }
            Api::Commit { epoch } => self.coordinator.commit(epoch),
        }
    }

    fn read_position(&mut self, producer: usize, model: &Publish) {
        let position = u8::try_from(self.stored_position()).unwrap_or(u8::MAX);
        let it = &mut self.producers[producer];
        it.next = position;
        if it.is_initialised() {
            it.begin(model.bounds.changes);
        } else {
            it.step = ProducerStep::Init;
        }
        self.send_next(producer);
    }

    /// Ends a session. The owner starts the next one: "Doubt means a new epoch" (docs/design/publish-takeover.md).
    fn recover(&mut self, producer: usize, flaw: Flaw) {
        if producer != self.owner {
            self.restart(producer, ProducerStep::Away);
        } else if flaw == Flaw::KeepsEpoch && self.producers[producer].is_initialised() {
            self.abandon_requests(producer);
            self.producers[producer].step = ProducerStep::ReadPosition;
        } else {
            self.restart(producer, first_step(flaw));
        }
    }

    fn restart(&mut self, producer: usize, step: ProducerStep) {
        self.abandon_requests(producer);
        self.producers[producer] = Producer::start(step);
        self.send_next(producer);
    }

    fn abandon_requests(&mut self, producer: usize) {
        for request in &mut self.network {
            request.sender = request.sender.filter(|sender| *sender != producer);
        }
        self.network.sort_unstable();
    }

    fn send_next(&mut self, producer: usize) {
        if let Some(api) = self.producers[producer].request() {
            self.send(api, Some(producer));
        }
    }

    fn send(&mut self, api: Api, sender: Option<usize>) {
        self.network.push(Request { api, sender });
        self.network.sort_unstable();
    }

    fn take(&mut self, api: Api, sender: Option<usize>) {
        if let Some(at) = self.network.iter().position(|it| *it == Request { api, sender }) {
            self.network.remove(at);
        }
    }

    pub(super) fn log(&self, topic: Topic) -> &PartitionLog {
        &self.logs[topic as usize]
    }

    pub(super) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// The number of changes that the committed state records call published.
    pub(super) fn stored_position(&self) -> usize {
        self.log(Topic::State).committed().last().map_or(0, |(_, change)| usize::from(*change) + 1)
    }

    /// The requests of which nobody waits for the answer.
    pub(super) fn late_requests(&self) -> impl Iterator<Item = Api> {
        self.network.iter().filter(|it| it.sender.is_none()).map(|it| it.api)
    }
}

fn first_step(flaw: Flaw) -> ProducerStep {
    if flaw == Flaw::ReadsBeforeFence { ProducerStep::ReadPosition } else { ProducerStep::Init }
}
