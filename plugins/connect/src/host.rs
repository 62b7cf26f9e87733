//! The target `host`: links, default routes and the state of their gateways, and who else claims this host's addresses. Nothing is
//! dialled.

use std::time::Duration;

use sonde_sdk::check::Outcome;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::system::{
    ArpAnswer, DefaultRoutesAnswer, Link, LinksAnswer, NeighbourAnswer, Route, RouteKind, arp, default_routes, links,
    neighbour,
};
use sonde_sdk::types::EvidenceId;
use sonde_sdk::{timer, wait};

/// Between the two looks at a failed entry: one that heals is no fault.
const PAUSE: Duration = Duration::from_millis(300);
/// Gateways looked at.
const GATEWAYS: usize = 8;

/// What was read.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) links: LinksAnswer,
    pub(crate) defaults: DefaultRoutesAnswer,
    /// Each gateway's entry, and a second look where the first was bad.
    pub(crate) gateways: Vec<(String, NeighbourAnswer, Option<NeighbourAnswer>)>,
    /// Who claims this host's own addresses.
    pub(crate) arp: ArpAnswer,
}

/// Reads it.
pub(crate) async fn gather() -> Facts {
    let (links, defaults, arp) = wait::join3(links(), default_routes(), arp(None)).await;
    let mut names: Vec<String> = vec![];
    for gateway in defaults.outcome.iter().flatten().filter_map(|r| r.gateway.clone()) {
        if !names.contains(&gateway) && names.len() < GATEWAYS {
            names.push(gateway);
        }
    }
    let gateways = wait::all(names.into_iter().map(|name| async move {
        let first = neighbour(name.clone()).await;
        let second = if has_failed(&first) {
            timer::sleep(PAUSE).await;
            Some(neighbour(name.clone()).await)
        } else {
            None
        };
        (name, first, second)
    }))
    .await;
    Facts { links, defaults, gateways, arp }
}

fn has_failed(answer: &NeighbourAnswer) -> bool {
    answer.outcome.as_ref().is_ok_and(|n| n.state == "FAILED")
}

/// Judges it.
pub(crate) fn judge(facts: &Facts) -> Judgement {
    let routes: Vec<&Route> =
        facts.defaults.outcome.iter().flatten().filter(|r| r.kind == RouteKind::Unicast).collect();
    let Ok(links) = &facts.links.outcome else {
        return Outcome::unclear("the links of this host cannot be read").into();
    };
    if facts.defaults.outcome.is_err() {
        return Outcome::unclear("the routes of this host cannot be read").into();
    }
    let mut findings = vec![];
    let mut faults = vec![];
    for route in &routes {
        let Some(link) = route.device.as_ref().and_then(|name| links.iter().find(|l| &l.name == name)) else {
            continue;
        };
        if link.up && !link.carrier && !faults.iter().any(|f: &String| f.contains(&format!("interface {} ", link.name)))
        {
            faults.push(no_carrier(link, facts, &mut findings));
        }
    }
    for (name, first, second) in &facts.gateways {
        let Some(second) = second.as_ref().filter(|s| has_failed(first) && has_failed(s)) else { continue };
        let device = second.outcome.as_ref().map(|n| n.device.clone()).unwrap_or_default();
        let carrier = links.iter().any(|l| l.name == device && l.carrier);
        if carrier {
            faults.push(dead_gateway(name, &device, [first.evidence, second.evidence], facts, &mut findings));
        }
    }
    faults.extend(stolen(facts, &mut findings));
    if routes.is_empty() && faults.is_empty() {
        faults.extend(switched_off(links, facts, &mut findings));
    }
    let outcome = match (faults.as_slice(), routes.as_slice()) {
        ([], []) => Outcome::works("no default route, and no link at fault"),
        ([], routes) => Outcome::works(format!(
            "{} and {} in order",
            counted(links.len(), "link"),
            counted(routes.len(), "default route")
        )),
        (faults, _) => Outcome::broken(faults.join("; ")),
    };
    Judgement { findings, outcome }
}

