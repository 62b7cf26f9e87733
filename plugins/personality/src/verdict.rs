//! What different results prove. Pure: a function of the lookups.

mod loss;

use sonde_sdk::dns::{Personality, Resolution, ResolverConfig, StepOutcome, Transport};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::prelude::*;
use sonde_sdk::report::{Finding, Stance, Strength};

/// Causes that this check can support or refute.
pub(crate) const CAUSES: &[&str] = &[
    "dns.musl_semantics",
    "dns.resolver_mode",
    "dns.resolver_disagreement",
    "dns.servfail_upstream",
    "dns.packet_loss",
    "dns.server_unreachable",
];

/// Each personality once.
pub(crate) type Round = Vec<(Personality, Resolution)>;

/// Everything known.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) config: ResolverConfig,
    /// In the order made; the next one only because the one before it differed.
    pub(crate) rounds: Vec<Round>,
}

/// Whether two of them come to different results. One that was cut off has none.
pub(crate) fn differs(round: &Round) -> bool {
    let known: Vec<&Resolution> =
        round.iter().map(|(_, resolution)| resolution).filter(|r| came_to_an_end(r)).collect();
    known.windows(2).any(|pair| !alike(pair[0], pair[1]))
}

/// Judges everything that was seen.
pub(crate) fn judge(case: &Case) -> Judgement {
    let glibc = results(case, Personality::Glibc);
    let musl = results(case, Personality::Musl);
    let go = results(case, Personality::Go);
    if [&glibc, &musl, &go].iter().all(|results| results.is_empty()) {
        return silent(Outcome::unclear("no lookup came to an end in time"));
    }
    if let Some(findings) = loss::judge(case) {
        let outcome = Outcome::broken(findings[0].summary.clone());
        return Judgement { findings, outcome };
    }
    if !case.rounds.iter().all(differs) {
        let found = [&glibc, &musl, &go].iter().any(|results| results.iter().any(|resolution| resolution.succeeded()));
        let sentence = if found { "find the same" } else { "fail alike" };
        return silent(Outcome::works(format!("programs with glibc, musl and Go {sentence} for {}", case.name)));
    }
    let mut findings = Vec::new();
    if steadily_differ(&glibc, &musl) {
        findings.extend(musl_differs(case, &glibc, &musl));
    }
    if steadily_differ(&glibc, &go) {
        findings.extend(go_differs(case, &glibc, &go));
    }
    if findings.is_empty() {
        return silent(Outcome::unclear(format!("lookups of {} differ, but not in the same way twice", case.name)));
    }
    let first = case.rounds.first().map(|round| round.iter().map(told).collect::<Vec<_>>().join("; "));
    let first = first.unwrap_or_default();
    // What only programs with another C library than this host's would meet is no fault here.
    let hints_only = findings.iter().filter(|f| f.stance == Stance::Supports).all(|f| f.strength == Strength::Weak);
    let ours_works = glibc.iter().all(|resolution| resolution.succeeded());
    let outcome = if hints_only && ours_works { Outcome::works(first) } else { Outcome::unclear(first) };
    Judgement { findings, outcome }
}

fn silent(outcome: Outcome) -> Judgement {
    outcome.into()
}

/// Those of one personality that came to an end.
fn results(case: &Case, personality: Personality) -> Vec<&Resolution> {
    let of = |round: &'_ Round| round.iter().position(|(known, _)| *known == personality);
    case.rounds
        .iter()
        .filter_map(|round| of(round).and_then(|at| round.get(at)).map(|(_, resolution)| resolution))
        .filter(|resolution| came_to_an_end(resolution))
        .collect()
}

fn came_to_an_end(resolution: &Resolution) -> bool {
    resolution.failure.is_none()
}

/// Both fail, or both find an address in common. Balanced names give a part of their addresses in turn.
fn alike(one: &Resolution, other: &Resolution) -> bool {
    match (one.succeeded(), other.succeeded()) {
        (true, true) => one.addresses.iter().any(|address| other.addresses.contains(address)),
        (false, false) => true,
        _ => false,
    }
}

/// Each result of the one differs from each of the other, and there are at least two of both. A query that got no answer may
/// have been lost: what came of it is chance, and no difference of the resolvers.
fn steadily_differ(one: &[&Resolution], other: &[&Resolution]) -> bool {
    let unlucky = |resolution: &&Resolution| !resolution.succeeded() && loss::waited(resolution);
    one.len() > 1
        && other.len() > 1
        && !one.iter().chain(other).any(unlucky)
        && one.iter().all(|mine| other.iter().all(|theirs| !alike(mine, theirs)))
}

