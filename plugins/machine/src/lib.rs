//! The built-in check `machine`: does this machine, or one process of it, run out of something, or is it kept from running?
//!
//! Two looks about a second apart, with a snapshot of counters between them. What a counter says since boot proves nothing; what
//! holds in both looks, or grows from one to the other, does.

mod gather;
mod observe;
mod verdict;

use sonde_sdk::prelude::*;

use observe::Subject;

/// The check.
struct Machine;

impl Check for Machine {
    fn describe() -> Manifest {
        Manifest::new(
            "machine",
            env!("CARGO_PKG_VERSION"),
            "Looks for what the machine, or one process, has run out of: files, memory, CPU time, table entries.",
        )
        .serving([TargetKind::Host, TargetKind::Pid, TargetKind::Listener])
        .calling(["system", "sockets"])
        .deciding(CAUSES)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let subject = match (target.kind, target.pid, target.port) {
            (TargetKind::Pid, Some(pid), _) => Subject::Process(pid),
            (TargetKind::Listener, _, Some(port)) => Subject::Listener(port),
            (TargetKind::Host, ..) => Subject::Host,
            _ => {
                return Err(
                    "the target names neither a process nor a port: it must be pid://N, :PORT or host".to_owned()
                );
            }
        };
        Ok(verdict::judge(&gather::observe(subject, budget).await).report())
    }
}

const CAUSES: [&str; 18] = [
    "host.cpu_throttle",
    "host.fd_process_limit",
    "host.fd_system_limit",
    "host.orphan_limit",
    "host.process_stopped",
    "host.softnet_drop",
    "host.tcp_mem_pressure",
    "l2.neighbor_table_overflow",
    "l2.neighbor_unresolved",
    "l2.nic_errors",
    "l3.high_latency",
    "l3.rp_filter_drop",
    "fw.drop_local_input",
    "fw.drop_remote",
    "nf.conntrack_full",
    "tcp.rcvbuf_prune",
    "http.server_slow",
    "app.not_responding",
];

sonde_sdk::export!(Machine);
