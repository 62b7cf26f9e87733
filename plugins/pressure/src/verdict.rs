//! What the ladder proves. Pure: a function of the rungs.

use sonde_sdk::dns::{Exchange, rcode};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::prelude::*;
use sonde_sdk::report::Finding;

/// Causes that this check can support or refute.
pub(crate) const CAUSES: &[&str] = &["dns.rate_limited", "dns.resolver_overload", "dns.packet_loss", "dns.slow_server"];

/// One query of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    evidence: u64,
    elapsed_us: u64,
    /// NOERROR or NXDOMAIN.
    good: bool,
}

impl Sample {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let good =
            exchange.outcome.as_ref().is_ok_and(|answer| matches!(answer.rcode, rcode::NOERROR | rcode::NXDOMAIN));
        Self { evidence: exchange.evidence, elapsed_us: exchange.timing.elapsed_us, good }
    }
}

/// So many queries at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) in_flight: usize,
    pub(crate) samples: Vec<Sample>,
}

impl Rung {
    /// More load would only hurt.
    pub(crate) fn is_beyond(&self) -> bool {
        self.failed() * 2 >= self.samples.len()
    }

    fn failed(&self) -> usize {
        self.samples.iter().filter(|sample| !sample.good).count()
    }

    fn percent(&self) -> usize {
        (self.failed() * 100).checked_div(self.samples.len()).unwrap_or(0)
    }

