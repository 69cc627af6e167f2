//! Fuzzes each decoder with mutated payloads and random bytes. A decoder may reject them, but must not panic.
//!
//! `SPANBRIDGE_FUZZ_SECONDS` is the time for each decoder (default 2 seconds). `SPANBRIDGE_FUZZ_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use spanbridge_schema::fuzz;

/// The longest input in bytes.
const MAX_INPUT_LENGTH: usize = 4096;
/// The number of inputs between two readings of the clock.
const INPUTS_PER_ROUND: u32 = 64;

/// A decoder. It returns whether the bytes are valid.
type Decode = fn(&[u8]) -> bool;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|error| panic!("{name} is {value}: {error}")))
}

#[test]
fn no_decoder_panics() {
    let time = Duration::from_secs(setting("SPANBRIDGE_FUZZ_SECONDS").unwrap_or(2));
    let seed = setting("SPANBRIDGE_FUZZ_SEED").unwrap_or_else(rand::random);
    let decoders: [(&str, Decode, Vec<Vec<u8>>); 5] = [
        ("avro", fuzz::avro, vec![avro()]),
        (
            "protobuf",
            fuzz::protobuf,
            vec![protobuf(), vec![2, 2, 10, 3, 10, 1, b'n'], vec![4, 2, 0, 10, 1, b'n']],
        ),
        ("json-schema", fuzz::json_schema, texts()),
        ("json", fuzz::json, texts()),
        ("plain", fuzz::plain, vec![b"text".to_vec(), 7_i64.to_be_bytes().to_vec(), vec![0, 0, 0, 0, 1, 2]]),
    ];
    std::thread::scope(|scope| {
        let run = |(name, decode, corpus): (_, Decode, Vec<_>)| {
            scope.spawn(move || run(name, decode, &corpus, seed, time))
        };
        let threads: Vec<_> = decoders.into_iter().map(run).collect();
        let failed = threads.into_iter().filter_map(|thread| thread.join().unwrap().err());
        let failures: Vec<String> = failed.collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    });
}

