//! `cargo run -p model --release`: explores the models and prints their numbers of states.
//!
//! It ends with the history in which a late `EndTxn` tears a transaction of a producer that trusts a success
//! after a resend.

use std::process::ExitCode;

use model::publish::{NOT_TORN, Publish};
use model::{explore, ingest, publish};

fn main() -> ExitCode {
    let mut is_passed = true;
    for bounds in ingest::BOUNDS.into_iter().chain([ingest::WIDE_BOUNDS]) {
        let summary = explore(ingest::Ingest::new(ingest::Flaw::None, bounds));
        is_passed &= summary.violation.is_none();
        println!("{bounds:?}\n  {summary}");
    }
    for bounds in publish::BOUNDS {
        let model = Publish { flaw: publish::Flaw::None, bounds, verifies_partitions: false, only: None };
        let summary = explore(model);
        is_passed &= summary.violation.is_none();
        println!("{bounds:?}\n  {summary}");
    }
    let flaw = publish::Flaw::TrustsResentRequests;
    let torn = Publish { flaw, bounds: publish::BOUNDS[0], verifies_partitions: true, only: Some(NOT_TORN) };
    println!("{flaw:?}\n  {}", explore(torn));
    if is_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
