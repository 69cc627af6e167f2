use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use spanbridge::{Error, Kind, Result};

/// Asks on the terminal; without one it is an error, which says what would be done.
pub(crate) fn confirmed(question: &str, otherwise: &str) -> Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let message = format!("{otherwise}, and nobody is there to confirm it");
        return Err(Error::new(Kind::Config, "usage", message).help("give --yes"));
    }
    let failed = |what: &str, error| Error::new(Kind::Failed, "io", format!("cannot {what}: {error}"));
    print!("{question} [y/N] ");
    io::stdout().flush().map_err(|error| failed("write the output", error))?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|error| failed("read the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
