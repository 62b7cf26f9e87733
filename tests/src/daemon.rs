//! A real `sonde daemon run`, on loopback and a unix socket of its own.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries::binary;
use crate::process::{Process, eventually};

/// A running daemon; it ends when dropped.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    dir: tempfile::TempDir,
    port: u16,
}

impl Daemon {
    /// Starts one with further lines of configuration, and waits until it serves.
    pub fn start(config: &str) -> Result<Self> {
        Self::start_with(config, &[])
    }

    /// The same with further variables in its environment.
    pub fn start_with(config: &str, variables: &[(&str, &OsStr)]) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("sonded").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let path = dir.path().join("sonded.toml");
        std::fs::write(&path, config)?;
        let mut command = Command::new(binary("sonde"));
        command.args(["daemon", "run", "--config"]).arg(&path);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--listen", &format!("unix:{}", dir.path().join("sonde.sock").display())]);
        command.env("XDG_CACHE_HOME", dir.path().join("cache")).envs(variables.iter().copied());
        let process = Process::start(&mut command, &dir.path().join("log"))?;
        let mut this = Self { process, dir, port };
        let (process, log) = (&mut this.process, this.dir.path().join("log"));
        eventually(Duration::from_secs(20), "a serving daemon", || {
            process.check().with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
            // The port is bound before the checks are compiled; what is written last is that it serves.
            Ok(std::fs::read_to_string(&log).unwrap_or_default().contains(&format!("127.0.0.1:{port}")))
        })?;
        Ok(this)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sonde.sock")
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Descriptors it has open that are sockets.
    pub fn sockets(&self) -> Result<usize> {
        let mut count = 0;
        for entry in std::fs::read_dir(format!("/proc/{}/fd", self.process.pid()))? {
            let link = std::fs::read_link(entry?.path()).unwrap_or_default();
            count += usize::from(link.to_string_lossy().starts_with("socket:"));
        }
        Ok(count)
    }
}
