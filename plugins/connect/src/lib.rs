//! The built-in check `connect`: does a TCP handshake with every address of the target succeed, and if not, what stops it?
//!
//! `gather` makes the host calls, `verdict` judges what they saw. For the target `host` nothing is dialled: the links, the
//! default routes and the state of their gateways are read.

mod gather;
mod host;
mod observe;
mod verdict;

use std::time::Duration;

use sonde_sdk::prelude::*;

use crate::observe::Observations;

/// The check.
#[derive(Debug)]
pub struct Connect;

impl Check for Connect {
    fn describe() -> Manifest {
        Manifest::new("connect", env!("CARGO_PKG_VERSION"), "Opens a TCP connection to every address of the target.")
            .serving([TargetKind::Https, TargetKind::Http, TargetKind::Tcp, TargetKind::Tls, TargetKind::Host])
            .serving([TargetKind::Grpc, TargetKind::Grpcs])
            .taking(
                Parameter::new("latency", ParameterType::Duration, "A round trip above this is a fault.")
                    .with_default("150ms"),
            )
            .calling(["dial", "path", "system", "sockets"])
            .after(["resolve"])
            .deciding(causes())
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let latency: Duration = arguments.required("latency")?;
        let judgement = if target.kind == TargetKind::Host {
            host::judge(&host::gather().await)
        } else {
            let endpoints = way::choose(target.endpoints());
            if endpoints.is_empty() {
                return Ok(Outcome::skipped("no address to dial"));
            }
            let mut observed = gather::observe(endpoints, latency, budget).await;
            // What speaks another protocol is asked by the check of that.
            if target.kind == TargetKind::Tcp {
                gather::hold(&mut observed, budget).await;
            }
            verdict::judge(&Observations { host: target.host, ..observed })
        };
        Ok(judgement.report())
    }
}

/// What it can support or refute.
fn causes() -> impl Iterator<Item = &'static str> {
    way::CAUSES.into_iter().chain(CAUSES)
}

/// What it names beyond the way there.
const CAUSES: [&str; 28] = [
    "host.ephemeral_ports_connect",
    "host.fd_system_limit",
    "host.source_addr_missing",
    "l2.address_conflict",
    "l2.nic_errors",
    "l3.asymmetric_source",
    "l3.bufferbloat",
    "l3.high_latency",
    "l3.packet_loss",
    "l3.return_path_drop",
    "l3.rp_filter_drop",
    "fw.drop_local_input",
    "fw.reject_rst",
    "nf.conntrack_full",
    "nf.invalid_drop",
    "tcp.accept_queue_overflow",
    "tcp.listen_wrong_addr",
    "tcp.port_closed",
    "tcp.rst_linger0",
    "tcp.rst_unread_data",
    "tcp.syn_queue_full",
    "lb.backend_blackholed",
    "lb.backend_refused",
    "app.not_responding",
    "k8s.hairpin",
    "k8s.netpol_drop",
    "k8s.service_no_endpoints",
    "k8s.target_port_mismatch",
];

sonde_sdk::export!(Connect);
