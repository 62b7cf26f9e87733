//! Very many connections in a network namespace of their own, for benchmarks: made on loopback by helper processes, which are the
//! benchmark itself, started again.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// A network namespace for a crowd. It is gone once this is dropped.
#[derive(Debug)]
pub struct Namespace(&'static str);

/// A process that is ended once this is dropped.
#[derive(Debug)]
pub struct Helper(Child);

/// To be called first in `main`: where this process is a helper it connects to itself, and is told to end before this returns. Whether
/// it was one.
pub fn was_helper() -> Result<bool> {
    let Some(count) = std::env::var_os(HELPER) else { return Ok(false) };
    let count = count.to_string_lossy().parse().context("read how many connections to make")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(TcpStream::connect(address)?);
        held.push(listener.accept()?.0);
    }
    let mut output = io::stdout();
    writeln!(output, "{READY}")?;
    output.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(true)
}

impl Namespace {
    /// Makes it anew, its loopback up.
    pub fn new(name: &'static str) -> Result<Self> {
        drop(Command::new("ip").args(["netns", "del", name]).output());
        let namespace = Self(name);
        // A hundred thousand connections to one address each need a port of their own.
        let range = "net.ipv4.ip_local_port_range=1025 65000";
        for arguments in [
            &["netns", "add", name][..],
            &["-n", name, "link", "set", "lo", "up"],
            &["netns", "exec", name, "sysctl", "-qw", range],
        ] {
            ensure!(Command::new("ip").args(arguments).status()?.success(), "ip {arguments:?} failed");
        }
        Ok(namespace)
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(self.0)
    }

    /// A command inside.
    pub fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg(program);
        command
    }

    /// So many connections, each of two sockets, once all are there.
    pub fn connect(&self, count: usize) -> Result<Helper> {
        let mut command = self.inside(&std::env::current_exe()?);
        command.env(HELPER, count.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut helper = Helper(command.spawn()?);
        let output = helper.0.stdout.take().context("the helper has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line.trim_end() == READY, "the helper did not connect: {line:?}");
        Ok(helper)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "del", self.0]).output());
    }
}

impl Helper {
    /// A process of another kind.
    pub fn of(child: Child) -> Self {
        Self(child)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const HELPER: &str = "SONDE_BENCH_HELPER";
const READY: &str = "ready";
