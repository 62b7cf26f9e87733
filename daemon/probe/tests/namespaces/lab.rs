//! Network namespaces for one test each: a random name, deleted at the test's end whatever that is.
//!
//! Without root a test is skipped visibly; where `SONDE_LAB=1` that is a failure.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};

/// Whether this test can run here.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn privileged(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert_ne!(std::env::var("SONDE_LAB").as_deref(), Ok("1"), "{test}: SONDE_LAB=1 but not root");
        eprintln!("skipped: {test} needs root to create network namespaces");
    }
    root
}

/// Says that a test cannot run on this machine.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
}

/// Begins a test body that needs root.
macro_rules! need_root {
    ($test:literal) => {
        if !$crate::lab::privileged($test) {
            return;
        }
    };
}
pub(crate) use need_root;

/// A network namespace with its loopback up.
pub(crate) struct Netns {
    pub(crate) name: String,
}

impl Netns {
    pub(crate) fn create() -> Self {
        // The hasher's keys are random for each RandomState.
        let random = RandomState::new().build_hasher().finish();
        let namespace = Self { name: format!("sys{:08x}", random & 0xffff_ffff) };
        run("ip", &["netns", "add", &namespace.name]);
        namespace.ip("link set lo up");
        // Else IPv6 is silent for the first second of every device.
        namespace.exec("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0");
        namespace
    }

    pub(crate) fn path(&self) -> PathBuf {
        format!("/run/netns/{}", self.name).into()
    }

    pub(crate) fn vantage(&self) -> Vantage {
        Vantage::open(&Selector::Netns(self.path())).expect("the namespace opens")
    }

    /// `ip -n NAME ARGUMENTS`, its output.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend(arguments.split_whitespace());
        run("ip", &all)
    }

    /// A command inside.
    pub(crate) fn exec(&self, command: &str) -> String {
        let mut all = vec!["netns", "exec", self.name.as_str()];
        all.extend(command.split_whitespace());
        run("ip", &all)
    }

    /// An nft ruleset inside.
    pub(crate) fn nft(&self, rules: &str) {
        run("ip", &["netns", "exec", &self.name, "nft", rules]);
    }

    /// Two namespaces joined by a veth pair: `left` has 10.9.0.1/24 and `fd09::1/64` on `near`, the other 10.9.0.2 and `fd09::2` on
    /// `far`.
    pub(crate) fn pair() -> (Self, Self) {
        let (left, right) = (Self::create(), Self::create());
        left.ip(&format!("link add near type veth peer name far netns {}", right.name));
        for (namespace, device, host) in [(&left, "near", 1), (&right, "far", 2)] {
            namespace.ip(&format!("addr add 10.9.0.{host}/24 dev {device}"));
            namespace.ip(&format!("addr add fd09::{host}/64 dev {device} nodad"));
            namespace.ip(&format!("link set {device} up"));
        }
        (left, right)
    }

    /// The same, after the left one has heard from the right one.
    pub(crate) fn warm_pair() -> (Self, Self) {
        let (left, right) = Self::pair();
        left.reaches(["10.9.0.2", "fd09::2"]);
        (left, right)
    }

    /// Waits until these addresses answer from here: a device that has just come up loses the first packets of IPv6.
    pub(crate) fn reaches(&self, addresses: [&str; 2]) {
        for address in addresses {
            let remote = std::net::SocketAddr::new(address.parse().expect("an address"), 1);
            let asked = move || std::net::TcpStream::connect_timeout(&remote, Duration::from_millis(200));
            let answers = (0..50).any(|_| {
                let answer = self.vantage().within(asked).expect("within");
                answer.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
            });
            assert!(answers, "{address} does not answer from {}", self.name);
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // Also while a test's panic unwinds; a failure here must not hide it.
        drop(Command::new("ip").args(["netns", "del", &self.name]).status());
        drop(fs::remove_dir_all(format!("/etc/netns/{}", self.name)));
    }
}

/// A process that is killed at the end.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Runs a shell script that says `ready` when it is, and then waits.
    pub(crate) fn unshared(flags: &str, script: &str) -> Self {
        let mut child = Command::new("unshare")
            .arg(flags)
            .args(["sh", "-c", &format!("{script}\necho ready\nexec sleep 60")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        let process = Self(child);
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("a line");
        assert_eq!(line, "ready\n");
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A clock for calls whose times do not matter.
pub(crate) fn clock() -> RunClock {
    RunClock::start()
}

/// Polls until `done` answers something; the kernel's tables settle in milliseconds.
pub(crate) fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(answer) = done() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} did not happen within 4 s");
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}
