//! A namespace whose loopback is the Internet: name servers on 127.0.0.0/8 port 53, and zones signed on the spot.
//!
//! Without root a test is skipped visibly; where `SONDE_LAB=1` that is a failure.

use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{Query, WalkRequest, WalkResult};
use sonde_probe::clock::RunClock;
use sonde_probe::dns;
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

/// Begins a test body that needs root.
macro_rules! need_root {
    ($test:literal) => {
        if !$crate::lab::privileged($test) {
            return;
        }
    };
}
pub(crate) use need_root;

/// How a zone is signed.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    pub(crate) algorithm: &'static str,
    /// For `-s` and `-e` of dnssec-signzone, relative to now.
    pub(crate) from: &'static str,
    pub(crate) until: &'static str,
    /// Further arguments of dnssec-signzone.
    pub(crate) with: &'static [&'static str],
}

impl Signing {
    pub(crate) const GOOD: Self =
        Self { algorithm: "ECDSAP256SHA256", from: "now-3600", until: "now+864000", with: &[] };
}

/// A zone ready to be served.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) origin: String,
    pub(crate) text: String,
    /// The data of its DS record; empty where it is not signed.
    pub(crate) ds: String,
}

impl Zone {
    /// As `text` of the same zone, with each line passed through `change`; what becomes empty is left out.
    pub(crate) fn changed(&self, change: impl Fn(&str) -> String) -> Self {
        let lines = self.text.lines().map(change).filter(|line| !line.is_empty());
        Self { text: lines.collect::<Vec<_>>().join("\n") + "\n", ..self.clone() }
    }
}

/// A namespace with its servers; everything ends with it.
pub(crate) struct Lab {
    name: String,
    directory: tempfile::TempDir,
    servers: Vec<Child>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        // The hasher's keys are random for each RandomState.
        let random = RandomState::new().build_hasher().finish();
        let name = format!("walk{:08x}", random & 0xffff_ffff);
        run("ip", &["netns", "add", &name]);
        let lab = Self { name, directory: tempfile::tempdir().expect("a directory"), servers: Vec::new() };
        run("ip", &["-n", &lab.name, "link", "set", "lo", "up"]);
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A zone as it is written: `records` with names relative to `origin`, SOA and TTL added.
    pub(crate) fn zone(origin: &str, serial: u32, records: &str) -> Zone {
        let text = format!(
            "$ORIGIN {origin}\n$TTL 3600\n@ SOA ns.invalid. root.invalid. {serial} 3600 900 86400 300\n{records}"
        );
        Zone { origin: origin.to_owned(), text, ds: String::new() }
    }

    /// Signed by one new key, which does both: SEP, and signing the zone.
    pub(crate) fn sign(&self, zone: &Zone, signing: &Signing) -> Zone {
        let random = RandomState::new().build_hasher().finish();
        let directory = self.path(&format!("keys{random:016x}"));
        fs::create_dir(&directory).expect("a directory");
        let place = directory.to_str().expect("UTF-8");
        let mut arguments = vec!["-q", "-K", place, "-a", signing.algorithm, "-f", "KSK"];
        if signing.algorithm.starts_with("RSA") {
            arguments.extend(["-b", "4096"]);
        }
        let key = run("dnssec-keygen", &[&arguments[..], &["-n", "ZONE", &zone.origin]].concat());
        let key = key.trim();
        let public = fs::read_to_string(directory.join(format!("{key}.key"))).expect("a key");
        let (plain, signed) = (directory.join("zone"), directory.join("signed"));
        fs::write(&plain, format!("{}{public}", zone.text)).expect("written");
        let paths = [&plain, &signed].map(|path| path.to_str().expect("UTF-8").to_owned());
        let mut arguments = vec!["-q", "-P", "-z", "-O", "full", "-K", place, "-d", place, "-o", &zone.origin];
        arguments.extend(["-s", signing.from, "-e", signing.until, "-f", &paths[1]]);
        arguments.extend(signing.with);
        arguments.extend([paths[0].as_str(), key]);
        run("dnssec-signzone", &arguments);
        let ds = run("dnssec-dsfromkey", &["-2", directory.join(format!("{key}.key")).to_str().expect("UTF-8")]);
        let ds = ds.split(" DS ").nth(1).expect("a DS record").trim().to_owned();
        Zone { text: fs::read_to_string(&signed).expect("signed"), ds, ..zone.clone() }
    }

