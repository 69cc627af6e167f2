use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::error::{Error, ErrorKind, Result};

/// Asks a question on the terminal, and returns true for yes.
///
/// Without a terminal it fails; `consequence` says what the command would do, such as `3 dead letters would be deleted`.
pub(crate) fn confirm(question: &str, consequence: &str) -> Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let message = format!("{consequence}, and standard input is not a terminal to confirm it on");
        return Err(Error::new(ErrorKind::Config, "SB-CLI-USAGE", message).with_help("give --yes"));
    }
    let failed =
        |action: &str, error| Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot {action}: {error}"));
    print!("{question} [y/N] ");
    io::stdout().flush().map_err(|error| failed("write the output", error))?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|error| failed("read the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
