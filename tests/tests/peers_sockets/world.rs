//! A network namespace whose sockets are in every state.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use sonde_proto::json;
use sonde_proto::v1::Socket;
use sonde_tests::binaries::binary;
use sonde_tests::process::{Process, eventually, run};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Ends with all that runs in it when it is dropped.
#[derive(Debug)]
pub(crate) struct World {
    name: String,
    dir: tempfile::TempDir,
    population: Option<Process>,
}

impl World {
    /// Makes the namespace and the sockets.
    pub(crate) fn new() -> Result<Self> {
        let name = format!("socks{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new().prefix("sonde-sockets").tempdir()?;
        let mut this = Self { name, dir, population: None };
        let script = format!("ip netns add {0} && ip -n {0} link set lo up", this.name);
        let output = run(Command::new("sh").args(["-c", &script]), Duration::from_secs(20))?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let folder = this.dir.path().display().to_string();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers_sockets/population.py");
        let log = this.dir.path().join("log");
        let mut command = this.inside("python3");
        command.args([script, &folder]);
        let mut population = Process::start(&mut command, &log)?;
        let ready = this.dir.path().join("ready");
        let complaint = || std::fs::read_to_string(&log).unwrap_or_default();
        eventually(Duration::from_secs(30), "the sockets are made", || {
            population.check().map_err(|error| error.context(complaint()))?;
            Ok(ready.exists())
        })?;
        this.population = Some(population);
        // Retransmissions bring two of the states about.
        eventually(Duration::from_secs(20), "every state is there", || {
            let table = this.ss("-taniH");
            let told = ["CLOSING", "LAST-ACK", "FIN-WAIT-1", "SYN-SENT", "SYN-RECV", " backoff:", " lost:"];
            Ok(told.iter().all(|word| table.contains(word)))
        })?;
        Ok(this)
    }

    /// What ss prints there.
    pub(crate) fn ss(&self, arguments: &str) -> String {
        self.run("ss", &arguments.split(' ').collect::<Vec<_>>())
    }

    /// What a program prints there.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.inside(program);
        command.args(arguments);
        let output = run(&mut command, Duration::from_secs(20)).expect("it runs");
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What `sonde sockets` lists there.
    pub(crate) fn sockets(&self, arguments: &[&str]) -> Vec<Socket> {
        let mut all = vec!["sockets", "-o", "jsonl"];
        all.extend(arguments);
        let lines = self.sonde(&all);
        lines.lines().map(|line| json::from_str(line).expect("a socket on each line")).collect()
    }

    /// The JSON of a command of sonde.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        serde_json::from_str(&self.sonde(&all)).expect("JSON")
    }

    /// The first process of a user that is ours.
    pub(crate) fn pid_of_user(&self, uid: u32) -> u32 {
        let text = self.run("pgrep", &["-u", &uid.to_string(), "-f", &self.dir.path().display().to_string()]);
        text.lines().next().and_then(|pid| pid.parse().ok()).expect("a process")
    }

    fn sonde(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary("sonde"));
        command.arg("--netns").arg(format!("/run/netns/{}", self.name)).args(arguments);
        command.env_clear().env("HOME", self.dir.path());
        let output = run(&mut command, Duration::from_secs(20)).expect("sonde runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg(program).env("LC_ALL", "C");
        command.env("NSTAT_HISTORY", self.dir.path().join("nstat"));
        command
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.population = None;
        // One that was never made cannot be deleted; nothing else can be done about it here.
        Command::new("ip").args(["netns", "del", &self.name]).output().ok();
    }
}
