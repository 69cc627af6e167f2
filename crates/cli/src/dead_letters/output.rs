use std::fmt::Arguments;
use std::io::{self, Write};

use crate::error::{Error, ErrorKind, Result};

/// Writes formatted text to the output of the command.
///
/// Exits the process successfully when the reader has closed the output, as `head` does.
pub(super) fn print(out: &mut impl Write, text: Arguments<'_>) -> Result<()> {
    check(out.write_fmt(text))
}

/// Flushes the output of the command, and treats a closed output as [`print`] does.
pub(super) fn flush(out: &mut impl Write) -> Result<()> {
    check(out.flush())
}

fn check(outcome: io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            Err(Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot write the output: {error}")))
        }
        Ok(()) => Ok(()),
    }
}
