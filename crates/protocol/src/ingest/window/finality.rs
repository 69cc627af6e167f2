//! Which windows the watermark has passed, told by the bound in their key.

use super::instant::{MILLISECOND, instant, nanos};
use crate::ingest::change::{Window, WindowKind};
use crate::value::Timestamp;

impl Window {
    /// The greatest bound (the start, or a session's end) of a window that is closed at this watermark: a record for
    /// it would be late. Nothing when no window is.
    pub fn last_final(&self, watermark: Timestamp) -> Option<Timestamp> {
        let grace = i128::try_from(self.grace.as_nanos()).unwrap_or(i128::MAX);
        let length = match self.kind {
            WindowKind::Tumbling(size) => size.nanos(),
            WindowKind::Hopping(hop) => hop.size().nanos(),
            // These hold their end.
            WindowKind::Sliding(size) | WindowKind::Session(size) => size.nanos() + MILLISECOND,
        };
        instant(nanos(watermark).saturating_sub(grace).saturating_sub(length)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::instant::{FIRST, LAST};
    use super::super::lateness::{End, is_late};
    use super::super::{Hop, WindowSize};
    use super::*;
    use crate::ingest::change::LatePolicy;

    fn size(millis: u64) -> WindowSize {
        WindowSize::new(Duration::from_millis(millis)).unwrap()
    }

    fn kinds(length: u64) -> [WindowKind; 4] {
        let size = size(length);
        [
            WindowKind::Tumbling(size),
            WindowKind::Hopping(Hop::new(size, size).unwrap()),
            WindowKind::Sliding(size),
            WindowKind::Session(size),
        ]
    }

    fn window(kind: WindowKind, grace: u64) -> Window {
        Window { kind, at: 0, late: LatePolicy::Update, grace: Duration::from_nanos(grace) }
    }

    fn end(kind: WindowKind, bound: Timestamp) -> End {
        match kind {
            WindowKind::Tumbling(size) => End::fixed(bound, size),
            WindowKind::Hopping(hop) => End::fixed(bound, hop.size()),
            WindowKind::Sliding(size) => End::sliding(bound, size),
            WindowKind::Session(gap) => End::session(bound, gap),
        }
    }

    #[test]
    fn at_the_edges_of_time_nothing_overflows() {
        for kind in kinds(86_400_000) {
            assert_eq!(window(kind, 0).last_final(FIRST), None);
            let forever = Window { grace: Duration::MAX, ..window(kind, 0) };
            assert_eq!(forever.last_final(LAST), None);
        }
    }

    proptest! {
        #[test]
        fn a_window_is_final_exactly_when_its_records_are_late(
            now in 0_i128..3_000_000_000_000, grace in 0_u64..1_000_000_000, length in 1_u64..1000
        ) {
            let now = instant(now).unwrap();
            for kind in kinds(length) {
                let window = window(kind, grace);
                let bound = window.last_final(now).unwrap();
                prop_assert!(is_late(end(kind, bound), window.grace, Some(now)));
                let next = instant(nanos(bound) + 1).unwrap();
                prop_assert!(!is_late(end(kind, next), window.grace, Some(now)));
            }
        }
    }
}
