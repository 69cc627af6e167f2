use std::sync::Arc;

use super::partition::Partition;
use super::streams::Stream;
use crate::database::Database;
use crate::refusal::{Error, Result};

/// What a test does to one change stream.
#[derive(Debug, Clone)]
pub struct ChangeStreamControl {
    database: Arc<Database>,
    stream: String,
}

/// A partition as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    pub token: String,
    pub parents: Vec<String>,
    pub is_live: bool,
    /// Data change records so far.
    pub records: usize,
    /// Of them, how many its queries have told, each as often as it was told.
    pub told: usize,
    /// Queries that run.
    pub queries: usize,
}

impl ChangeStreamControl {
    pub(crate) fn new(database: Arc<Database>, stream: &str) -> Result<Self> {
        let control = Self { database, stream: stream.to_owned() };
        control.change(|_| Ok(()))?;
        Ok(control)
    }

    /// All partitions, in the order in which they began.
    ///
    /// # Errors
    /// As all methods here: the stream is gone, or a token is unknown.
    pub fn tokens(&self) -> Result<Vec<TokenInfo>> {
        let info = |partition: &Partition| TokenInfo {
            token: partition.token.clone(),
            parents: partition.parents.clone(),
            is_live: partition.is_live(),
            records: partition.records.len(),
            told: partition.told,
            queries: partition.queries,
        };
        self.change(|stream| Ok(stream.partitions.iter().map(info).collect()))
    }

    /// The tokens of the live partitions, in the order of their keys' slots.
    pub fn live(&self) -> Result<Vec<String>> {
        self.change(|stream| {
            let mut live: Vec<&Partition> =
                stream.partitions.iter().filter(|partition| partition.is_live()).collect();
            live.sort_by_key(|partition| partition.from);
            Ok(live.into_iter().map(|partition| partition.token.clone()).collect())
        })
    }

    /// Ends a live partition in favour of `count` others, which are answered.
    ///
    /// # Errors
    /// FAILED_PRECONDITION while commits are given one timestamp.
    pub fn split(&self, token: &str, count: u32) -> Result<Vec<String>> {
        self.replace(&[token], count)
    }

    /// Ends live partitions, neighbours in this order, in favour of one.
    ///
    /// # Errors
    /// FAILED_PRECONDITION while commits are given one timestamp.
    pub fn merge(&self, tokens: &[&str]) -> Result<String> {
        self.replace(tokens, 1).map(|mut merged| merged.remove(0))
    }

    fn replace(&self, tokens: &[&str], count: u32) -> Result<Vec<String>> {
        let held = || Error::precondition("Partitions stay while commits are given one timestamp.");
        let at = self.database.cut().ok_or_else(held)?;
        self.change(|stream| stream.replace(tokens, count, at))
    }

    /// Ends the queries of a partition without children, as a drop-out does.
    pub fn drop_out(&self, token: &str) -> Result<()> {
        self.partition(token, |partition| partition.dropped += 1)
    }

    /// Breaks the queries of a partition off, with UNAVAILABLE.
    pub fn break_off(&self, token: &str) -> Result<()> {
        self.partition(token, |partition| partition.broken += 1)
    }

    /// Its queries tell so many data change records more, and then nothing, until it is released.
    pub fn hold(&self, token: &str, records: usize) -> Result<()> {
        self.partition(token, |partition| partition.allowance = Some(records))
    }

    /// Its queries tell all again.
    pub fn release(&self, token: &str) -> Result<()> {
        self.partition(token, |partition| partition.allowance = None)
    }

    /// From now on no record has more mods than that.
    pub fn set_most_mods(&self, mods: usize) -> Result<()> {
        self.change(|stream| {
            stream.most_mods = mods.max(1);
            Ok(())
        })
    }

    fn partition(&self, token: &str, change: impl FnOnce(&mut Partition)) -> Result<()> {
        self.change(|stream| {
            let place = stream.place(token)?;
            change(&mut stream.partitions[place]);
            stream.partitions[place].tell();
            Ok(())
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Stream) -> Result<T>) -> Result<T> {
        self.database.streams(|streams, _| change(streams.get(&self.stream)?))
    }
}
