//! The built-in check `authority`: does the resolver say of the name what the servers of its zone say?

mod ask;
mod case;
mod reach;
mod verdict;

use std::net::IpAddr;

use sonde_sdk::dns::qtype;
use sonde_sdk::prelude::*;

use crate::case::Leads;

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
        let allowance = timer::Allowance::of(budget).at_most(ask::LONGEST);
        if target.kind != TargetKind::Dns {
            return Ok(behind_a_name(&target, &name, allowance).await);
        }
        let resolvers = match &target.server {
            Some(server) => vec![server.clone()],
            None => dns::config(None).await.nameservers.into_iter().take(MOST_RESOLVERS).collect(),
        };
        Ok(match ask::gather(&name, target.qtype.unwrap_or(qtype::A), &resolvers, allowance).await {
            Some(case) => verdict::judge(&case).report(),
            None => Outcome::skipped(NO_ZONE),
        })
    }
}

/// A service whose name must lead somewhere: the zone is asked only where it does not.
async fn behind_a_name(target: &Target, name: &str, allowance: timer::Allowance) -> Outcome {
    if name.parse::<IpAddr>().is_ok() {
        return Outcome::skipped("the target is an address");
    }
    if !name.trim_end_matches('.').contains('.') {
        return Outcome::skipped("a name of one label is completed with a search domain");
    }
    let config = dns::config(Some(name)).await;
    if !config.hosts_addresses.is_empty() {
        return Outcome::skipped("the hosts file has the name");
    }
    let resolvers: Vec<String> = config.nameservers.into_iter().take(MOST_RESOLVERS).collect();
    let wanted = reach::family(&target.addresses);
    // Whoever answers may be meant to: many hosts lead all names of a development zone to one server.
    if reach::answers(target, name, allowance).await {
        return Outcome::skipped("a server answers where the name leads");
    }
    let Some(mut case) = ask::gather(name, wanted, &resolvers, allowance).await else {
        return Outcome::skipped(NO_ZONE);
    };
    if !verdict::is_of(&case, &target.addresses) {
        return Outcome::skipped("the address is not what the resolver says of the name");
    }
    let others = verdict::other_addresses(&case);
    case.leads = Leads::Nowhere { elsewhere: reach::takes(target.port, &others, allowance).await };
    verdict::judge(&case).report()
}

sonde_sdk::export!(AuthorityCheck);

const NO_ZONE: &str = "no resolver tells which zone the name is in";

/// glibc's MAXNS.
const MOST_RESOLVERS: usize = 3;
