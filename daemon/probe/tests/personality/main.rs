//! The personalities against scripted name servers, in network namespaces of their own. Needs root; see [`lab`].
//!
//! Here stands what each of them reports. That it does what the original does is shown elsewhere, against the original.

mod glibc;
mod go;
#[path = "../namespaces/lab.rs"]
#[allow(dead_code, reason = "shared with the tests of namespaces, which use all of it")]
mod lab;
mod musl;
mod script;
mod system;

use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::dns::{Family, Personality, Resolution, ResolveRequest, StepOutcome};
use sonde_probe::dns;

use self::lab::{Netns, clock};

/// A network namespace with files of its own.
struct Place {
    netns: Netns,
}

impl Place {
    /// With these as its /etc/resolv.conf and /etc/hosts, and nsswitch's usual order.
    fn furnished(resolv: &str, hosts: &str) -> Self {
        let place = Self { netns: Netns::create() };
        let etc = std::path::Path::new("/etc/netns").join(&place.netns.name);
        std::fs::create_dir_all(&etc).expect("a folder");
        for (name, text) in [("resolv.conf", resolv), ("hosts", hosts), ("nsswitch.conf", "hosts: files dns\n")] {
            std::fs::write(etc.join(name), text).expect("a file");
        }
        place
    }

    fn new(resolv: &str) -> Self {
        Self::furnished(resolv, "")
    }

    async fn resolve(&self, name: &str, family: Family, personality: Personality, timeout: Duration) -> Resolution {
        let request = ResolveRequest { name: name.to_owned(), family, personality, pid: None, timeout };
        dns::resolve(&self.netns.vantage(), &clock(), &request).await
    }
}

/// `SERVER udp NAME TYPE` of every step.
fn queries(resolution: &Resolution) -> Vec<String> {
    let line = |step: &sonde_core::observation::dns::Step| {
        format!("{} {} {} {}", step.server.address, step.transport.as_str(), step.name, step.qtype)
    };
    resolution.steps.iter().map(line).collect()
}

fn outcomes(resolution: &Resolution) -> Vec<&StepOutcome> {
    resolution.steps.iter().map(|step| &step.outcome).collect()
}

/// Its code and text.
fn error(resolution: &Resolution) -> Option<(&str, &str)> {
    resolution.error.as_ref().map(|error| (error.code.as_str(), error.text.as_str()))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