    /// The median of the good ones.
    fn median_us(&self) -> Option<u64> {
        let mut times: Vec<u64> =
            self.samples.iter().filter(|sample| sample.good).map(|sample| sample.elapsed_us).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// Those that failed, or a few of those that did not.
    fn evidence(&self) -> Vec<u64> {
        let failed: Vec<u64> =
            self.samples.iter().filter(|sample| !sample.good).map(|s| s.evidence).take(SHOWN).collect();
        if failed.is_empty() { self.samples.iter().map(|sample| sample.evidence).take(SHOWN).collect() } else { failed }
    }
}

/// Judges both ladders, which have the same rungs.
pub(crate) fn judge(server: &str, cached: &[Rung], fresh: &[Rung]) -> Judgement {
    let [(low, low_fresh), .., (high, high_fresh)] = &cached.iter().zip(fresh).collect::<Vec<_>>()[..] else {
        return silent(Outcome::unclear("no time was left to climb"));
    };
    if low.is_beyond() && low_fresh.is_beyond() {
        return silent(Outcome::skipped("the server fails even one query at a time; the other checks say why"));
    }
    let told = |rungs: &[Rung]| {
        rungs
            .iter()
            .map(|rung| format!("{} in flight {} %", rung.in_flight, rung.percent()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (mine, theirs) = (told(cached), told(fresh));
    let findings = if rises(low, high) {
        rate_limited(server, &mine, low, high)
    } else if high.percent() < FEW && (rises(low_fresh, high_fresh) || slows(low_fresh, high_fresh, high)) {
        overloaded(server, &theirs, high, high_fresh)
    } else if steady(cached) && steady(fresh) {
        lossy(server, &mine, low, high)
    } else {
        Vec::new()
    };
    let outcome = match findings.first() {
        Some(finding) => Outcome::broken(finding.summary.clone()),
        None => Outcome::works(format!(
            "{server} stands {} queries in flight; failed: {mine}; random names: {theirs}",
            high.in_flight
        )),
    };
    Judgement { findings, outcome }
}

fn silent(outcome: Outcome) -> Judgement {
    outcome.into()
}

/// Whole at the bottom, failing at the top.
fn rises(low: &Rung, high: &Rung) -> bool {
    low.failed() == 0 && high.percent() >= MANY
}

/// New names take ten times as long at the top, and long, while the cached one stays prompt.
fn slows(low: &Rung, high: &Rung, cached: &Rung) -> bool {
    let (Some(before), Some(after), Some(prompt)) = (low.median_us(), high.median_us(), cached.median_us()) else {
        return false;
    };
    after > SLOW_US && after / 10 > before && prompt * 4 < after
}

/// Losses on every rung, whatever the rate.
fn steady(rungs: &[Rung]) -> bool {
    let shares = || rungs.iter().map(Rung::percent);
    let (Some(least), Some(most)) = (shares().min(), shares().max()) else { return false };
    least >= FEW && most < least * 3
}

fn rate_limited(server: &str, told: &str, low: &Rung, high: &Rung) -> Vec<Finding> {
    vec![
        supports("dns.rate_limited")
            .proof()
            .about(server)
            .because(format!("the more queries are in flight, the more of them fail, even for one cached name: {told}"))
            .citing(high.evidence())
            .build(),
        refutes("dns.packet_loss")
            .proof()
            .about(server)
            .because("one at a time, none is lost")
            .citing(low.evidence())
            .build(),
    ]
}

fn overloaded(server: &str, told: &str, cached: &Rung, fresh: &Rung) -> Vec<Finding> {
    vec![
        supports("dns.resolver_overload")
            .proof()
            .about(server)
            .because(format!("names that it has to look up get slow or lost under load, a cached one does not: {told}"))
            .citing(fresh.evidence())
            .build(),
        refutes("dns.rate_limited")
            .proof()
            .about(server)
            .because(format!("a cached name is answered with {} queries in flight", cached.in_flight))
            .citing(cached.evidence())
            .build(),
    ]
}

fn lossy(server: &str, told: &str, low: &Rung, high: &Rung) -> Vec<Finding> {
    vec![
        supports("dns.packet_loss")
            .strong()
            .about(server)
            .because(format!("a share of the queries gets no answer at any rate: {told}"))
            .citing(high.evidence())
            .build(),
        refutes("dns.rate_limited")
            .strong()
            .about(server)
            .because("they are lost one at a time, too")
            .citing(low.evidence())
            .build(),
    ]
}

/// Percent that is no accident with 64 samples.
const MANY: usize = 10;
/// Percent below which a rung is whole.
const FEW: usize = 4;
/// Catalogue of causes, thresholds: a slow answer.
const SLOW_US: u64 = 250_000;
/// Of a rung's evidence.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Conclusion;
    use sonde_sdk::report::Strength;
    use sonde_sdk::testkit;

    use super::*;

    /// A ladder with these failures of each rung, and this median at the top.
    fn ladder(base: u64, failures: [usize; 4], top_us: u64) -> Vec<Rung> {
        let sizes = [(1, 8), (4, 16), (16, 32), (64, 64)];
        let rung = |(step, ((in_flight, queries), failed)): (u64, ((usize, usize), usize))| Rung {
            in_flight,
            samples: (0..queries)
                .map(|n| Sample {
                    evidence: testkit::evidence(base + step * 100 + u64::try_from(n).expect("small")),
                    elapsed_us: if in_flight == 64 { top_us } else { 400 },
                    good: n >= failed,
                })
                .collect(),
        };
        (0..).zip(sizes.into_iter().zip(failures)).map(rung).collect()
    }

    #[test]
    fn failures_that_rise_with_the_rate_are_a_limit() {
        let judgement = judge("192.0.2.1", &ladder(0, [0, 0, 4, 40], 400), &ladder(1000, [0, 0, 4, 44], 400));

        assert!(testkit::is_proven(&judgement.findings, "dns.rate_limited"), "{judgement:?}");
    }

    #[test]
    fn new_names_that_get_lost_while_a_cached_one_holds_are_an_overload() {
        let judgement = judge("192.0.2.1", &ladder(0, [0; 4], 500), &ladder(1000, [0, 0, 2, 20], 500));
        assert!(testkit::is_proven(&judgement.findings, "dns.resolver_overload"), "{judgement:?}");

        let judgement = judge("192.0.2.1", &ladder(0, [0; 4], 500), &ladder(1000, [0; 4], 600_000));
        assert!(testkit::is_proven(&judgement.findings, "dns.resolver_overload"), "{judgement:?}");
    }

    #[test]
    fn losses_at_every_rate_are_the_paths() {
        let judgement = judge("192.0.2.1", &ladder(0, [1, 2, 4, 8], 400), &ladder(1000, [1, 2, 3, 7], 400));

        assert_eq!(testkit::supported(&judgement.findings, Strength::Strong), ["dns.packet_loss"]);
    }

    #[test]
    fn a_server_that_stands_it_is_healthy_and_one_that_never_answers_is_not_judged() {
        let judgement = judge("192.0.2.1", &ladder(0, [0; 4], 400), &ladder(1000, [0, 0, 0, 1], 900));
        assert!(judgement.findings.is_empty());
        assert_eq!(judgement.outcome.conclusion, Conclusion::Works);

        let judgement = judge("192.0.2.1", &ladder(0, [8, 16, 32, 64], 400), &ladder(1000, [8, 16, 32, 64], 400));
        assert_eq!(judgement.outcome.conclusion, Conclusion::Skipped);
    }
}