/// musl took the answer of another server than glibc, or ended its search where glibc went on.
fn musl_differs(case: &Case, glibc: &[&Resolution], musl: &[&Resolution]) -> Vec<Finding> {
    let (Some(mine), Some(theirs)) = (glibc.first(), musl.first()) else { return Vec::new() };
    let why = match (decisive(mine), decisive(theirs)) {
        (Some(first), Some(fastest)) if first != fastest => {
            format!("musl asks all servers at once and took the answer of {fastest}, glibc that of {first}")
        }
        _ if truncated(theirs) => "the answer is truncated, and musl before 1.2.4 asks no one over TCP".to_owned(),
        _ => "the search list is walked differently".to_owned(),
    };
    let support = supports("dns.musl_semantics")
        .about(&case.name)
        .because(format!("{}; {}: {why}", says("musl", theirs), says("glibc", mine)))
        .strength(weight(case, "musl", Strength::Proof))
        .citing(ids(musl));
    vec![
        support.build(),
        refutes("dns.resolver_disagreement")
            .strong()
            .about(&case.name)
            .because(format!("with glibc's order of the same servers, {}", says("a program", mine)))
            .citing(ids(glibc))
            .build(),
    ]
}

/// The C library and Go's own resolver come to different results.
fn go_differs(case: &Case, glibc: &[&Resolution], go: &[&Resolution]) -> Vec<Finding> {
    let (Some(mine), Some(theirs)) = (glibc.first(), go.first()) else { return Vec::new() };
    let choice = &case.config.go;
    let (works, fails) = if mine.succeeded() { (glibc, go) } else { (go, glibc) };
    let taken = if choice.netgo { "its own resolver" } else { "the C library" };
    let support = supports("dns.resolver_mode")
        .about(&case.name)
        .because(format!(
            "{}; {}; a Go program built with cgo takes {taken} here: {}",
            says("Go's own resolver", theirs),
            says("glibc", mine),
            choice.because
        ))
        .strength(if case.config.c_libraries.iter().any(|known| known == "glibc") {
            Strength::Proof
        } else {
            Strength::Weak
        })
        .citing(ids(fails))
        .citing([case.config.evidence]);
    vec![
        support.build(),
        refutes("dns.servfail_upstream")
            .strong()
            .about(&case.name)
            .because("one of the two finds the name with the same servers")
            .citing(ids(works))
            .build(),
    ]
}

/// Certain of the one C library of this host: beside another one, nothing says which a program uses.
fn weight(case: &Case, library: &str, most: Strength) -> Strength {
    if case.config.c_libraries.iter().eq([library]) { most } else { Strength::Weak }
}

/// The answer over UDP was cut short, and nothing was asked over TCP.
fn truncated(resolution: &Resolution) -> bool {
    resolution.steps.iter().all(|step| step.transport == Transport::Udp) && resolution.addresses.is_empty()
}

/// The server whose answer ended the lookup.
fn decisive(resolution: &Resolution) -> Option<String> {
    let mut answered = resolution.steps.iter().filter(|step| matches!(step.outcome, StepOutcome::Answered(_)));
    let with_addresses = answered.clone().find(|step| !step.addresses.is_empty());
    with_addresses.or_else(|| answered.next_back()).map(|step| step.server.address.clone())
}

fn says(who: &str, resolution: &Resolution) -> String {
    match &resolution.error {
        Some(error) => format!("{who} reads {:?}", error.text),
        None => format!("{who} finds {}", resolution.addresses.join(", ")),
    }
}

fn told((personality, resolution): &(Personality, Resolution)) -> String {
    says(personality.as_str(), resolution)
}

