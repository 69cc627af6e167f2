//! The control that a test has over one change stream.

use std::sync::Arc;

use super::partition::Partition;
use super::streams::Stream;
use crate::database::Database;
use crate::refusal::{Error, Result};

/// The control of a test over one change stream.
#[derive(Debug, Clone)]
pub struct ChangeStreamControl {
    database: Arc<Database>,
    stream: String,
}

/// The present state of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// The partition token.
    pub token: String,
    /// The tokens of the partitions that it continues.
    pub parents: Vec<String>,
    /// True until a split or a merge ends the partition.
    pub is_live: bool,
    /// The number of data change records so far.
    pub records: usize,
    /// The number of data change records that its queries have returned, with repetitions.
    pub told: usize,
    /// The number of running queries.
    pub queries: usize,
}

impl ChangeStreamControl {
    pub(crate) fn new(database: Arc<Database>, stream: &str) -> Result<Self> {
        let control = Self { database, stream: stream.to_owned() };
        control.change(|_| Ok(()))?;
        Ok(control)
    }

    /// Returns all partitions, in the order in which they began.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream.
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

    /// Returns the tokens of the live partitions, in slot order.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream or token.
    pub fn live(&self) -> Result<Vec<String>> {
        self.change(|stream| {
            let mut live: Vec<&Partition> =
                stream.partitions.iter().filter(|partition| partition.is_live()).collect();
            live.sort_by_key(|partition| partition.from);
            Ok(live.into_iter().map(|partition| partition.token.clone()).collect())
        })
    }

    /// Splits a live partition into `count` children, and returns their tokens.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` while the clock is held.
    pub fn split(&self, token: &str, count: u32) -> Result<Vec<String>> {
        self.replace(&[token], count)
    }

    /// Merges live partitions, adjacent in this order, into one child, and returns its token.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` while the clock is held.
    pub fn merge(&self, tokens: &[&str]) -> Result<String> {
        self.replace(tokens, 1).map(|mut merged| merged.remove(0))
    }

    fn replace(&self, tokens: &[&str], count: u32) -> Result<Vec<String>> {
        let held = || Error::precondition("Partitions stay while commits are given one timestamp.");
        let at = self.database.cut().ok_or_else(held)?;
        self.change(|stream| stream.replace(tokens, count, at))
    }

    /// Ends the queries of a partition without child records, as an interruption in Spanner does.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream or token.
    pub fn drop_out(&self, token: &str) -> Result<()> {
        self.partition(token, |partition| partition.dropped += 1)
    }

    /// Interrupts the queries of a partition with UNAVAILABLE.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream or token.
    pub fn break_off(&self, token: &str) -> Result<()> {
        self.partition(token, |partition| partition.broken += 1)
    }

    /// Limits the queries of a partition to this many further data change records, until it is released.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream or token.
    pub fn hold(&self, token: &str, records: usize) -> Result<()> {
        self.partition(token, |partition| partition.allowance = Some(records))
    }

    /// Removes the limit of a partition.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream or token.
    pub fn release(&self, token: &str) -> Result<()> {
        self.partition(token, |partition| partition.allowance = None)
    }

    /// Limits the number of mods in each following record.
    ///
    /// # Errors
    /// `NOT_FOUND` without such a stream or token.
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
