use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::value::{Numeric, Timestamp, Value};

const EXACT: [AggregateFunction; 8] = [
    AggregateFunction::Count,
    AggregateFunction::Sum,
    AggregateFunction::Min,
    AggregateFunction::Max,
    AggregateFunction::Avg(MeanType::Numeric),
    AggregateFunction::First,
    AggregateFunction::Last,
    AggregateFunction::ApproxDistinct,
];

/// A value, or null, and its event time in seconds.
type TimedValue = (Option<i64>, i64);

fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn fold(functions: &[AggregateFunction], records: &[TimedValue]) -> Vec<Value> {
    let mut state = empty(functions);
    for (value, time) in records {
        let inputs = vec![AggregateInput::Value((*value).into()); functions.len()];
        add(functions, &mut state, &inputs, Some(at(*time))).unwrap();
    }
    state
}

fn fold_one(function: AggregateFunction, values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut state = function.empty();
    for value in values {
        function.add(&mut state, &AggregateInput::Value(value), Some(at(0))).unwrap();
    }
    state
}

fn records() -> impl Strategy<Value = Vec<TimedValue>> {
    prop::collection::vec((prop::option::weighted(0.8, -50..50_i64), 0..20_i64), 0..40)
}

/// Computes the exact functions from all records at once.
fn compute_directly(records: &[TimedValue]) -> Vec<Value> {
    let present: Vec<(i64, i64)> =
        records.iter().filter_map(|(value, time)| Some(((*value)?, *time))).collect();
    let values = || present.iter().map(|(value, _)| *value);
    let count = present.len() as i64;
    let sum = (count > 0).then(|| values().sum::<i64>());
    let mean = sum.map(|sum| {
        let billionths = format!("{:.9}", sum as f64 / count as f64);
        Value::Numeric(billionths.parse().unwrap())
    });
    // The sort is stable, so it keeps the order of equal times.
    let mut sorted = present.clone();
    sorted.sort_by_key(|(_, time)| *time);
    let least = sorted.first().copied();
    let greatest = sorted.last().copied();
    let mut different: Vec<i64> = values().collect();
    different.sort_unstable();
    different.dedup();
    let time = |edge: Option<(i64, i64)>| edge.map_or(Value::Null, |(_, time)| Value::Timestamp(at(time)));
    vec![
        count.into(),
        sum.into(),
        values().min().into(),
        values().max().into(),
        mean.unwrap_or(Value::Null),
        sum.map_or(Value::Null, |sum| Value::Numeric(Numeric::from(sum))),
        count.into(),
        least.map(|(value, _)| value).into(),
        time(least),
        greatest.map(|(value, _)| value).into(),
        time(greatest),
        (different.len() as i64).into(),
    ]
}

proptest! {
    #[test]
    fn fold_equals_the_direct_computation(records in records()) {
        let mut state = fold(&EXACT, &records);
        state.pop(); // the sketch
        prop_assert_eq!(state, compute_directly(&records));
    }

    #[test]
    fn merge_equals_the_fold_of_all_records(mut records in records(), split: prop::sample::Index) {
        let right = records.split_off(split.index(records.len() + 1));
        let mut merged = fold(&EXACT, &records);
        merge(&EXACT, &mut merged, &fold(&EXACT, &right)).unwrap();
        let mut whole = fold(&EXACT, &[records, right].concat());
        // The sketch's bytes depend on the order, its estimate does not.
        for state in [&mut merged, &mut whole] {
            state.pop();
        }
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn damaged_sketch_is_read_or_rejected_without_a_panic(
        (function, state) in sketches(), bytes in prop::collection::vec(any::<u8>(), 0..64), cut: prop::sample::Index,
        // Half of the damage is to the header, which has most of the structure.
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..4),
    ) {
        let Value::Bytes(stored) = &state[1] else { panic!("a sketch is BYTES") };
        let mut damaged = stored.clone();
        for (place, byte, header) in &flips {
            let reach = if *header { stored.len().min(40) } else { stored.len() };
            damaged[place.index(reach)] = *byte;
        }
        let cut = damaged[..cut.index(stored.len() + 1)].to_vec();
        for bytes in [bytes, cut, damaged] {
            let other = [state[0].clone(), Value::Bytes(bytes)];
            // Both results are valid, as long as nothing panics.
            let _ = function.merge(&mut state.clone(), &other);
            let _ = function.add(&mut other.clone(), &AggregateInput::Value(1.into()), None);
        }
    }
}

