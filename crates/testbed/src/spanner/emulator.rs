use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::component::{Program, write};
use crate::error::Error;
use crate::port::Port;
use crate::prerequisite;
use crate::probe;
use crate::spawner::{GUARD, guarded};

/// The gateway, which serves REST and starts the server, with the server, which serves gRPC.
///
/// The gateway leaves the server running when it exits, and does not know all its flags. It therefore starts a script
/// instead, which writes its process id to a file, adds the flags, and becomes the server under the parent-death signal.
#[derive(Debug, Clone)]
pub(crate) struct Emulator {
    pub(crate) programs: prerequisite::EmulatorPrograms,
    pub(crate) arguments: Vec<String>,
}

const PID_FILE: &str = "emulator.pid";
const SCRIPT: &str = "emulator";

impl Emulator {
    pub(crate) const GRPC: usize = 0;
    pub(crate) const REST: usize = 1;

    fn script(&self, folder: &Path) -> String {
        let arguments = self.arguments.iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" ");
        format!(
            "#!/bin/sh\necho $$ > {}\nexec setpriv --pdeathsig KILL -- sh -c {} {} \"$@\" {arguments}\n",
            quote(&folder.join(PID_FILE).to_string_lossy()),
            quote(GUARD),
            quote(&self.programs.server.to_string_lossy()),
        )
    }
}

impl Program for Emulator {
    const NAME: &'static str = "spanner-emulator";
    const PORTS: usize = 2;
    const START_TIMEOUT: Duration = Duration::from_secs(60);

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

    /// Asks the gateway, which asks the server, so both must be ready.
    fn answers(&self, ports: &[Port]) -> bool {
        probe::http_ok(ports[Self::REST].number(), "/v1/projects/testbed/instanceConfigs")
    }

    fn helpers(&self, folder: &Path) -> Vec<u32> {
        let pid = std::fs::read_to_string(folder.join(PID_FILE)).ok();
        pid.and_then(|pid| pid.trim().parse().ok()).into_iter().collect()
    }
}

/// Quotes a text as one word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_reads_the_quoted_text_unchanged() {
        for text in ["plain", "two words", "it's", "$HOME `x` \"y\" \\", ""] {
            let output =
                Command::new("sh").args(["-c", &format!("printf %s {}", quote(text))]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
