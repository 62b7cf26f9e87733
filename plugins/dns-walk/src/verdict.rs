//! What a walk proves. Pure: a function of the walk.

use sonde_sdk::dns::{Lameness, Security, WalkResult, WalkServer, Zone};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::prelude::*;
use sonde_sdk::report::Finding;

/// Causes that this check can support or refute.
pub(crate) const CAUSES: &[&str] = &[
    "dns.lame_delegation",
    "dns.delegation_unreachable",
    "dns.refused",
    "dns.server_unreachable",
    "dns.servfail_upstream",
    "dns.dnssec_bogus",
    "dns.dnssec_expired",
    "dns.dnssec_not_yet_valid",
    "dns.dnssec_anchor_mismatch",
    "dns.resolver_disagreement",
];

/// Judges one walk of `subject`.
///
/// A walk is one observation, so a cause and the look-alike that its other servers rule out rest on the same evidence; the engine then
/// leaves the cause a candidate unless another check saw it too. `dns-walk` names; `resolve` and `authority` corroborate.
pub(crate) fn judge(subject: &str, walk: &WalkResult) -> Judgement {
    let mut findings = Vec::new();
    for (position, zone) in walk.zones.iter().enumerate() {
        let above = position.checked_sub(1).and_then(|above| walk.zones.get(above));
        findings.extend(delegation(walk, zone, above));
    }
    findings.extend(signatures(walk));
    for disagreement in &walk.disagreements {
        findings.push(
            supports("dns.resolver_disagreement")
                .about(subject)
                .because(format!("servers of one zone differ: {disagreement}"))
                .citing([walk.evidence])
                .build(),
        );
    }
    let outcome = outcome(subject, walk, &findings);
    Judgement { findings, outcome }
}

fn outcome(subject: &str, walk: &WalkResult, findings: &[Finding]) -> Outcome {
    if let Some(failure) = &walk.failure
        && walk.zones.is_empty()
    {
        return Outcome::unclear(format!("{subject} could not be walked: {}", failure.detail));
    }
    let broken = walk.zones.iter().any(|zone| serving(zone).next().is_none())
        || walk.security == Security::Bogus
        || walk.failure.is_some();
    let zones = walk.zones.len();
    let summary = format!("{zones} zones, {} queries, {}", walk.queries, security(walk.security));
    match (broken, findings.is_empty()) {
        (true, _) => Outcome::broken(summary),
        (false, true) => Outcome::works(summary),
        (false, false) => Outcome::works(format!("{summary}; some servers are not as they should be")),
    }
}

fn security(security: Security) -> &'static str {
    match security {
        Security::Secure => "signatures valid",
        Security::Insecure => "unsigned",
        Security::Bogus => "signatures do not hold",
        Security::Indeterminate => "signatures not checked",
    }
}

fn serving(zone: &Zone) -> impl Iterator<Item = &WalkServer> {
    zone.servers.iter().filter(|server| server.lameness == Lameness::None)
}

fn delegation(walk: &WalkResult, zone: &Zone, above: Option<&Zone>) -> Vec<Finding> {
    let lame: Vec<&WalkServer> = zone
        .servers
        .iter()
        .filter(|server| {
            matches!(server.lameness, Lameness::ErrorRcode | Lameness::NotAuthoritative | Lameness::UpwardReferral)
        })
        .collect();
    let dead: Vec<&WalkServer> = zone
        .servers
        .iter()
        .filter(|server| matches!(server.lameness, Lameness::Silent | Lameness::NoAddress))
        .collect();
    let alone = serving(zone).next().is_none();
    let mut findings = Vec::new();
    if !lame.is_empty() {
        let support = supports("dns.lame_delegation")
            .about(&zone.name)
            .because(format!("{} is delegated to {}, which does not serve it", zone.name, names(&lame)))
            .citing([walk.evidence]);
        findings.push(if alone { support.proof() } else { support }.build());
        findings.push(
            refutes("dns.delegation_unreachable")
                .strong()
                .about(&zone.name)
                .because(format!("{} does answer", names(&lame)))
                .citing([walk.evidence])
                .build(),
        );
    }
    let reached = above.is_some_and(|above| serving(above).next().is_some());
    if !dead.is_empty() && lame.is_empty() && above.is_some() {
        let support = supports("dns.delegation_unreachable")
            .about(&zone.name)
            .because(format!("{} is delegated to {}, which gives no answer", zone.name, names(&dead)))
            .citing([walk.evidence]);
        findings.push(if alone && reached { support.proof() } else { support }.build());
        if reached {
            findings.push(
                refutes("dns.server_unreachable")
                    .strong()
                    .about(&zone.name)
                    .because("the servers of the zone above answer from here")
                    .citing([walk.evidence])
                    .build(),
            );
        }
    }
    findings
}

