//! Two network namespaces, the servers in one of them and the clients in the other.
//!
//! ```text
//! client (c0, 192.0.2.100, MTU 1400) --- (s0, 192.0.2.1) nginx, HAProxy, openssl s_server, a Go server
//! ```

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sonde_proto::json;
use sonde_proto::v1::Diagnosis;
use sonde_tests::binaries::binary;
use sonde_tests::process::{Process, eventually, run};

use super::certificates;
use super::servers::Server;

/// Where all servers listen.
pub(crate) const SERVER: &str = "192.0.2.1";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Ends with all that runs in it when it is dropped.
#[derive(Debug)]
pub(crate) struct World {
    name: String,
    dir: tempfile::TempDir,
    processes: Vec<Process>,
}

impl World {
    /// Makes the namespaces and the certificates, and starts the servers.
    pub(crate) fn with(servers: &[Server]) -> Result<Self> {
        let name = format!("dials{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new().prefix("sonde-dials").tempdir()?;
        let mut this = Self { name, dir, processes: Vec::new() };
        this.connect()?;
        certificates::write(this.dir.path(), SERVER.parse()?)?;
        for server in servers {
            let log = this.dir.path().join(format!("{}.log", server.name()));
            let mut command = this.beside();
            command.args(server.command(this.dir.path())?).current_dir(this.dir.path());
            this.processes.push(Process::start(&mut command, &log)?);
            for port in server.ports() {
                this.wait_for(port).with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
            }
        }
        Ok(this)
    }

    /// A file of this world.
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs a program where the clients are, and returns what it printed, whatever its exit code.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.asking(program);
        command.args(arguments);
        let output = run(&mut command, Duration::from_secs(20))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = || format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        ensure!(!text.is_empty(), complaint());
        Ok(text)
    }

    /// A command where the clients are.
    pub(crate) fn asking(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.client().display())).arg(program);
        command.env_remove("SSL_CERT_FILE").env("HOME", self.dir.path()).env("LC_ALL", "C");
        command
    }

    /// What `sonde dial -o json` says.
    pub(crate) fn dial(&self, target: &str, more: &[&str]) -> Result<Diagnosis> {
        let mut command = self.dialling(target, more);
        let output = run(&mut command, Duration::from_secs(30))?;
        let text = String::from_utf8_lossy(&output.stdout);
        json::from_str(&text).map_err(|problem| {
            anyhow::anyhow!("{command:?}: {problem}: {text}{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// The command for that.
    pub(crate) fn dialling(&self, target: &str, more: &[&str]) -> Command {
        let mut command = Command::new(binary("sonde"));
        command.arg("--netns").arg(self.client()).args(["-o", "json", "dial", target]).args(more);
        command.env_clear().env("HOME", self.dir.path()).env("SSL_CERT_FILE", self.path("ca.pem"));
        command
    }

    fn client(&self) -> PathBuf {
        format!("/run/netns/{}c", self.name).into()
    }

    /// A command where the servers are.
    fn beside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}s", self.name));
        command
    }

    fn connect(&self) -> Result<()> {
        let (server, client) = (format!("{}s", self.name), format!("{}c", self.name));
        let mut script = vec!["set -e".to_owned()];
        for namespace in [&server, &client] {
            script.push(format!("ip netns add {namespace}"));
            script.push(format!("ip -n {namespace} link set lo up"));
        }
        script.push(format!("ip link add s0 mtu 1400 netns {server} type veth peer name c0 mtu 1400 netns {client}"));
        script.push(format!("ip -n {server} addr add {SERVER}/24 dev s0"));
        script.push(format!("ip -n {client} addr add 192.0.2.100/24 dev c0"));
        script.push(format!("ip -n {server} link set s0 up"));
        script.push(format!("ip -n {client} link set c0 up"));
        let output = run(Command::new("sh").args(["-c", &script.join("\n")]), Duration::from_secs(30))?;
        ensure!(output.status.success(), "{script:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Until something listens there.
    fn wait_for(&mut self, port: u16) -> Result<()> {
        let mut processes = std::mem::take(&mut self.processes);
        let there = eventually(Duration::from_secs(15), &format!("port {port} listens"), || {
            processes.iter_mut().try_for_each(Process::check)?;
            let output = run(self.beside().args(["ss", "-Hltn"]), Duration::from_secs(10))?;
            Ok(String::from_utf8_lossy(&output.stdout).contains(&format!(":{port} ")))
        });
        self.processes = processes;
        there
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.processes.clear();
        for side in ["s", "c"] {
            // One that was never made cannot be deleted; nothing else can be done about it here.
            Command::new("ip").args(["netns", "del", &format!("{}{side}", self.name)]).output().ok();
        }
    }
}
