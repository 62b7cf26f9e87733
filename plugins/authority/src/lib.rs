//! The built-in check `authority`: does the resolver say of the name what the servers of its zone say?

mod ask;
mod case;
mod verdict;

use sonde_sdk::dns::qtype;
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
        .serving([TargetKind::Dns])
        .calling(["dns"])
        .wanting(["the servers of the target's zones, port 53"])
        .after(["resolve"])
        .deciding(verdict::CAUSES.iter().copied())
        .costing(CostClass::Moderate)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let Some(name) = target.host.clone() else { return Ok(Outcome::skipped("the target has no name")) };
        if name.trim_end_matches('.').is_empty() {
            return Ok(Outcome::skipped("the root has no zone above it to ask"));
        }
        let resolvers = match &target.server {
            Some(server) => vec![server.clone()],
            None => dns::config(None).await.nameservers.into_iter().take(MOST_RESOLVERS).collect(),
        };
        let allowance = timer::Allowance::of(budget).at_most(ask::LONGEST);
        let Some(case) = ask::gather(&name, target.qtype.unwrap_or(qtype::A), &resolvers, allowance).await else {
            return Ok(Outcome::skipped("no resolver tells which zone the name is in"));
        };
        Ok(verdict::judge(&case).report())
    }
}

sonde_sdk::export!(AuthorityCheck);

/// glibc's MAXNS.
const MOST_RESOLVERS: usize = 3;
