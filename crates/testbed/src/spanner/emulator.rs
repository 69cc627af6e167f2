use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::part::{Program, write};
use crate::port::Port;
use crate::prerequisite;
use crate::probe;
use crate::spawner::{GUARD, guarded};

/// The gateway (REST, and gRPC's parent) with the emulator proper (gRPC).
///
/// The gateway leaves the emulator running when it ends, and does not know all of its flags. So it is given a
/// script in its place, which writes down its process id, adds the flags and becomes the emulator under the
/// parent-death signal.
#[derive(Debug, Clone)]
pub(crate) struct Emulator {
    pub(crate) programs: prerequisite::Emulator,
    pub(crate) arguments: Vec<String>,
}

const PID: &str = "emulator.pid";
const SCRIPT: &str = "emulator";

impl Emulator {
    pub(crate) const GRPC: usize = 0;
    pub(crate) const REST: usize = 1;

    fn script(&self, folder: &Path) -> String {
        let arguments = self.arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
        format!(
            "#!/bin/sh\necho $$ > {}\nexec setpriv --pdeathsig KILL -- sh -c {} {} \"$@\" {arguments}\n",
            quoted(&folder.join(PID).to_string_lossy()),
            quoted(GUARD),
            quoted(&self.programs.server.to_string_lossy()),
        )
    }
}

impl Program for Emulator {
    const NAME: &'static str = "spanner-emulator";
    const PORTS: usize = 2;
    const LIMIT: Duration = Duration::from_secs(60);

    fn prepare(&self, folder: &Path, _ports: &[Port]) -> Result<(), Error> {
        let script = folder.join(SCRIPT);
        write(script.clone(), &self.script(folder))?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))
            .map_err(|error| Error::io(format_args!("cannot make {} executable", script.display()), &error))
    }

    fn command(&self, folder: &Path, ports: &[Port]) -> Command {
        let mut command = guarded(&self.programs.gateway);
        command
            .args(["-hostname", "127.0.0.1", "-copy_emulator_stdout", "-grpc_binary"])
            .arg(folder.join(SCRIPT));
        command.arg("-grpc_port").arg(ports[Self::GRPC].number().to_string());
        command.arg("-http_port").arg(ports[Self::REST].number().to_string());
        command.current_dir(folder);
        command
    }

    /// The gateway asks the emulator, so both are ready.
    fn answers(&self, ports: &[Port]) -> bool {
        probe::http_ok(ports[Self::REST].number(), "/v1/projects/testbed/instanceConfigs")
    }

    fn helpers(&self, folder: &Path) -> Vec<u32> {
        let pid = std::fs::read_to_string(folder.join(PID)).ok();
        pid.and_then(|pid| pid.trim().parse().ok()).into_iter().collect()
    }
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_reads_back_what_was_quoted() {
        for text in ["plain", "two words", "it's", "$HOME `x` \"y\" \\", ""] {
            let output =
                Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
