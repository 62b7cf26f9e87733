//! The built-in check `pressure`: a bounded ladder of concurrent queries, for a cached name and for names that no cache has.

mod verdict;

use std::time::Duration;

use sonde_sdk::dns::{Query, qtype};
use sonde_sdk::prelude::*;

use verdict::{Rung, Sample};

/// The check.
struct Pressure;

impl Check for Pressure {
    fn describe() -> Manifest {
        Manifest::new(
            "pressure",
            env!("CARGO_PKG_VERSION"),
            "Asks the resolver with 1, 4, 16 and 64 queries in flight, for a cached name and for random ones.",
        )
        .serving([TargetKind::Dns])
        .calling(["dns"])
        .after(["resolve"])
        .taking(Parameter::new("timeout", ParameterType::Duration, "of each query").with_default("1s"))
        .deciding(verdict::CAUSES.iter().copied())
        .costing(CostClass::Heavy)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let allowance = timer::Allowance::of(budget);
        let Some(name) = target.host.clone() else { return Ok(Outcome::skipped("the target has no name")) };
        let config = dns::config(None).await;
        let Some(server) = target.server.clone().or_else(|| config.nameservers.first().cloned()) else {
            return Ok(Outcome::skipped("no name server is configured"));
        };
        let timeout = arguments.required::<Duration>("timeout")?.min(budget.probe_timeout());
        let wanted = target.qtype.unwrap_or(qtype::A);
        // Fills the cache; what it says does not matter.
        let first = dns::query(Query::new(&server, &name, wanted).within(timeout)).await;
        let seed = first.evidence;
        let beside = |n: usize| format!("sonde-{seed:016x}-{n}.{}", above(&name));
        let (mut cached, mut fresh, mut asked) = (Vec::new(), Vec::new(), 0);
        for (in_flight, queries) in LADDER {
            if !allowance.has(timeout * 4) {
                break;
            }
            let question = |_: usize| Query::new(&server, &name, wanted).within(timeout);
            cached.push(rung(in_flight, queries, question).await);
            fresh.push(
                rung(in_flight, queries, |n| Query::new(&server, &beside(asked + n), wanted).within(timeout)).await,
            );
            asked += queries;
            if fresh.last().is_some_and(Rung::is_beyond) && cached.last().is_some_and(Rung::is_beyond) {
                break;
            }
        }
        Ok(verdict::judge(&server, &cached, &fresh).report())
    }
}

sonde_sdk::export!(Pressure);

/// So many queries, so many of them in flight at a time.
async fn rung(in_flight: usize, queries: usize, question: impl Fn(usize) -> Query) -> Rung {
    let mut samples = Vec::with_capacity(queries);
    let mut next = 0;
    while next < queries {
        let batch = (next..queries.min(next + in_flight)).map(|n| dns::query(question(n)));
        samples.extend(wait::all(batch).await.iter().map(Sample::of));
        next += in_flight;
    }
    Rung { in_flight, samples }
}

/// The zone that random names are put into: the name's parent, or the name itself where it has one label.
fn above(name: &str) -> &str {
    name.split_once('.').map(|(_, above)| above).filter(|above| above.contains('.')).unwrap_or(name)
}

/// In flight, and in all.
const LADDER: [(usize, usize); 4] = [(1, 8), (4, 16), (16, 32), (64, 64)];

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn random_names_stay_within_the_targets_own_domain() {
        assert_eq!(above("orders.shop.example"), "shop.example");
        assert_eq!(above("shop.example"), "shop.example");
        assert_eq!(above("host"), "host");
    }
}
