use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::ingest::aggregate::AggregateError;
use crate::ingest::window::instant::{FIRST, LAST};
use crate::ingest::window::oracle::{FUNCTIONS, TimedRecord, at, batches, records, state};
use crate::ingest::window::{WindowEnd, first_open, is_late};

type Rows = BTreeMap<Timestamp, Slide>;

fn size(millis: u64) -> WindowSize {
    WindowSize::new(Duration::from_millis(millis)).unwrap()
}

/// Returns the window that starts at `start`, if it contains a record.
fn window(size: i128, records: &[TimedRecord], start: i128) -> Option<Slide> {
    let within = records.iter().filter(|record| (start..=start + size).contains(&record.millis()));
    let latest = within.clone().map(TimedRecord::millis).max()?;
    Some(Slide { start: at(start), latest: at(latest), state: state(within) })
}

/// Computes KIP-450's windows: one that ends with each record, and one that starts right behind it.
fn naive(size: i128, records: &[TimedRecord]) -> Rows {
    let starts = records.iter().flat_map(|record| [record.millis() - size, record.millis() + 1]);
    starts.filter_map(|start| Some((at(start), window(size, records, start)?))).collect()
}

/// Returns the rows that a batch reads of the table.
fn read(rows: &Rows, range: RangeInclusive<Timestamp>) -> Vec<Slide> {
    rows.range(range).map(|(_, slide)| slide.clone()).collect()
}

/// Returns the table after a batch's changes.
fn written(rows: &Rows, slides: &Slides) -> Rows {
    let mut rows = rows.clone();
    rows.extend(slides.written().map(|slide| (slide.start, slide.clone())));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn rows_equal_the_windows_of_all_records(records in records(60), millis in 1_u64..25) {
        let mut rows = Rows::new();
        let mut seen = 0;
        for (batch, first, last) in batches(&records) {
            let mut slides = Slides::new(size(millis), read(&rows, slide_range(size(millis), first, last)));
            for record in batch {
                slides.add(&FUNCTIONS, record.at, &record.inputs(), FIRST).unwrap();
                seen += 1;
                prop_assert_eq!(written(&rows, &slides), naive(millis.into(), &records[..seen]));
            }
            rows = written(&rows, &slides);
        }
    }

    #[test]
    fn closed_windows_stay_and_open_ones_contain_every_record(
        records in records(60), millis in 1_u64..25, grace in 0_u64..40
    ) {
        let grace = Duration::from_millis(grace);
        let mut rows = Rows::new();
        let mut taken = Vec::new();
        let mut bounds = BTreeSet::new();
        let mut stream_time = None;
        for (batch, first, last) in batches(&records) {
            let mut slides = Slides::new(size(millis), read(&rows, slide_range(size(millis), first, last)));
            for record in batch {
                stream_time = stream_time.max(Some(record.at));
                let closed = |start| is_late(WindowEnd::of_sliding_window(start, size(millis)), grace, stream_time);
                let open = first_open(size(millis), grace, stream_time);
                bounds.insert(open);
                if !closed(at(record.millis())) {
                    taken.push(record.clone());
                }
                let before = written(&rows, &slides);
                slides.add(&FUNCTIONS, record.at, &record.inputs(), open).unwrap();
                let now = written(&rows, &slides);
                let (closed_rows, open_rows): (Rows, Rows) = now.into_iter().partition(|(start, _)| closed(*start));
                let closed_before = before.into_iter().filter(|(start, _)| closed(*start)).collect::<Rows>();
                prop_assert_eq!(closed_rows, closed_before);
                let expected = naive(millis.into(), &taken);
                for (start, slide) in &open_rows {
                    let start = nanos(*start) / MILLISECOND;
                    prop_assert_eq!(Some(slide.clone()), window(millis.into(), &taken, start));
                    prop_assert!(expected.contains_key(&slide.start) || bounds.contains(&slide.start));
                }
                for start in expected.keys().filter(|start| !closed(**start)) {
                    prop_assert!(open_rows.contains_key(start), "{}", start);
                }
            }
            rows = written(&rows, &slides);
        }
    }
}

#[test]
fn windows_equal_the_example_of_kafka_streams() {
    // The five windows of `SlidingWindows`' documentation, with a time difference of 5000.
    let mut slides = Slides::new(size(5000), Vec::new());
    for (time, value) in [(8000, 1), (9200, 2), (12_400, 3)] {
        slides
            .add(&[AggregateFunction::Sum], at(time), &[AggregateInput::Value(value.into())], FIRST)
            .unwrap();
    }
    let windows: Vec<_> = slides.written().map(|slide| (slide.start, slide.state[0].clone())).collect();
    let expected = [(3000, 1), (4200, 3), (7400, 6), (8001, 5), (9201, 3)];
    assert_eq!(windows, expected.map(|(start, sum)| (at(start), Value::from(sum))));
}

#[test]
fn rejected_record_changes_nothing() {
    let mut slides = Slides::new(size(10), Vec::new());
    let add = |slides: &mut Slides, millis, value| {
        let record = TimedRecord::new(millis, value);
        slides.add(&FUNCTIONS, record.at, &record.inputs(), FIRST)
    };
    add(&mut slides, 0, 1).unwrap();
    add(&mut slides, 8, i64::MAX - 1).unwrap();
    let before: Vec<_> = slides.iter().cloned().collect();
    assert_eq!(add(&mut slides, 4, 1), Err(WindowError::Function(1, AggregateError::Overflow)));
    assert!(slides.iter().eq(&before));
}

#[test]
fn window_outside_of_timestamp_is_rejected() {
    let add = |slides: &mut Slides, time: Timestamp, open| {
        slides.add(&[AggregateFunction::Count], time, &[AggregateInput::Record], open)
    };
    let mut slides = Slides::new(size(10), Vec::new());
    assert_eq!(add(&mut slides, FIRST, FIRST), Ok(()));
    let start = FIRST + Duration::from_millis(9);
    assert_eq!(add(&mut slides, start, FIRST), Ok(()));
    assert_eq!(add(&mut slides, LAST, FIRST), Ok(()));
    assert_eq!(add(&mut slides, LAST - Duration::from_millis(3), FIRST), Ok(()));
    assert_eq!(add(&mut slides, LAST + Duration::from_nanos(1), FIRST), Err(WindowError::Range));
    assert_eq!(*slide_range(size(10), FIRST, LAST).start(), FIRST);
}