/// Generates sketches of few and of many values, some of which have dropped single values.
fn sketches() -> impl Strategy<Value = (AggregateFunction, Vec<Value>)> {
    let kinds = [AggregateFunction::ApproxDistinct, median()].into_iter();
    let of_sizes = |function| {
        [1, 6, 20, 300, 600].map(|many| (function, fold_one(function, (0..many).map(Value::from))))
    };
    prop::sample::select(kinds.flat_map(of_sizes).collect::<Vec<_>>())
}

fn median() -> AggregateFunction {
    AggregateFunction::ApproxQuantile(Fraction::new(0.5).unwrap())
}

#[test]
fn only_count_accepts_records_without_a_value() {
    let mut count = AggregateFunction::Count.empty();
    for input in [
        AggregateInput::Record,
        AggregateInput::Skip,
        AggregateInput::Value(Value::Null),
        AggregateInput::Value("x".into()),
    ] {
        AggregateFunction::Count.add(&mut count, &input, None).unwrap();
    }
    assert_eq!(count, [Value::from(2)]);
    for function in EXACT.into_iter().filter(|function| *function != AggregateFunction::Count) {
        let mut state = function.empty();
        function.add(&mut state, &AggregateInput::Skip, None).unwrap();
        assert_eq!(function.add(&mut state, &AggregateInput::Record, None), Err(AggregateError::Type));
        assert_eq!(state, function.empty(), "{function:?}");
    }
}

#[test]
fn rejected_input_leaves_all_functions_unchanged() {
    let functions = [AggregateFunction::Count, AggregateFunction::ApproxDistinct, AggregateFunction::Sum];
    let mut state = empty(&functions);
    add(
        &functions,
        &mut state,
        &[AggregateInput::Record, AggregateInput::Value(1.into()), AggregateInput::Value(i64::MAX.into())],
        None,
    )
    .unwrap();
    let before = state.clone();
    let inputs = [AggregateInput::Record, AggregateInput::Value(2.into()), AggregateInput::Value(1.into())];
    let rejected = Err((2, AggregateError::Overflow));
    assert_eq!(add(&functions, &mut state, &inputs, None), rejected);
    assert_eq!(merge(&functions, &mut state, &before), rejected);
    assert_eq!(state, before);
}

#[test]
fn first_and_last_require_an_event_time() {
    for function in [AggregateFunction::First, AggregateFunction::Last] {
        let mut state = function.empty();
        assert_eq!(function.add(&mut state, &AggregateInput::Value(Value::Null), None), Ok(()));
        assert_eq!(
            function.add(&mut state, &AggregateInput::Value(1.into()), None),
            Err(AggregateError::NoTime)
        );
        assert_eq!(state, function.empty());
    }
}

#[test]
fn column_that_is_younger_than_its_row_starts_empty() {
    for function in EXACT.into_iter().chain([median()]) {
        let mut young = vec![Value::Null; function.width()];
        let mut state = function.empty();
        for state in [&mut young, &mut state] {
            function.add(state, &AggregateInput::Value(7.into()), Some(at(0))).unwrap();
        }
        assert_eq!(young, state, "{function:?}");
    }
}

#[test]
fn mean_of_floats_is_a_float() {
    let state = fold_one(
        AggregateFunction::Avg(MeanType::Float64),
        [0.5.into(), 1.into(), Value::Numeric("1.5".parse().unwrap())],
    );
    assert_eq!(state, [Value::from(1.0), Value::from(3.0), Value::from(3)]);
}

#[test]
fn few_distinct_values_are_counted_exactly() {
    let text = |number: i64| [Value::from(number.to_string()), Value::from(format!("0{number}"))];
    let state = fold_one(AggregateFunction::ApproxDistinct, (0..60).chain(0..60).flat_map(text));
    assert_eq!(state[0], Value::from(120));
    let state =
        fold_one(AggregateFunction::ApproxDistinct, [0.0, -0.0, f64::NAN, -f64::NAN, 1.0].map(Value::from));
    assert_eq!(state[0], Value::from(3));
    let state = fold_one(AggregateFunction::ApproxDistinct, ["", "a", ""].map(Value::from));
    assert_eq!(state[0], Value::from(2));
}

#[test]
fn distinct_counts_every_scalar_type() {
    let numeric = |text: &str| Value::Numeric(text.parse().unwrap());
    let nanos = |nanos| Value::Timestamp(DateTime::from_timestamp(0, nanos).unwrap());
    for pair in [
        [true.into(), false.into()],
        [numeric("1"), numeric("1.000000001")],
        [Value::Bytes(vec![]), Value::Bytes(vec![0])],
        [Value::Date(at(0).date_naive()), Value::Date(at(86_400).date_naive())],
        [nanos(0), nanos(1)],
    ] {
        assert_eq!(
            fold_one(AggregateFunction::ApproxDistinct, pair.clone().into_iter().chain(pair))[0],
            Value::from(2)
        );
    }
    for value in [Value::Array(vec![1.into()]), Value::Json("{}".into()), Value::CommitTimestamp] {
        let mut state = AggregateFunction::ApproxDistinct.empty();
        let rejected = AggregateFunction::ApproxDistinct.add(&mut state, &AggregateInput::Value(value), None);
        assert_eq!(rejected, Err(AggregateError::Type));
    }
}

