//! What lies next to this host, in words: flows that it tracks, and who claims an address on its segment.

use sonde_proto::v1::{ArpLookup, ConntrackLookup};

use super::endpoint;

pub(super) fn flow(lookup: &ConntrackLookup) -> String {
    format!("tracked flow to {}", endpoint(lookup.flow.as_ref().and_then(|flow| flow.destination.as_ref())))
}

pub(super) fn tracked(lookup: &ConntrackLookup) -> String {
    let Some(tracked) = &lookup.tracked else { return "not tracked here".to_owned() };
    let peer = tracked.reply.as_ref().and_then(|reply| reply.source.as_ref());
    let asked = lookup.flow.as_ref().and_then(|flow| flow.destination.as_ref());
    let state = if tracked.state.is_empty() { "tracked" } else { &tracked.state };
    if peer == asked { state.to_owned() } else { format!("{state}, translated to {}", endpoint(peer)) }
}

pub(super) fn asked(lookup: &ArpLookup) -> String {
    if lookup.towards.is_empty() {
        "ARP for own addresses".to_owned()
    } else {
        format!("ARP towards {}", lookup.towards)
    }
}

pub(super) fn claimed(lookup: &ArpLookup) -> String {
    let answers: Vec<String> = lookup
        .questions
        .iter()
        .filter(|question| !(question.own && question.claims.is_empty()))
        .map(|question| {
            let claims: Vec<&str> = question.claims.iter().map(|claim| claim.link_address.as_str()).collect();
            let claims = if claims.is_empty() { "nobody".to_owned() } else { claims.join(" and ") };
            format!("{} is claimed by {claims}", question.address)
        })
        .collect();
    if answers.is_empty() { "nobody else claims them".to_owned() } else { answers.join(", ") }
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{ArpClaim, ArpQuestion, Endpoint, FlowTuple, TrackedFlow};

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as the field wants it")]
    fn tuple(source: &str, destination: &str) -> Option<FlowTuple> {
        let at = |address: &str| Some(Endpoint { address: address.to_owned(), port: 80 });
        Some(FlowTuple { source: at(source), destination: at(destination) })
    }

    #[test]
    fn a_translated_flow_shows_whom_it_really_went_to() {
        let lookup = ConntrackLookup {
            flow: tuple("10.0.0.1", "10.96.0.10"),
            tracked: Some(TrackedFlow {
                reply: tuple("10.1.0.7", "10.0.0.1"),
                state: "SYN_SENT".to_owned(),
                ..TrackedFlow::default()
            }),
            ..ConntrackLookup::default()
        };
        assert_eq!(flow(&lookup), "tracked flow to 10.96.0.10:80");
        assert_eq!(tracked(&lookup), "SYN_SENT, translated to 10.1.0.7:80");
        assert_eq!(tracked(&ConntrackLookup { tracked: None, ..lookup }), "not tracked here");
    }

    #[test]
    fn both_claimants_of_an_address_are_shown_and_an_unclaimed_own_one_is_not() {
        let question = |address: &str, own, claims: &[&str]| ArpQuestion {
            address: address.to_owned(),
            own,
            claims: claims
                .iter()
                .map(|mac| ArpClaim { link_address: (*mac).to_owned(), ..ArpClaim::default() })
                .collect(),
            ..ArpQuestion::default()
        };
        let questions = vec![question("10.0.0.9", false, &["02:aa", "02:bb"]), question("10.0.0.1", true, &[])];
        let lookup = ArpLookup { towards: "10.0.0.9".to_owned(), questions };
        assert_eq!(asked(&lookup), "ARP towards 10.0.0.9");
        assert_eq!(claimed(&lookup), "10.0.0.9 is claimed by 02:aa and 02:bb");
        assert_eq!(claimed(&ArpLookup::default()), "nobody else claims them");
    }
}
