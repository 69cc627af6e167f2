//! Starts processes that end with this process, even when it is killed.
//!
//! The kernel's parent-death signal (`prctl(2)`, `PR_SET_PDEATHSIG`) fires when the *thread* that started the
//! child ends. Callers' threads come and go, so one thread that lives as long as the process starts them all.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use crate::error::{Error, ErrorKind};

/// The environment variable with the process id of the parent that a guarded program must have.
pub(crate) const PARENT: &str = "SPANBRIDGE_TESTBED_PARENT";

/// A script that `sh` runs after the signal is armed. It exits when the parent died before that, because then the signal
/// never comes. It then becomes the program, which is the parent of what it starts through [`GUARD`] itself.
pub(crate) const GUARD: &str = r#"[ "$PPID" = "$SPANBRIDGE_TESTBED_PARENT" ] || exit 1
SPANBRIDGE_TESTBED_PARENT=$$; export SPANBRIDGE_TESTBED_PARENT; exec "$0" "$@""#;

struct Request {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

/// Creates a command that runs `program` under the parent-death signal. Start it with [`spawn`].
pub(crate) fn guarded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "sh", "-c", GUARD]).arg(program);
    command.env(PARENT, std::process::id().to_string()).stdin(Stdio::null());
    // A Ctrl-C must reach only this process, which decides the order in which its components end.
    command.process_group(0);
    command
}

/// Starts `command` on the thread that never ends.
pub(crate) fn spawn(command: Command) -> Result<Child, Error> {
    static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = channel::<Request>();
        // If the thread cannot start, its receiver is dropped, and every send below fails.
        let _ = std::thread::Builder::new().name("testbed-spawner".into()).spawn(move || {
            for Request { mut command, answer } in requests {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let program = command.get_program().to_string_lossy().into_owned();
    let (answer, child) = channel();
    let gone = || Error::new(ErrorKind::Io, "cannot start the thread that starts processes");
    spawner.send(Request { command, answer }).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(
            ErrorKind::MissingPrerequisite,
            format!("cannot find `{program}`; install the package util-linux, which has setpriv"),
        ),
        _ => Error::io(format_args!("cannot start `{program}`"), &error),
    })
}
