//! Child processes: quiet ones that are waited for, and long ones that never
//! outlive this one, however it ends.

use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use xshell::Cmd;

use crate::apt;

/// Longer than the service's own drain, which is 10 s.
const PATIENCE: Duration = Duration::from_secs(12);

/// Runs a tool whose words matter only when it fails.
pub(crate) fn quietly(command: Cmd<'_>) -> anyhow::Result<()> {
    let shown = command.to_string();
    let output = command.quiet().ignore_status().output()?;
    if !output.status.success() {
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        bail!("{shown}\n{}{}", said(&output.stdout), said(&output.stderr));
    }
    Ok(())
}

/// A child; ended when dropped.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    /// Starts it, with a signal from the kernel should this process be killed:
    /// nothing of ours runs then.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        set: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        let mut command = if apt::in_path("setpriv") {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        set(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name, child })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// An error once it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended ({status})", self.name),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(None) => sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_is_gone() {
        let sleeper = |command: &mut Command| _ = command.arg("60");
        let mut process = Process::start("sleep", Path::new("sleep"), sleeper).expect("started");
        process.check().expect("running");
        let pid = Pid::from_child(process.child());
        let begun = Instant::now();
        drop(process);
        assert!(begun.elapsed() < PATIENCE);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