/// Nothing leads out of this host, and what has an address of it is switched off, which took its routes. Links that others made and
/// nobody configured, as tunnels, have none.
fn switched_off(links: &[Link], facts: &Facts, findings: &mut Vec<sonde_sdk::report::Finding>) -> Option<String> {
    if links.iter().any(|link| link.up && !link.loopback) {
        return None;
    }
    let link = links.iter().find(|link| !link.loopback && !link.addresses.is_empty())?;
    let sentence = format!(
        "the interface {}, which has the address {}, is switched off, and no other leads out of this host",
        link.name,
        link.addresses.first().map_or("", String::as_str)
    );
    findings.push(
        supports("l2.link_admin_down")
            .proof()
            .about(&link.name)
            .because(&sentence)
            .citing([facts.links.evidence])
            .build(),
    );
    findings.push(
        refutes("l3.no_route")
            .strong()
            .about(&link.name)
            .because("that there is no default route is its consequence: an interface takes its routes with it")
            .citing([facts.defaults.evidence])
            .build(),
    );
    Some(sentence)
}

fn no_carrier(link: &Link, facts: &Facts, findings: &mut Vec<sonde_sdk::report::Finding>) -> String {
    let sentence = format!("the interface {} of the default route is on but has no carrier", link.name);
    findings.push(
        supports("l2.carrier_lost").proof().about(&link.name).because(&sentence).citing([facts.links.evidence]).build(),
    );
    let of_link = |(_, first, _): &&(String, NeighbourAnswer, Option<NeighbourAnswer>)| {
        first.outcome.as_ref().is_ok_and(|entry| entry.device == link.name)
    };
    for (gateway, first, _) in facts.gateways.iter().filter(of_link) {
        findings.push(
            refutes("l2.gateway_unresolved")
                .proof()
                .about(gateway)
                .because(format!("{gateway} is behind {}, which has no carrier: nobody could answer there", link.name))
                .citing([facts.links.evidence, first.evidence])
                .build(),
        );
    }
    let entries = facts.gateways.iter().map(|(_, first, _)| first.evidence);
    findings.push(
        refutes("l2.gateway_unresolved")
            .strong()
            .about(&link.name)
            .because("without carrier no gateway can answer: that is a consequence")
            .citing([facts.defaults.evidence].into_iter().chain(entries))
            .build(),
    );
    sentence
}

fn dead_gateway(
    name: &str,
    device: &str,
    looks: [EvidenceId; 2],
    facts: &Facts,
    findings: &mut Vec<sonde_sdk::report::Finding>,
) -> String {
    let sentence = format!("the default gateway {name} on {device} does not answer ARP or ND (FAILED)");
    findings.push(supports("l2.gateway_unresolved").proof().about(name).because(&sentence).citing(looks).build());
    findings.push(
        refutes("l2.neighbor_unresolved")
            .proof()
            .about(name)
            .because("the failed entry is that of the default route's gateway")
            .citing([facts.defaults.evidence])
            .build(),
    );
    findings.push(
        refutes("l2.carrier_lost")
            .proof()
            .about(name)
            .because(format!("the interface {device} has carrier"))
            .citing([facts.links.evidence])
            .build(),
    );
    sentence
}

