//! Four namespaces and what runs in them; all of it ends when the topology is dropped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::names::Names;
use super::pki;
use crate::binaries::binary;
use crate::process::{Process, eventually, run};

/// A network of four hosts.
#[derive(Debug)]
pub struct Topology {
    prefix: String,
    /// Words for scenarios.
    pub names: Names,
    dir: tempfile::TempDir,
    processes: Vec<Process>,
}

const SIDES: [&str; 4] = ["client", "router", "server", "dns"];
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Topology {
    /// Builds it: addresses, routes, certificates; every host can reach every other.
    pub fn new(seed: u64) -> Result<Self> {
        let prefix = format!("snd{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new().prefix("sonde-lab").tempdir()?;
        let mut names = Names::new(seed);
        names.set("dir", dir.path().display().to_string());
        names.set("lab_dir", format!("{}/lab", env!("CARGO_MANIFEST_DIR")));
        names.set("lab", binary("lab-service").display().to_string());
        let this = Self { prefix, names, dir, processes: Vec::new() };
        this.build()?;
        pki::write(this.dir.path(), this.names.get("name"))?;
        this.file("hosts", "127.0.0.1 localhost\n::1 localhost\n")?;
        this.file("nsswitch.conf", "hosts: files dns\n")?;
        this.file("resolv.conf", &format!("nameserver {}\n", this.names.get("dns")))?;
        std::fs::create_dir(this.dir.path().join("home"))?;
        Ok(this)
    }

    /// The name of one side's namespace.
    pub fn namespace(&self, side: &str) -> String {
        format!("{}{}", self.prefix, &side[..1])
    }

    /// Its temporary folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the trial.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// A command that will run inside a namespace, with the trial's `/etc` files.
    pub fn command(&self, side: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace(side))).args(["unshare", "-m", "sh", "-c"]);
        command.arg(format!(
            "mount --make-rprivate / && for f in resolv.conf hosts nsswitch.conf; do mount --bind {0}/$f /etc/$f || exit 99; done; \
             exec \"$@\"",
            self.dir.path().display()
        ));
        command.arg("sh");
        command.env("SSL_CERT_FILE", self.dir.path().join("ca.pem"));
        command
    }

    /// Starts a shell command line inside a namespace.
    pub fn start(&mut self, side: &str, line: &str) -> Result<u32> {
        let log = self.dir.path().join("services.log");
        let process = Process::start(self.command(side).args(["sh", "-c", &format!("exec {line}")]), &log)?;
        let pid = process.pid();
        self.processes.push(process);
        Ok(pid)
    }

    /// Waits until a TCP port listens in a namespace, or a service has died; `ADDRESS:PORT` waits for a listener at that address.
    pub fn wait_for_port(&mut self, side: &str, port: &str) -> Result<()> {
        let namespace = self.namespace(side);
        let log = self.dir.path().join("services.log");
        let processes = &mut self.processes;
        let listener = if port.contains(':') { format!("src {port}") } else { format!("sport = :{port}") };
        eventually(Duration::from_secs(10), &format!("a listener on port {port} of the {side}"), || {
            for process in processes.iter_mut() {
                process.check().with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
            }
            let output = Command::new("ip").args(["netns", "exec", &namespace, "ss", "-Hltn", &listener]).output()?;
            Ok(!output.stdout.is_empty())
        })
    }

    /// Runs shell commands inside a namespace; they must succeed.
    pub fn shell(&self, side: &str, script: &str) -> Result<String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(side), "sh", "-ec", script]);
        let output = run(&mut command, Duration::from_secs(20))?;
        ensure!(
            output.status.success(),
            "{script:?} on the {side} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Loads an nftables ruleset inside a namespace.
    pub fn nft(&self, side: &str, rules: &str) -> Result<()> {
        let path = self.file("rules.nft", rules)?;
        self.shell(side, &format!("nft -f {}", path.display())).map(drop)
    }

    fn build(&self) -> Result<()> {
        let router = self.namespace("router");
        let mut script = vec!["set -e".to_owned()];
        for namespace in SIDES.map(|side| self.namespace(side)) {
            script.push(format!("ip netns add {namespace}"));
            // Duplicate address detection costs a second for each address.
            let no_dad = "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done";
            script.push(format!("ip netns exec {namespace} sh -c '{no_dad}'"));
            script.push(format!("ip -n {namespace} link set lo up"));
        }
        for (side, near, second) in [("client", "c0", "onlink"), ("server", "s0", "server2"), ("dns", "d0", "dns2")] {
            let host = self.namespace(side);
            let (address, gateway) = (self.names.get(side), self.names.get(&format!("{side}_gw")));
            // The second address of the client's subnet lives on the router: an on-link peer of the client.
            let (owner, device) = if side == "client" { (&router, near) } else { (&host, "eth0") };
            script.extend([
                format!("ip link add eth0 netns {host} type veth peer name {near} netns {router}"),
                format!("ip -n {host} link set eth0 up"),
                format!("ip -n {router} link set {near} up"),
                format!("ip -n {host} addr add {address}/24 dev eth0"),
                format!("ip -n {router} addr add {gateway}/24 dev {near}"),
                format!("ip -n {host} route add default via {gateway}"),
                format!("ip -n {owner} addr add {}/24 dev {device}", self.names.get(second)),
            ]);
        }
        script.push(format!("ip netns exec {router} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"));
        let output = run(Command::new("sh").args(["-c", &script.join("\n")]), Duration::from_secs(30))?;
        if !output.status.success() {
            bail!("building the namespaces failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        self.processes.clear();
        for side in SIDES {
            // A namespace that was never made cannot be deleted; nothing else can be done about it here.
            Command::new("ip").args(["netns", "del", &self.namespace(side)]).output().ok();
        }
    }
}
