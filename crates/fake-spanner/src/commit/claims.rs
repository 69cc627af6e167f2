//! Locks on the keys of running commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::store::Footprint;

/// The keys that running commits hold.
///
/// A commit claims all keys that it reads and writes at once, after every earlier commit that it conflicts with, and
/// holds them until it has taken effect. So commits of different rows run concurrently, and those of the same row run in
/// order of arrival. No commit holds one key while it waits for another, so a deadlock is impossible.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    next: u64,
    claims: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    footprint: Footprint,
    /// The earlier claims that this one waits for.
    before: BTreeSet<u64>,
    granted: Option<oneshot::Sender<()>>,
}

/// A claim on keys, waiting or granted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    number: u64,
}

impl Claims {
    /// Waits until no earlier claim conflicts.
    pub(crate) async fn claim(self: &Arc<Self>, footprint: Footprint) -> Claim {
        let (granted, grant) = oneshot::channel();
        let claim = self.enter(footprint, granted);
        // The sender lives in the entry, which this claim keeps.
        let _ = grant.await;
        claim
    }

    fn enter(self: &Arc<Self>, footprint: Footprint, granted: oneshot::Sender<()>) -> Claim {
        let mut pending = self.lock();
        let number = pending.next;
        pending.next += 1;
        let conflicting = pending.claims.iter().filter(|(_, entry)| entry.footprint.conflicts(&footprint));
        let before = conflicting.map(|(number, _)| *number).collect();
        let mut entry = Entry { footprint, before, granted: Some(granted) };
        entry.grant_if_free();
        pending.claims.insert(number, entry);
        Claim { claims: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn grant_if_free(&mut self) {
        if self.before.is_empty()
            && let Some(granted) = self.granted.take()
        {
            // The receiver is gone if the commit was cancelled.
            let _ = granted.send(());
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut pending = self.claims.lock();
        pending.claims.remove(&self.number);
        for entry in pending.claims.values_mut() {
            if entry.before.remove(&self.number) {
                entry.grant_if_free();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::span::Span;

    fn footprint(reads: &[u8], writes: &[u8]) -> Footprint {
        let spans = |keys: &[u8]| keys.iter().map(|key| Span::prefix(vec![*key])).collect::<Vec<_>>();
        Footprint::new([(0, spans(reads))], [(0, spans(writes))])
    }

    #[tokio::test]
    async fn conflicting_claims_wait_in_order() {
        let claims = Arc::new(Claims::default());
        let one = claims.claim(footprint(&[], &[1])).await;
        let other = claims.claim(footprint(&[3], &[2])).await;
        let reader = claims.claim(footprint(&[3], &[])).await;
        let mut second = Box::pin(claims.claim(footprint(&[], &[1, 3])));
        assert!((&mut second).now_or_never().is_none());
        // It conflicts with the waiting claim, not with the granted one.
        let mut third = Box::pin(claims.claim(footprint(&[3], &[])));
        assert!((&mut third).now_or_never().is_none());
        drop((one, other));
        assert!((&mut second).now_or_never().is_none());
        drop(reader);
        let second = second.await;
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        drop(third.await);
        assert!(claims.lock().claims.is_empty());
    }

    #[tokio::test]
    async fn cancelled_claim_delays_no_other() {
        let claims = Arc::new(Claims::default());
        let one = claims.claim(footprint(&[], &[1])).await;
        let mut second = Box::pin(claims.claim(footprint(&[], &[1, 2])));
        assert!((&mut second).now_or_never().is_none());
        let mut third = Box::pin(claims.claim(footprint(&[], &[2])));
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        drop(third.await);
        drop(one);
    }
}