fn stolen(facts: &Facts, findings: &mut Vec<sonde_sdk::report::Finding>) -> Option<String> {
    let question = facts.arp.stolen()?;
    let claims: Vec<&str> = question.claims.iter().map(|claim| claim.link_address.as_str()).collect();
    let sentence = format!(
        "{}, an address of this host on {}, is also claimed by {}",
        question.address,
        question.device,
        claims.join(" and ")
    );
    let finding = supports("l2.address_conflict").proof().about(&question.address).because(&sentence);
    findings.push(finding.citing([facts.arp.evidence]).build());
    findings.push(
        refutes("tcp.port_closed")
            .strong()
            .about(&question.address)
            .because(format!(
                "{} is this host's own address, and no link of this host has that link-layer address",
                question.address
            ))
            .citing([facts.links.evidence])
            .build(),
    );
    Some(sentence)
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Conclusion;
    use sonde_sdk::report::Strength;
    use sonde_sdk::testkit::{self, is_proven, supported};

    use super::*;

    fn facts(state: &str) -> Facts {
        let entry = |n| testkit::neighbour_answer(n, "192.0.2.1", state);
        Facts {
            links: testkit::links_answer(
                1,
                vec![testkit::link("lo", &["127.0.0.1/8"]), testkit::link("eth0", &["192.0.2.100/24"])],
            ),
            defaults: DefaultRoutesAnswer {
                evidence: testkit::evidence(2),
                timing: testkit::timing(0),
                outcome: Ok(vec![testkit::route(Some("192.0.2.1"))]),
            },
            gateways: vec![("192.0.2.1".to_owned(), entry(3), (state == "FAILED").then(|| entry(4)))],
            arp: testkit::arp_answer(5, &[("192.0.2.100", true, &[])]),
        }
    }

    #[test]
    fn a_gateway_that_answers_or_was_never_asked_is_in_order() {
        for state in ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP", "NONE", "INCOMPLETE"] {
            let judgement = judge(&facts(state));
            assert!(judgement.findings.is_empty(), "{state}");
            assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{state}");
        }
    }

    #[test]
    fn a_gateway_that_failed_twice_is_a_fault() {
        let judgement = judge(&facts("FAILED"));
        assert!(is_proven(&judgement.findings, "l2.gateway_unresolved"), "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
    }

    #[test]
    fn a_gateway_that_recovered_at_the_second_look_is_in_order() {
        let mut facts = facts("FAILED");
        facts.gateways[0].2 = Some(testkit::neighbour_answer(4, "192.0.2.1", "REACHABLE"));
        assert!(judge(&facts).findings.is_empty());
    }

    #[test]
    fn a_default_route_without_carrier_is_a_fault_and_explains_its_gateway() {
        let mut facts = facts("FAILED");
        if let Ok(links) = &mut facts.links.outcome {
            links[1].carrier = false;
        }
        let judgement = judge(&facts);
        assert_eq!(supported(&judgement.findings, Strength::Proof), ["l2.carrier_lost"]);
        let about_gateway =
            |f: &sonde_sdk::report::Finding| f.cause == "l2.gateway_unresolved" && f.subject == "192.0.2.1";
        assert!(judgement.findings.iter().any(|f| about_gateway(f) && f.strength == Strength::Proof), "{judgement:#?}");
        assert!(is_proven(&judgement.findings, "l2.carrier_lost"));
    }

    #[test]
    fn a_host_without_default_route_is_no_fault() {
        let mut facts = facts("NONE");
        facts.defaults.outcome = Ok(vec![]);
        facts.gateways.clear();
        assert_eq!(judge(&facts).outcome.conclusion, Conclusion::Works);
    }

    #[test]
    fn an_interface_with_an_address_that_is_switched_off_is_why_nothing_leads_out() {
        let mut facts = facts("NONE");
        facts.defaults.outcome = Ok(vec![]);
        facts.gateways.clear();
        if let Ok(links) = &mut facts.links.outcome {
            links[1].up = false;
        }
        assert!(is_proven(&judge(&facts).findings, "l2.link_admin_down"));
        // Made, and never configured.
        if let Ok(links) = &mut facts.links.outcome {
            links[1].addresses.clear();
        }
        assert_eq!(judge(&facts).outcome.conclusion, Conclusion::Works);
    }

    #[test]
    fn an_own_address_that_another_host_claims_is_a_conflict() {
        let mut facts = facts("REACHABLE");
        facts.arp = testkit::arp_answer(5, &[("192.0.2.100", true, &["02:00:00:00:00:66"])]);
        let judgement = judge(&facts);
        assert!(is_proven(&judgement.findings, "l2.address_conflict"), "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
    }
}
