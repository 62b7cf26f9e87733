//! One run of one program: namespaces of its own, an `/etc` of its own, the recorder beside it.
//!
//! The namespaces belong to a thread and to the program, have no name, and end with them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::thread::UnshareFlags;
use tokio::task::JoinSet;

use super::case::Case;
use super::original::musl;
use super::recorder::{ELSEWHERE, Log, serve};
use super::rule::{Reach, Script};

/// What a program said, and what the servers saw of it.
#[derive(Debug)]
pub struct Observation {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
    /// Its exit code.
    pub exit: Option<i32>,
    /// What the servers saw.
    pub log: Log,
}

/// Runs a program in the surroundings of a case and of a personality's version; it is killed after `patience`.
pub fn observe(
    case: &Case,
    personality: &str,
    program: &Path,
    arguments: &[String],
    patience: Duration,
) -> Result<Observation> {
    std::thread::scope(|scope| {
        let inside = || Sandbox::new(case, personality)?.run(program, arguments, patience);
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn_scoped(scope, inside)?;
        thread.join().map_err(|_| anyhow!("the sandbox panicked"))?
    })
}

struct Sandbox<'a> {
    case: &'a Case,
    scripts: std::collections::BTreeMap<IpAddr, Script>,
    dir: tempfile::TempDir,
}

impl<'a> Sandbox<'a> {
    /// Moves the calling thread into new namespaces and furnishes them.
    fn new(case: &'a Case, personality: &str) -> Result<Self> {
        let this = Self {
            case,
            scripts: case.scripts()?,
            dir: tempfile::Builder::new().prefix("sonde-personality").tempdir()?,
        };
        this.write_etc()?;
        std::fs::create_dir(this.dir.path().join("home"))?;
        let flags = UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::NEWUTS;
        #[expect(unsafe_code, reason = "rustix marks every unshare, for the flag FILES alone")]
        // SAFETY: the file descriptor table stays shared: FILES is not among the flags.
        unsafe { rustix::thread::unshare_unsafe(flags) }.context("make namespaces")?;
        let script = this.set_up(personality)?;
        let output = std::process::Command::new("sh").args(["-ec", &script]).output()?;
        ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(this)
    }

    fn run(&self, program: &Path, arguments: &[String], patience: Duration) -> Result<Observation> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let log = Log::default();
            let mut servers = JoinSet::new();
            for (nth, (address, script)) in (0..).zip(&self.scripts) {
                serve(&mut servers, nth, *address, script.clone(), &log)?;
            }
            let child = tokio::process::Command::new(program)
                .args(arguments)
                .env_clear()
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .env("HOME", self.dir.path().join("home"))
                .envs(&self.case.env)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("start {}", program.display()))?;
            let Ok(output) = tokio::time::timeout(patience, child.wait_with_output()).await else {
                bail!("{} {arguments:?} did not end within {patience:?}", program.display());
            };
            let output = output?;
            tokio::time::sleep(DRAIN).await;
            Ok(Observation {
                stdout: output.stdout,
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                exit: output.status.code(),
                log,
            })
        })
    }

    fn write_etc(&self) -> Result<()> {
        let etc = self.etc();
        std::fs::create_dir(&etc)?;
        let case = self.case;
        let mut files = vec![
            ("resolv.conf", case.resolv.clone()),
            ("hosts", case.hosts.clone()),
            ("nsswitch.conf", case.nsswitch.clone()),
            ("passwd", "root:x:0:0:root:/root:/bin/sh\n".to_owned()),
        ];
        files.extend(case.host_conf.clone().map(|text| ("host.conf", text)));
        for (name, text) in files.into_iter().filter(|(name, _)| !case.without.iter().any(|w| w == name)) {
            std::fs::write(etc.join(name), text)?;
        }
        Ok(())
    }

    fn etc(&self) -> PathBuf {
        self.dir.path().join("etc")
    }

    /// The addresses of the servers, a default route that swallows, and the case's `/etc`.
    fn set_up(&self, personality: &str) -> Result<String> {
        let mut ip = vec!["link set lo up".to_owned(), format!("addr add {ELSEWHERE}/32 dev lo")];
        let mut rest = Vec::new();
        if self.names_a_link() {
            ip.push("link add eth0 type veth peer name far0".to_owned());
            ip.extend(["far0", "eth0"].map(|device| format!("link set {device} up")));
        }
        for (address, script) in &self.scripts {
            match address {
                _ if script.udp == Reach::Unreachable => ip.push(format!("route add unreachable {address}")),
                _ if address.is_loopback() => {}
                IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                    ip.push(format!("addr add {address}/64 dev eth0 nodad"));
                    // Usable only when the new link has its carrier.
                    rest.push(until(&format!("ip -6 route show table local dev eth0 | grep -q '{address}'")));
                }
                // On the loopback interface, where an address can be used at once.
                IpAddr::V4(_) => ip.push(format!("addr add {address}/32 dev lo")),
                IpAddr::V6(_) => ip.push(format!("addr add {address}/128 dev lo nodad")),
            }
        }
        // There is no way out, but there are routes: what goes there is lost without a word.
        ip.push("route add default dev lo".to_owned());
        if self.scripts.keys().any(IpAddr::is_ipv6) {
            rest.push(until("test -z \"$(ip -6 addr show tentative)\""));
        }
        // The loader tells which musl is installed; what links statically does not need it.
        let loader = self.dir.path().join("libc.so");
        std::fs::write(&loader, format!("\0{}\0", musl(personality)))?;
        let loader = loader.display();
        let lines = [
            format!("echo {} > /proc/sys/kernel/hostname", self.case.hostname),
            format!("ip -batch - <<'END'\n{}\nEND", ip.join("\n")),
            "ip -6 route add default dev lo".to_owned(),
            rest.join("\n"),
            "mount --make-rprivate /".to_owned(),
            format!("mount --bind {} /etc", self.etc().display()),
            format!(
                "for l in /lib/ld-musl-*.so.1; do if [ -e $l ]; then mount --bind {loader} $(readlink -f $l); fi; done"
            ),
        ];
        Ok(lines.join("\n"))
    }

    /// Whether the case speaks of `eth0`; making one costs more than all the rest.
    fn names_a_link(&self) -> bool {
        let case = self.case;
        let link_local = |address: &IpAddr| matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        [&case.query, &case.hosts, &case.resolv].iter().any(|text| text.contains("eth0"))
            || case.server.keys().any(link_local)
    }
}

/// Polls a condition for 4 seconds; then it must hold.
fn until(condition: &str) -> String {
    format!("for i in $(seq 200); do {condition} && break; sleep 0.02; done; {condition}")
}

/// For the recorder to read what is still in its sockets when the program has ended.
const DRAIN: Duration = Duration::from_millis(30);
