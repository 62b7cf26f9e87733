//! The built-in check `udp`: do datagrams reach every address of the target and come back, and if not, what stops them?
//!
//! `gather` makes the host calls, `verdict` judges what they saw, `protocol` knows the two services that are asked in their own
//! words. To all others numbered datagrams are sent, which only a service that echoes answers: silence proves nothing.

mod gather;
mod observe;
mod protocol;
mod verdict;

use sonde_sdk::prelude::*;

/// The check.
#[derive(Debug)]
pub struct Udp;

impl Check for Udp {
    fn describe() -> Manifest {
        Manifest::new("udp", env!("CARGO_PKG_VERSION"), "Sends datagrams to every address of the target.")
            .serving([TargetKind::Udp])
            .calling(["dial", "path", "system", "sockets"])
            .after(["resolve"])
            .deciding(causes())
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let endpoints = way::choose(target.endpoints());
        if endpoints.is_empty() {
            return Ok(Outcome::skipped("no address to send to"));
        }
        Ok(verdict::judge(&gather::observe(endpoints, budget).await).report())
    }
}

/// What it can support or refute.
fn causes() -> impl Iterator<Item = &'static str> {
    way::CAUSES.into_iter().chain(CAUSES)
}

/// What it names beyond the way there.
const CAUSES: [&str; 8] = [
    "host.fd_system_limit",
    "l3.packet_loss",
    "l3.pmtu_blackhole",
    "l3.rp_filter_drop",
    "fw.drop_local_input",
    "nf.conntrack_full",
    "udp.port_closed",
    "udp.rcvbuf_overflow",
];

sonde_sdk::export!(Udp);
