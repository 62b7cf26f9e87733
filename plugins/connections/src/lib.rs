//! The built-in check `connections`: are the connections of this host, of one of its ports or of one of its processes stuck,
//! leaking or used up?
//!
//! `gather` looks twice, about a second apart: what is unclosed, unacknowledged or unread for so long is not in flight. `verdict`
//! judges what did not change between the looks, and which counters moved.

mod gather;
mod observe;
mod verdict;

use sonde_sdk::prelude::*;

use crate::observe::Scope;

/// The check.
#[derive(Debug)]
pub struct Connections;

impl Check for Connections {
    fn describe() -> Manifest {
        Manifest::new(
            "connections",
            env!("CARGO_PKG_VERSION"),
            "Looks twice at the sockets of this host, of a port or of a process.",
        )
        .serving([TargetKind::Host, TargetKind::Listener, TargetKind::Pid])
        .calling(["sockets", "system"])
        .deciding(verdict::CAUSES)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let scope = match target.kind {
            TargetKind::Listener => Scope::Port(target.port.ok_or("the target names no port: it must be :PORT")?),
            TargetKind::Pid => Scope::Process(target.pid.ok_or("the target names no process: it must be pid://N")?),
            _ => Scope::Host,
        };
        Ok(verdict::judge(&gather::observe(scope, budget).await).report())
    }
}

sonde_sdk::export!(Connections);