fn ids(resolutions: &[&Resolution]) -> Vec<u64> {
    resolutions.iter().map(|resolution| resolution.evidence).collect()
}

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Conclusion;
    use sonde_sdk::dns::Step;
    use sonde_sdk::testkit;
    use sonde_sdk::types::{Phase, Reason};

    use super::*;

    fn found(n: u64, server: &str, addresses: &[&str]) -> Resolution {
        let mut step = testkit::step(server, "orders.example.", StepOutcome::Answered(0));
        step.addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        Resolution { steps: vec![step], ..testkit::resolution(n, addresses) }
    }

    fn absent(n: u64, server: &str) -> Resolution {
        let step = testkit::step(server, "orders.example.", StepOutcome::Answered(3));
        Resolution { steps: vec![step], ..testkit::failed_resolution(n, "EAI_NONAME", "Name does not resolve") }
    }

    fn round(results: [Resolution; 3]) -> Round {
        [Personality::Glibc, Personality::Musl, Personality::Go].into_iter().zip(results).collect()
    }

    fn case(libraries: &[&str], rounds: Vec<Round>) -> Case {
        let mut config = testkit::resolver_config(1, &["192.0.2.1", "192.0.2.2"]);
        config.c_libraries = libraries.iter().map(|library| (*library).to_owned()).collect();
        Case { name: "orders.example".to_owned(), config, rounds }
    }

    fn musl_misses(n: u64) -> Round {
        round([
            found(n, "192.0.2.1", &["10.0.0.5"]),
            absent(n + 1, "192.0.2.2"),
            found(n + 2, "192.0.2.1", &["10.0.0.5"]),
        ])
    }

    #[test]
    fn musl_that_took_the_faster_servers_answer_is_named_where_musl_is_installed() {
        let judgement = judge(&case(&["musl"], vec![musl_misses(10), musl_misses(20)]));

        assert!(testkit::is_proven(&judgement.findings, "dns.musl_semantics"), "{:?}", judgement.findings);
        assert_eq!(testkit::refuted(&judgement.findings), ["dns.resolver_disagreement"]);
    }

    #[test]
    fn on_a_host_without_musl_it_is_a_hint_only() {
        let judgement = judge(&case(&["glibc"], vec![musl_misses(10), musl_misses(20)]));

        assert_eq!(testkit::supported(&judgement.findings, Strength::Strong), [""; 0]);
        assert_eq!(testkit::supported(&judgement.findings, Strength::Weak), ["dns.musl_semantics"]);
    }

    #[test]
    fn on_a_host_with_both_c_libraries_the_one_that_works_may_be_the_programs() {
        let judgement = judge(&case(&["glibc", "musl"], vec![musl_misses(10), musl_misses(20)]));

        assert_eq!(testkit::supported(&judgement.findings, Strength::Strong), [""; 0]);
        assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    }

    #[test]
    fn a_lookup_that_failed_after_waiting_in_vain_is_chance() {
        let unlucky = |n| {
            let step = testkit::step("192.0.2.1", "orders.example.", StepOutcome::TimedOut);
            let step = Step { elapsed_us: 2_000_000, ..step };
            Resolution { steps: vec![step], ..testkit::failed_resolution(n, "EAI_AGAIN", "Try again") }
        };
        let once = |n: u64| {
            let good = || found(n, "192.0.2.1", &["10.0.0.5"]);
            round([good(), unlucky(n + 1), Resolution { evidence: testkit::evidence(n + 2), ..good() }])
        };
        let judgement = judge(&case(&["musl"], vec![once(10), once(20)]));

        assert!(!testkit::is_proven(&judgement.findings, "dns.musl_semantics"), "{:?}", judgement.findings);
        assert!(testkit::is_proven(&judgement.findings, "dns.packet_loss"), "{:?}", judgement.findings);
        assert_eq!(testkit::refuted(&judgement.findings), ["dns.server_unreachable"]);
    }

    #[test]
    fn a_difference_that_does_not_repeat_is_no_finding() {
        let same = round([found(1, "a", &["10.0.0.5"]), found(2, "a", &["10.0.0.5"]), found(3, "a", &["10.0.0.5"])]);
        let judgement = judge(&case(&["musl"], vec![musl_misses(10), same]));

        assert!(judgement.findings.is_empty());
    }

    #[test]
    fn balanced_names_and_common_failures_are_alike() {
        let balanced = round([
            found(1, "a", &["10.0.0.5", "10.0.0.6"]),
            found(2, "a", &["10.0.0.6"]),
            found(3, "a", &["10.0.0.6", "10.0.0.7"]),
        ]);
        assert!(!differs(&balanced));
        assert!(!differs(&round([absent(1, "a"), absent(2, "a"), absent(3, "b")])));
        let judgement = judge(&case(&["glibc"], vec![balanced]));
        assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    }

    #[test]
    fn go_that_differs_from_glibc_is_the_resolvers_mode() {
        let once = |n: u64| {
            round([absent(n, "192.0.2.1"), absent(n + 1, "192.0.2.1"), found(n + 2, "192.0.2.1", &["10.0.0.5"])])
        };
        let judgement = judge(&case(&["glibc"], vec![once(10), once(20)]));

        assert!(testkit::is_proven(&judgement.findings, "dns.resolver_mode"));
        assert_eq!(testkit::refuted(&judgement.findings), ["dns.servfail_upstream"]);
    }

    #[test]
    fn a_lookup_that_was_cut_off_says_nothing() {
        let cut = |n| {
            let failure = testkit::failure(Phase::Wait, Reason::TimedOut, 3000);
            Resolution { failure: Some(failure), ..testkit::resolution(n, &[]) }
        };
        let once = round([cut(1), found(2, "a", &["10.0.0.5"]), cut(3)]);

        assert!(!differs(&once));
        assert!(judge(&case(&["musl"], vec![once])).findings.is_empty());
    }
}
