//! The windows that the watermark has passed, determined by the bound in their key.

use super::instant::{MILLISECOND, instant, nanos};
use crate::ingest::change::{Window, WindowKind};
use crate::value::Timestamp;

impl Window {
    /// Returns the greatest bound of a window that is final at this watermark, so that a record for it would
    /// be late. The bound is the window's start, or a session's end. `None` if no window is final.
    pub fn last_final(&self, watermark: Timestamp) -> Option<Timestamp> {
        let grace = i128::try_from(self.grace.as_nanos()).unwrap_or(i128::MAX);
        let length = match self.kind {
            WindowKind::Tumbling(size) => size.nanos(),
            WindowKind::Hopping(hop) => hop.size().nanos(),
            // These windows include their end.
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
    use super::super::lateness::{WindowEnd, is_late};
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

    fn end(kind: WindowKind, bound: Timestamp) -> WindowEnd {
        match kind {
            WindowKind::Tumbling(size) => WindowEnd::of_fixed_window(bound, size),
            WindowKind::Hopping(hop) => WindowEnd::of_fixed_window(bound, hop.size()),
            WindowKind::Sliding(size) => WindowEnd::of_sliding_window(bound, size),
            WindowKind::Session(gap) => WindowEnd::of_session(bound, gap),
        }
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        for kind in kinds(86_400_000) {
            assert_eq!(window(kind, 0).last_final(FIRST), None);
            let forever = Window { grace: Duration::MAX, ..window(kind, 0) };
            assert_eq!(forever.last_final(LAST), None);
        }
    }

    proptest! {
        #[test]
        fn window_is_final_exactly_when_its_records_are_late(
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