    /// Serves zones at an address of 127.0.0.0/8.
    pub(crate) fn serve(&mut self, address: &str, zones: &[&Zone]) {
        // named listens on addresses that an interface has, and that of lo is 127.0.0.1 alone.
        if address != "127.0.0.1" {
            run("ip", &["-n", &self.name, "addr", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        let place = self.path(address);
        fs::create_dir(&place).expect("a directory");
        let shown = place.display();
        let mut configuration = format!(
            "options {{ directory \"{shown}\"; pid-file none; session-keyfile \"{shown}/session\"; recursion no;\n\
             listen-on port 53 {{ {address}; }}; listen-on-v6 {{ none; }}; dnssec-validation no;\n\
             minimal-responses no; notify no; empty-zones-enable no; check-integrity no; }};\ncontrols {{ }};\n"
        );
        for (number, zone) in zones.iter().enumerate() {
            let file = place.join(format!("zone{number}"));
            fs::write(&file, &zone.text).expect("written");
            let (origin, file) = (&zone.origin, file.display());
            writeln!(configuration, "zone \"{origin}\" {{ type primary; file \"{file}\"; check-names ignore; }};")
                .expect("text");
        }
        let path = place.join("named.conf");
        fs::write(&path, configuration).expect("written");
        let log = fs::File::create(place.join("log")).expect("a log");
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name, "named", "-g", "-n", "1", "-c"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("named starts");
        self.servers.push(child);
    }

    pub(crate) fn vantage(&self) -> Vantage {
        Vantage::open(&Selector::Netns(format!("/run/netns/{}", self.name).into())).expect("the namespace opens")
    }

    /// Waits until the servers at `addresses` answer with the zones they have.
    pub(crate) async fn ready(&self, addresses: &[&str]) {
        let (vantage, clock) = (self.vantage(), RunClock::start());
        for address in addresses {
            let server = endpoint(address);
            let mut answered = false;
            for _ in 0..200 {
                let query = Query::new(server, "version.bind.invalid.", 6, Duration::from_millis(500));
                if dns::query(&vantage, &clock, &query).await.outcome.is_ok() {
                    answered = true;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let log = fs::read_to_string(self.path(address).join("log")).unwrap_or_default();
            assert!(answered, "{address} does not answer: {log}");
            // A zone that named does not load would look like a lame server.
            assert!(!log.contains("not loaded due to errors"), "{log}");
        }
    }

    /// Walks from the root server at 127.0.0.1, trusting `anchor`.
    pub(crate) async fn walk(&self, name: &str, qtype: u16, anchor: &str) -> WalkResult {
        let request = WalkRequest {
            name: name.to_owned(),
            qtype,
            roots: vec![endpoint("127.0.0.1")],
            trust_anchors: vec![anchor.to_owned()],
            port: 53,
            ipv6: false,
            // Ample: the machine may be busy, and a dead server on loopback refuses at once.
            query_timeout: Duration::from_secs(4),
            timeout: Duration::from_mins(1),
        };
        dns::walk(&self.vantage(), &RunClock::start(), &request).await
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.servers {
            drop(child.kill());
            drop(child.wait());
        }
        drop(Command::new("ip").args(["netns", "del", &self.name]).status());
    }
}

pub(crate) fn endpoint(address: &str) -> Endpoint {
    Endpoint { address: address.parse::<IpAddr>().expect("an address"), port: 53 }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}
