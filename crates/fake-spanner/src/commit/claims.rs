use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::store::Footprint;

/// Which keys the commits under way hold.
///
/// A commit takes all that it reads and writes at once, behind every earlier one that it conflicts with, and
/// keeps it until it has taken effect. So commits of different rows run side by side for as long as they
/// take, those of the same row one after the other, in the order in which they came; and as nobody holds one
/// key while waiting for another, there is no deadlock to break.
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
    /// The earlier ones that this one waits for.
    before: BTreeSet<u64>,
    granted: Option<oneshot::Sender<()>>,
}

/// The keys are held, or waited for, until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    number: u64,
}

impl Claims {
    /// Waits until nothing that came earlier conflicts.
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
            // Nobody waits any more when the commit was given up.
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
    async fn only_what_conflicts_waits_and_in_its_order() {
        let claims = Arc::new(Claims::default());
        let one = claims.claim(footprint(&[], &[1])).await;
        let other = claims.claim(footprint(&[3], &[2])).await;
        let reader = claims.claim(footprint(&[3], &[])).await;
        let mut second = Box::pin(claims.claim(footprint(&[], &[1, 3])));
        assert!((&mut second).now_or_never().is_none());
        // It conflicts with the one that waits, not with the one that holds.
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
    async fn one_that_is_given_up_holds_nobody_back() {
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
