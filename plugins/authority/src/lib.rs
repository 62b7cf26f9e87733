//! The built-in check `authority`: does the resolver say of the name what the servers of its zone say?

mod ask;
mod case;
mod reach;
mod verdict;

use std::net::IpAddr;

use sonde_sdk::prelude::*;

/// The check.
struct AuthorityCheck;

impl Check for AuthorityCheck {
    fn describe() -> Manifest {
        Manifest::new(
            "authority",
            env!("CARGO_PKG_VERSION"),
            "Compares what the resolver says of a name with what the servers of its zone say.",
        )
        .serving([TargetKind::Dns, TargetKind::Tcp, TargetKind::Tls, TargetKind::Http, TargetKind::Https])
        .serving([TargetKind::Grpc, TargetKind::Grpcs])
        .calling(["dns", "dial"])
        .wanting(["the servers of the target's zones, port 53"])
        // Behind all that dial, too: a server that serves one at a time must not be kept from them.
        .after(["resolve", "connect", "tls", "http"])
        .deciding(verdict::CAUSES.iter().copied())
        .costing(CostClass::Moderate)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let Some(name) = target.host.clone() else { return Ok(Outcome::skipped("the target has no name")) };
        if name.trim_end_matches('.').is_empty() {
            return Ok(Outcome::skipped("the root has no zone above it to ask"));
        }
        if name.parse::<IpAddr>().is_ok() {
            return Ok(Outcome::skipped("the target is an address"));
        }
        let resolvers = match &target.server {
            Some(server) => vec![server.clone()],
            None => dns::config(None).await.nameservers.into_iter().take(MOST_RESOLVERS).collect(),
        };
        let allowance = timer::Allowance::of(budget).at_most(ask::LONGEST);
        let wanted = target.qtype.unwrap_or_else(|| reach::family(&target.addresses));
        if target.kind != TargetKind::Dns
            && reach::answers(&target, &name, budget).await
            && !ask::invents(&name, wanted, &resolvers, allowance).await
        {
            return Ok(Outcome::skipped("a server answers at the name's address, and no name is made up"));
        }
        let Some(case) = ask::gather(&name, wanted, &resolvers, allowance).await else {
            return Ok(Outcome::skipped("no resolver tells which zone the name is in"));
        };
        if !verdict::is_of(&case, &target.addresses) {
            return Ok(Outcome::skipped("the address is not what the resolver says of the name"));
        }
        Ok(verdict::judge(&case).report())
    }
}

sonde_sdk::export!(AuthorityCheck);

/// glibc's MAXNS.
const MOST_RESOLVERS: usize = 3;
