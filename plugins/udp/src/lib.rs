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
            .deciding(CAUSES)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let endpoints = way::choose(target.endpoints());
        if endpoints.is_empty() {
            return Ok(Outcome::skipped("no address to send to"));
        }
        let judgement = verdict::judge(&gather::observe(endpoints, budget).await);
        report::all(&judgement.findings);
        Ok(judgement.outcome)
    }
}

const CAUSES: [&str; 24] = [
    "host.fd_system_limit",
    "l2.carrier_lost",
    "l2.gateway_unresolved",
    "l2.link_admin_down",
    "l2.neighbor_unresolved",
    "l3.host_down",
    "l3.icmp_unreachable",
    "l3.ipv6_blackhole",
    "l3.ipv6_no_route",
    "l3.no_route",
    "l3.packet_loss",
    "l3.pmtu_blackhole",
    "l3.route_blackhole",
    "l3.route_policy_reject",
    "l3.routing_loop",
    "l3.rp_filter_drop",
    "l3.wrong_netmask",
    "fw.drop_local_input",
    "fw.drop_local_output",
    "fw.drop_remote",
    "fw.reject_icmp",
    "nf.conntrack_full",
    "udp.port_closed",
    "udp.rcvbuf_overflow",
];

sonde_sdk::export!(Udp);