#[test]
fn many_distinct_values_are_counted_within_the_error() {
    // Four standard errors, each 1.04 / √4096.
    let within = |state: &[Value], count: f64| {
        let Value::Int64(estimate) = state[0] else { panic!("a count is INT64") };
        assert!((estimate as f64 / count - 1.0).abs() < 0.065, "{estimate} of {count}");
    };
    let state = fold_one(AggregateFunction::ApproxDistinct, (0..8_000).chain(0..2_000).map(Value::from));
    within(&state, 8_000.0);
    let Value::Bytes(sketch) = &state[1] else { panic!("a sketch is BYTES") };
    assert!(sketch.len() < 3200, "{}", sketch.len());
    let mut merged = fold_one(AggregateFunction::ApproxDistinct, (0..5_000).map(Value::from));
    let other = fold_one(AggregateFunction::ApproxDistinct, (3_000..8_000).map(Value::from));
    AggregateFunction::ApproxDistinct.merge(&mut merged, &other).unwrap();
    assert_eq!(merged[0], state[0], "a union has the registers of the whole");
}

/// Returns the numbers `0..count` in a scrambled order.
fn shuffled(count: i64) -> impl Iterator<Item = i64> {
    (0..count).map(move |number| (number * 7_919 + 13) % count)
}

#[test]
fn quantiles_are_within_the_rank_error() {
    let count = 20_000;
    // The values are squares, so the rank of a value is its root.
    let squares = |numbers: &mut dyn Iterator<Item = i64>| {
        fold_one(median(), numbers.map(|number| Value::from(number * number)))
    };
    let whole = squares(&mut shuffled(count));
    let mut merged = median().empty();
    for part in 0..10_i64 {
        let part = squares(&mut shuffled(count).filter(|number| number % 10 == part));
        median().merge(&mut merged, &part).unwrap();
    }
    let ascending = squares(&mut (0..count));
    let descending = squares(&mut (0..count).rev());
    for (fraction, error) in [(0.01, 0.002), (0.25, 0.01), (0.5, 0.01), (0.9, 0.005), (0.99, 0.002)] {
        let function = AggregateFunction::ApproxQuantile(Fraction::new(fraction).unwrap());
        for digest in [&whole, &merged, &ascending, &descending] {
            let mut state = function.empty();
            function.merge(&mut state, digest).unwrap();
            let Value::Float64(estimate) = state[0] else { panic!("an estimate is FLOAT64") };
            let rank = estimate.0.sqrt() / count as f64;
            assert!((rank - fraction).abs() < error, "{rank} for {fraction}");
        }
    }
    let Value::Bytes(digest) = &whole[1] else { panic!("a digest is BYTES") };
    assert!(digest.len() < 32 + 16 * 410, "{}", digest.len());
    assert_eq!(squares(&mut shuffled(count)), whole, "the same records give the same bytes");
}

#[test]
fn few_values_have_an_exact_median_and_infinite_ones_are_rejected() {
    let state = fold_one(median(), [3, 1, 2].map(Value::from));
    assert_eq!(state[0], Value::from(2.0));
    for value in [f64::NAN, f64::INFINITY] {
        let rejected = median().add(&mut state.clone(), &AggregateInput::Value(value.into()), None);
        assert_eq!(rejected, Err(AggregateError::NotFinite));
    }
}

#[test]
fn sketch_with_other_parameters_is_rejected() {
    let mut foreign = datasketches::tdigest::TDigestMut::new(100).unwrap();
    foreign.update(1.0);
    let hll = datasketches::hll::HllSketch::new(14, datasketches::hll::HllType::Hll8).unwrap();
    for (function, bytes) in
        [(median(), foreign.serialize()), (AggregateFunction::ApproxDistinct, hll.serialize())]
    {
        for column in [Value::Bytes(bytes), Value::Bytes(vec![1, 2, 3])] {
            let mut state = vec![1.into(), column];
            let before = state.clone();
            let rejected = function.add(&mut state, &AggregateInput::Value(1.into()), None);
            assert_eq!((rejected, state), (Err(AggregateError::Sketch), before));
        }
    }
}