/// `ns1.example. (192.0.2.1), ...`; at most three.
fn names(servers: &[&WalkServer]) -> String {
    let shown = servers.iter().take(3).map(|server| match &server.address {
        Some(address) => format!("{} ({address})", server.name),
        None => format!("{} (no address)", server.name),
    });
    let more = servers.len().saturating_sub(3);
    let mut shown: Vec<String> = shown.collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

/// RFC 8914 section 4.
fn signatures(walk: &WalkResult) -> Vec<Finding> {
    if walk.security != Security::Bogus {
        return Vec::new();
    }
    let at = walk.zones.iter().find(|zone| zone.security == Security::Bogus).or(walk.zones.last());
    let Some(zone) = at else { return Vec::new() };
    let cause = match walk.security_code {
        Some(7) => "dns.dnssec_expired",
        Some(8) => "dns.dnssec_not_yet_valid",
        Some(9) => "dns.dnssec_anchor_mismatch",
        _ => "dns.dnssec_bogus",
    };
    vec![
        supports(cause).proof().about(&zone.name).because(&walk.security_detail).citing([walk.evidence]).build(),
        refutes("dns.servfail_upstream")
            .strong()
            .about(&zone.name)
            .because("its servers answer with data; only the signatures do not hold")
            .citing([walk.evidence])
            .build(),
    ]
}

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Conclusion;
    use sonde_sdk::report::{Stance, Strength};
    use sonde_sdk::testkit;

    use super::*;

    fn server(lameness: Lameness) -> WalkServer {
        WalkServer { lameness, ..testkit::walk_server("ns.example.", "192.0.2.1", Ok(testkit::answer(0, vec![]))) }
    }

    fn zone(name: &str, servers: Vec<WalkServer>) -> Zone {
        testkit::zone(name, servers)
    }

    fn walked(zones: Vec<Zone>) -> WalkResult {
        WalkResult { security: Security::Insecure, ..testkit::walk_result(1, zones, None) }
    }

    fn supported(judgement: &Judgement) -> Vec<(&str, Strength)> {
        let supports = judgement.findings.iter().filter(|finding| finding.stance == Stance::Supports);
        supports.map(|finding| (finding.cause.as_str(), finding.strength)).collect()
    }

    #[test]
    fn a_zone_whose_only_server_refuses_is_lame_and_reachable() {
        let walk =
            walked(vec![zone(".", vec![server(Lameness::None)]), zone("example.", vec![server(Lameness::ErrorRcode)])]);
        let judgement = judge("dns://a.example", &walk);

        assert_eq!(supported(&judgement), [("dns.lame_delegation", Strength::Proof)]);
        assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
        assert!(
            judgement.findings.iter().any(|f| f.stance == Stance::Refutes && f.cause == "dns.delegation_unreachable")
        );
    }

    #[test]
    fn one_lame_server_among_those_that_serve_is_no_proof() {
        let walk = walked(vec![
            zone(".", vec![server(Lameness::None)]),
            zone("example.", vec![server(Lameness::None), server(Lameness::UpwardReferral)]),
        ]);
        let judgement = judge("dns://a.example", &walk);

        assert_eq!(supported(&judgement), [("dns.lame_delegation", Strength::Weak)]);
        assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    }

    #[test]
    fn a_silent_zone_below_zones_that_answer_is_unreachable() {
        let walk =
            walked(vec![zone(".", vec![server(Lameness::None)]), zone("example.", vec![server(Lameness::Silent)])]);

        assert_eq!(supported(&judge("dns://a.example", &walk)), [("dns.delegation_unreachable", Strength::Proof)]);
    }

    #[test]
    fn silent_roots_blame_no_delegation() {
        let walk = walked(vec![zone(".", vec![server(Lameness::Silent)])]);

        assert_eq!(supported(&judge("dns://a.example", &walk)), []);
    }

    #[test]
    fn the_extended_error_decides_what_is_wrong_with_the_signatures() {
        for (code, cause) in [
            (Some(6), "dns.dnssec_bogus"),
            (Some(7), "dns.dnssec_expired"),
            (Some(8), "dns.dnssec_not_yet_valid"),
            (Some(9), "dns.dnssec_anchor_mismatch"),
            (None, "dns.dnssec_bogus"),
        ] {
            let mut walk = walked(vec![zone(".", vec![server(Lameness::None)])]);
            (walk.security, walk.security_code) = (Security::Bogus, code);

            assert_eq!(supported(&judge("dns://a.example", &walk)), [(cause, Strength::Proof)]);
        }
    }

    #[test]
    fn a_healthy_delegation_finds_nothing() {
        let walk =
            walked(vec![zone(".", vec![server(Lameness::None)]), zone("example.", vec![server(Lameness::None)])]);
        let judgement = judge("dns://a.example", &walk);

        assert!(judgement.findings.is_empty());
        assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    }
}
