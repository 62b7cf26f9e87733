//! Processes that end with their owner.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// A process in a group of its own; dropping it kills the group and reaps it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    what: String,
}

impl Process {
    /// Starts it with its output going to `log`, a file.
    pub fn start(command: &mut Command, log: &std::path::Path) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let what = format!("{command:?}");
        let out = std::fs::OpenOptions::new().create(true).append(true).open(log).context("open the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().context("share the log")?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {what}"))?;
        Ok(Self { child, what })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it has already ended.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}", self.what);
        }
        Ok(())
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        rustix::process::kill_process(self.pid_of(), signal).context("send a signal")
    }

    /// Waits for its end, at most `patience`.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let end = after(patience);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if past(end) {
                bail!("{} did not end within {patience:?}", self.what);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pid_of(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group may be gone already; there is nothing to do about it then.
        kill_process_group(self.pid_of(), Signal::KILL).ok();
        self.child.wait().ok();
    }
}

/// Runs a command to its end, killing its group after `patience`.
pub fn run(command: &mut Command, patience: Duration) -> Result<Output> {
    use std::os::unix::process::CommandExt as _;
    let what = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("start {what}"))?;
    let pid = Pid::from_child(&child);
    let mut stdout = child.stdout.take().context("invariant: piped")?;
    let mut stderr = child.stderr.take().context("invariant: piped")?;
    let read_out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let read_err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).map(|_| bytes)
    });
    let end = after(patience);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if past(end) {
            kill_process_group(pid, Signal::KILL).ok();
            child.wait()?;
            bail!("{what} did not end within {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let collect = |t: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| -> Result<Vec<u8>> {
        Ok(t.join().map_err(|_| anyhow::anyhow!("the reader of {what} panicked"))??)
    };
    Ok(Output { status, stdout: collect(read_out)?, stderr: collect(read_err)? })
}

/// Polls until `done`, at most `patience`.
pub fn eventually(patience: Duration, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = after(patience);
    while !done()? {
        if past(end) {
            bail!("{what} did not come true within {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(15));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a test's patience, not a measurement")]
fn after(patience: Duration) -> Instant {
    Instant::now() + patience
}

#[expect(clippy::disallowed_methods, reason = "a test's patience, not a measurement")]
fn past(end: Instant) -> bool {
    Instant::now() >= end
}
