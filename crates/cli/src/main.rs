//! The binary `spanbridge`. The command line is in the library of the same name.

use std::process::ExitCode;

/// The allocator of the binary: with it, ingest applies about half as many rows more per CPU second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    spanbridge::run()
}