/// Runs one decoder until `time` has passed. The error names the first input that panics.
fn run(name: &str, decode: Decode, corpus: &[Vec<u8>], seed: u64, time: Duration) -> Result<(), String> {
    for payload in corpus {
        assert!(decode(payload), "{name}: the corpus is valid: {}", hex(payload));
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (end, mut executions, mut taken) = (Instant::now() + time, 0_u64, 0_u64);
    while Instant::now() < end {
        for _ in 0..INPUTS_PER_ROUND {
            let input = input(corpus, &mut random);
            match catch_unwind(|| decode(&input)) {
                Ok(decoded) => taken += u64::from(decoded),
                Err(_) => {
                    return Err(format!(
                        "{name} panics; seed {seed}, execution {executions}, input {}",
                        hex(&input)
                    ));
                }
            }
            executions += 1;
        }
    }
    println!("{name}: {executions} executions, {taken} decoded; seed {seed}");
    Ok(())
}

/// A payload of the corpus with a few mutations or, one time in eight, random bytes.
fn input(corpus: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<u8> {
    if random.random_range(0..8) == 0 {
        let length = random.random_range(0..=64);
        return bytes(length, random);
    }
    let mut payload = corpus[random.random_range(0..corpus.len())].clone();
    for _ in 0..random.random_range(1..=4) {
        mutate(&mut payload, corpus, random);
    }
    payload.truncate(MAX_INPUT_LENGTH);
    payload
}

fn mutate(payload: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut ChaCha8Rng) {
    /// Bytes that are frequent in lengths, tags, numbers and texts.
    const TYPICAL_BYTES: &[u8] = b"\x00\x01\x02\x7f\x80\xff{}[]\"\\:,-+.eE0919u";
    let at = random.random_range(0..=payload.len());
    let length = random.random_range(0..=(payload.len() - at).min(64));
    match random.random_range(0..8) {
        0 => payload.truncate(at),
        1 => drop(payload.drain(at..at + length)),
        2 => {
            let copy = payload[at..at + length].to_vec();
            payload.splice(at..at, copy);
        }
        // Repeat bytes, which makes deep nesting or long numbers.
        3 => {
            let copy = payload[at..at + length.min(8)].to_vec();
            let times = random.random_range(1..256);
            payload.splice(at..at, copy.repeat(times));
        }
        4 => {
            let other = &corpus[random.random_range(0..corpus.len())];
            let from = random.random_range(0..=other.len());
            payload.splice(at..at + length, other[from..].iter().copied());
        }
        5 => {
            let new = bytes(length.min(10), random);
            payload.splice(at..at + length, new);
        }
        _ if at == payload.len() => payload.push(random.random()),
        6 => payload[at] ^= 1 << random.random_range(0..8),
        _ => payload[at] = TYPICAL_BYTES[random.random_range(0..TYPICAL_BYTES.len())],
    }
}

fn bytes(length: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    (0..length).map(|_| random.random()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A record with all fields of `every.avsc` in their order, and a nested one.
fn avro() -> Vec<u8> {
    let uuid = b"\x4867e55044-10b1-426f-9247-bb680e5fe0c8";
    let fields: [&[u8]; 24] = [
        b"\x01",
        b"\x02",
        b"\x54",
        &0.5_f32.to_le_bytes(),
        &0.1_f64.to_le_bytes(),
        b"\x06\x00\xff\x10",
        b"\x08text",
        b"\x02",
        b"abc",
        b"\x02\x02s",
        b"\x04\x02\x08\x00\x00",
        b"\x02\x02kxyz\x00",
        b"\x04\x04\xd2",
        b"\x08\x04\x04\xd2\x02",
        uuid,
        b"\x80\x80\x02",
        b"\x80\x08",
        b"\x80\x10",
        b"\x80\x80\x80\x80\x10",
        b"\x80\x80\x80\x80\x20",
        b"\x80\x80\x80\x80\x40",
        b"\x80\x80\x80\x80\x01",
        &[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0],
        b"",
    ];
    let one = fields.concat();
    [&one[..], b"\x02", &one, b"\x00"].concat()
}

/// The first message of `every.proto`, with its message index: fields by number and wire type.
fn protobuf() -> Vec<u8> {
    let fields: [&[u8]; 24] = [
        b"\x00",
        b"\x08\x01\x10\x2a\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x20\x05\x28\x06\x30\x07\x38\x08",
        b"\x45\x01\x00\x00\x00",
        b"\x49\x01\x00\x00\x00\x00\x00\x00\x00",
        b"\x55\x01\x00\x00\x00",
        b"\x59\x01\x00\x00\x00\x00\x00\x00\x00",
        b"\x65\x00\x00\x00\x3f",
        b"\x69\x00\x00\x00\x00\x00\x00\xe0\x3f",
        b"\x72\x04text",
        b"\x7a\x02\x00\xff",
        b"\x80\x01\x01\x88\x01\x2a",
        b"\x9a\x01\x02\x08\x01",
        b"\xa2\x01\x03\x01\x02\x03",
        b"\xaa\x01\x01a\xaa\x01\x01b",
        b"\xb2\x01\x05\x0a\x01k\x10\x07",
        b"\xba\x01\x06\x08\x01\x12\x02\x08\x01",
        b"\xc2\x01\x05\x08\x80\x01\x10\x05",
        b"\xca\x01\x04\x08\x05\x10\x06",
        b"\xd2\x01\x09\x0a\x07\x0a\x01k\x12\x02\x20\x01",
        b"\xda\x01\x03\x0a\x01w",
        b"\xe2\x01\x07\x08\xe8\x0f\x10\x02\x18\x1d\xea\x01\x04\x08\x17\x10\x3b",
        b"\xf2\x01\x08\x0a\x02\x04\xd2\x10\x09\x18\x02",
        b"\xfa\x01\x02\x08\x09",
    ];
    fields.concat()
}

fn texts() -> Vec<Vec<u8>> {
    let texts = [
        "null",
        "true",
        "-12.5e3",
        "18446744073709551615",
        "0.1",
        r#""aab""#,
        r#"[1,2.5,"ab",[null,{}]]"#,
        r#"{"a":{"b":{"c":{}}},"é\u00e9":{}}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
