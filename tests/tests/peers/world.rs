//! Two network namespaces, the peers in one of them and those who ask in the other.
//!
//! ```text
//! client (c0, .100) --- (s0, .1 .2 .3 .4) server: named, knotd, unbound, dnsmasq
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sonde_tests::lab::pki;
use sonde_tests::process::{Process, eventually, run};

use super::server::{Server, ZONES};

/// The name in the servers' certificate.
pub(crate) const CERTIFIED: &str = "dns.peers.example";

/// Where BIND listens as well.
pub(crate) const SERVER_OVER_IPV6: &str = "2001:db8:53::1";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Ends with all that runs in it when it is dropped.
#[derive(Debug)]
pub(crate) struct World {
    name: String,
    dir: tempfile::TempDir,
    processes: Vec<Process>,
}

impl World {
    /// Makes the namespaces and the zones, and starts the servers.
    pub(crate) fn with(servers: &[Server]) -> Result<Self> {
        let name = format!("peers{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new().prefix("sonde-peers").tempdir()?;
        let mut this = Self { name, dir, processes: Vec::new() };
        this.connect()?;
        this.write_zones()?;
        pki::write(this.dir.path(), CERTIFIED)?;
        for server in servers {
            let log = this.log(*server);
            let (program, arguments) = server.command(this.dir.path())?;
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/run/netns/{}s", this.name)).arg(program).args(arguments);
            this.processes.push(Process::start(&mut command, &log)?);
        }
        for server in servers {
            this.wait_for(*server)?;
        }
        Ok(this)
    }

    /// The path of the namespace to ask from.
    pub(crate) fn client(&self) -> PathBuf {
        format!("/run/netns/{}c", self.name).into()
    }

    /// Runs a program where sonde asks from, and returns what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[String]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.client().display())).arg(program).args(arguments);
        // The file that dig reads its options and kdig its history from.
        command.env("HOME", self.dir.path()).env("LC_ALL", "C");
        let output = run(&mut command, Duration::from_secs(20))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{program} {} said {text}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    fn log(&self, server: Server) -> PathBuf {
        self.dir.path().join(format!("{server:?}.log"))
    }

    fn connect(&self) -> Result<()> {
        let (server, client) = (format!("{}s", self.name), format!("{}c", self.name));
        let mut script = vec!["set -e".to_owned()];
        for namespace in [&server, &client] {
            script.push(format!("ip netns add {namespace}"));
            script.push(format!("ip -n {namespace} link set lo up"));
        }
        script.push(format!("ip link add s0 netns {server} type veth peer name c0 netns {client}"));
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] {
            script.push(format!("ip -n {server} addr add {address}/24 dev s0"));
        }
        script.push(format!("ip -n {server} addr add {SERVER_OVER_IPV6}/64 dev s0 nodad"));
        script.push(format!("ip -n {client} addr add 192.0.2.100/24 dev c0"));
        script.push(format!("ip -n {client} addr add 2001:db8:53::100/64 dev c0 nodad"));
        script.push(format!("ip -n {server} link set s0 up"));
        script.push(format!("ip -n {client} link set c0 up"));
        shell(&script.join("\n"), self.dir.path())
    }

    /// The zones as they are, and signed.
    fn write_zones(&self) -> Result<()> {
        let dir = self.dir.path();
        std::fs::write(dir.join("records.zone"), include_str!("zone/records.zone"))?;
        let mut script = vec!["set -e".to_owned()];
        for zone in ZONES {
            let file = format!("$ORIGIN {}.\n$INCLUDE {}/records.zone\n", zone.name, dir.display());
            std::fs::write(dir.join(zone.name), file)?;
            if let Some(options) = zone.signing {
                let sign = "dnssec-keygen -q -a ECDSAP256SHA256";
                script.push(format!("{sign} -f KSK {0} && {sign} {0}", zone.name));
                script.push(format!("dnssec-signzone -S -x {options} -o {0} -f {0}.signed {0}", zone.name));
                script.push(format!("mv {0}.signed {0}", zone.name));
            }
        }
        shell(&script.join("\n"), dir)
    }

    /// Until it answers over every transport and has loaded its zones.
    fn wait_for(&mut self, server: Server) -> Result<()> {
        let log = self.log(server);
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        let arguments = |name: &str| {
            let server = format!("@{}", server.address());
            [&server, "-r", "+short", "+tries=1", "+timeout=1", "-t", "SOA", name].map(str::to_owned).to_vec()
        };
        for name in server.zones() {
            let mut processes = std::mem::take(&mut self.processes);
            let there = eventually(Duration::from_secs(15), &format!("{server:?} serves {name}"), || {
                processes.iter_mut().try_for_each(Process::check)?;
                // dig fails while nobody listens.
                Ok(self.run("dig", &arguments(name)).is_ok_and(|text| text.contains("2026112101")))
            });
            self.processes = processes;
            there.with_context(told)?;
        }
        let ports = self.run_beside("ss", &["-Hltn"])?;
        for port in server.tcp_ports() {
            ensure!(
                ports.contains(&format!("{}:{port} ", server.address())),
                "{server:?} lacks port {port}: {}",
                told()
            );
        }
        Ok(())
    }

    /// Runs a program beside the servers.
    fn run_beside(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}s", self.name)).arg(program).args(arguments);
        let output = run(&mut command, Duration::from_secs(10))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
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

fn shell(script: &str, dir: &Path) -> Result<()> {
    let output = run(Command::new("sh").args(["-c", script]).current_dir(dir), Duration::from_secs(30))?;
    ensure!(
        output.status.success(),
        "{script}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
