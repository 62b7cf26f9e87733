//! The built-in check `listener`: does a socket of this host take connections, and does its process accept them?
//!
//! `gather` looks three times over about a second, with a local connection in between; `verdict` judges what changed.
//! Counters since boot prove nothing: only growth in this window counts.

mod gather;
mod observe;
mod verdict;

use sonde_sdk::prelude::*;

/// The check.
#[derive(Debug)]
pub struct ListenerCheck;

impl Check for ListenerCheck {
    fn describe() -> Manifest {
        Manifest::new(
            "listener",
            env!("CARGO_PKG_VERSION"),
            "Watches the queues and the process behind a local listener.",
        )
        .serving([TargetKind::Listener, TargetKind::Host])
        .calling(["sockets", "dial", "system"])
        .deciding(CAUSES)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let port = match target.kind {
            TargetKind::Host => None,
            _ => Some(target.port.ok_or("the target names no port: it must be :PORT")?),
        };
        Ok(verdict::judge(&gather::observe(port, budget).await).report())
    }
}

const CAUSES: [&str; 24] = [
    "host.fd_process_limit",
    "host.fd_system_limit",
    "host.process_stopped",
    "l2.address_conflict",
    "l3.packet_loss",
    "l3.return_path_drop",
    "l3.rp_filter_drop",
    "fw.drop_local_input",
    "fw.drop_local_output",
    "fw.drop_remote",
    "fw.reject_icmp",
    "fw.reject_rst",
    "nf.invalid_drop",
    "tcp.accept_queue_overflow",
    "tcp.listen_wrong_addr",
    "tcp.port_closed",
    "tcp.rst_linger0",
    "tcp.rst_unread_data",
    "tcp.syn_backlog_sysctl",
    "tcp.syn_flood",
    "tcp.syn_queue_full",
    "udp.rcvbuf_overflow",
    "app.dependency_hung",
    "app.not_responding",
];

sonde_sdk::export!(ListenerCheck);
