//! The change streams of one database.

use std::collections::HashMap;
use std::sync::Arc;

use spanbridge_protocol::value::Timestamp;

use super::partition::Partition;
use super::record::{Commitment, RowChange, SLOTS, records};
use crate::refusal::{Error, Result};
use crate::schema::{ChangeStream, Schema};

/// The change streams of one database.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: Vec<Stream>,
    transactions: u64,
}

/// One change stream with all its partitions, including ended ones.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) definition: Arc<ChangeStream>,
    pub(super) created: Timestamp,
    pub(super) partitions: Vec<Partition>,
    tokens: HashMap<String, usize>,
    /// The greatest number of mods in a record.
    pub(super) most_mods: usize,
    /// The number of queries so far.
    pub(super) turn: usize,
}

impl Streams {
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Adds the streams that are new in the schema.
    pub(crate) fn fit(&mut self, schema: &Schema, mut now: impl FnMut() -> Timestamp) {
        for definition in &schema.streams()[self.streams.len()..] {
            self.streams.push(Stream::new(definition.clone(), now()));
        }
    }

    pub(super) fn get(&mut self, name: &str) -> Result<&mut Stream> {
        let found = self.streams.iter_mut().find(|stream| stream.definition.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::not_found(format!("Change stream not found: {name}")))
    }

    /// Writes the records of a commit.
    pub(crate) fn record(&mut self, changes: &[RowChange], at: Timestamp, commitment: Commitment<'_>) {
        self.transactions += 1;
        let transaction = format!("{:016x}", self.transactions);
        for stream in &mut self.streams {
            if commitment.excluded && stream.definition.allows_exclusion {
                continue;
            }
            let of = |slot| stream.live(slot);
            let told = (at, transaction.as_str(), commitment.tag);
            for (partition, record) in records(&stream.definition, changes, of, stream.most_mods, told) {
                stream.partitions[partition].records.push(Arc::new(record));
                stream.partitions[partition].tell();
            }
        }
    }

    /// Wakes all queries.
    pub(crate) fn tell(&self) {
        self.streams.iter().flat_map(|stream| &stream.partitions).for_each(Partition::tell);
    }
}

impl Stream {
    fn new(definition: Arc<ChangeStream>, created: Timestamp) -> Self {
        let mut stream = Self {
            definition,
            created,
            partitions: Vec::new(),
            tokens: HashMap::new(),
            most_mods: usize::MAX,
            turn: 0,
        };
        stream.add(Vec::new(), 0..SLOTS, created);
        stream
    }

    fn add(&mut self, parents: Vec<String>, slots: std::ops::Range<u32>, start: Timestamp) -> usize {
        let place = self.partitions.len();
        let token = format!("__{}_{place:06}", self.definition.name);
        self.tokens.insert(token.clone(), place);
        self.partitions.push(Partition::new(token, parents, slots, start));
        place
    }

    /// Returns the index of the live partition that owns this slot.
    pub(super) fn live(&self, slot: u32) -> usize {
        let live = |partition: &Partition| partition.is_live() && partition.has(slot);
        self.partitions.iter().position(live).unwrap_or_default()
    }

    pub(super) fn place(&self, token: &str) -> Result<usize> {
        let unknown = || Error::new(tonic::Code::OutOfRange, "Invalid partition token.");
        self.tokens.get(token).copied().ok_or_else(unknown)
    }

    /// Returns the partitions that have records at this timestamp.
    pub(super) fn at(&self, start: Timestamp) -> impl Iterator<Item = &Partition> {
        self.partitions
            .iter()
            .filter(move |partition| partition.start <= start && partition.end.is_none_or(|end| start < end))
    }

    /// Replaces live partitions, adjacent in this order, by `count` children that own their slots.
    pub(super) fn replace(&mut self, parents: &[&str], count: u32, at: Timestamp) -> Result<Vec<String>> {
        let places = parents.iter().map(|token| self.place(token)).collect::<Result<Vec<_>>>()?;
        let ends = |pair: &[usize]| self.partitions[pair[0]].until == self.partitions[pair[1]].from;
        let live = places.iter().all(|&place| self.partitions[place].is_live());
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
            return Err(Error::invalid("No token is given."));
        };
        let (from, until) = (self.partitions[first].from, self.partitions[last].until);
        if !live || !places.windows(2).all(ends) || count == 0 || count > until - from {
            return Err(Error::invalid("These tokens are no live neighbours, or have too few keys."));
        }
        let edge = |number: u32| {
            from + u32::try_from(u64::from(until - from) * u64::from(number) / u64::from(count)).unwrap_or(0)
        };
        let tokens: Vec<String> = parents.iter().map(|&token| token.to_owned()).collect();
        let children: Vec<usize> =
            (0..count).map(|number| self.add(tokens.clone(), edge(number)..edge(number + 1), at)).collect();
        for place in places {
            let parent = &mut self.partitions[place];
            (parent.end, parent.children) = (Some(at), children.clone());
            parent.tell();
        }
        Ok(children.into_iter().map(|child| self.partitions[child].token.clone()).collect())
    }
}
