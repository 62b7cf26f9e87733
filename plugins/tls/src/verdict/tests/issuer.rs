//! Who signed it: an issuer that is missing, strange, or in between.

use super::*;

#[test]
fn a_whole_chain_to_a_strange_root_is_an_unknown_authority() {
    let net = Net::new(|_, _, _| {
        completed(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Issuing CA", 800)], Verification::UnknownIssuer)
    });
    names(&net.run(), "tls.unknown_ca", "tls.chain_incomplete");
}

#[test]
fn a_lone_leaf_probably_lacks_its_intermediate() {
    let judgement = Net::new(|_, _, _| completed(vec![leaf(-6, 84)], Verification::UnknownIssuer)).run();
    names(&judgement, "tls.chain_incomplete", "tls.unknown_ca");
    assert!(is_uncertain(&judgement));
}

#[test]
fn a_lone_leaf_of_a_root_probably_comes_from_an_unknown_authority() {
    let net = Net::new(|_, _, _| {
        let mut leaf = leaf(-6, 84);
        leaf.issuer = "CN=Other Root CA".to_owned();
        completed(vec![leaf], Verification::UnknownIssuer)
    });
    let judgement = net.run();
    names(&judgement, "tls.unknown_ca", "tls.chain_incomplete");
    assert!(is_uncertain(&judgement));
}

fn lone_with_a_place() -> TlsDial {
    let mut leaf = leaf(-6, 84);
    leaf.issuer_urls = vec!["http://192.0.2.7/ca.der".to_owned()];
    completed(vec![leaf], Verification::UnknownIssuer)
}

/// A certificate as far as its names go: issued by the one letter for the other.
fn der(issuer: u8, subject: u8) -> sonde_sdk::dial::HttpExchange {
    let mut exchange = testkit::http_exchange(0, 200);
    if let Some(response) = &mut exchange.response {
        let tbs = [0x02, 1, 9, 0x30, 0, 0x30, 1, issuer, 0x30, 0, 0x30, 1, subject];
        response.body_prefix = [&[0x30, 15, 0x30, 13][..], &tbs].concat();
        response.body_bytes = 17;
    }
    exchange
}

#[test]
fn a_chain_that_the_fetched_intermediate_completes_is_incomplete() {
    let mut net = Net::new(|_, _, _| lone_with_a_place());
    net.issuer = Box::new(|| der(1, 2));
    net.known = Box::new(|| completed(vec![leaf(-6, 84)], Verification::Accepted));
    let judgement = net.run();
    names(&judgement, "tls.chain_incomplete", "tls.unknown_ca");
    assert!(!is_uncertain(&judgement));
}

#[test]
fn a_fetched_issuer_that_is_a_strange_root_is_an_unknown_authority() {
    let mut net = Net::new(|_, _, _| lone_with_a_place());
    net.issuer = Box::new(|| der(1, 1));
    net.known = Box::new(|| completed(vec![leaf(-6, 84)], Verification::UnknownIssuer));
    let judgement = net.run();
    names(&judgement, "tls.unknown_ca", "tls.chain_incomplete");
    assert!(!is_uncertain(&judgement));
}

#[test]
fn an_issuer_that_may_not_be_fetched_leaves_it_uncertain() {
    let mut net = Net::new(|_, _, _| lone_with_a_place());
    net.issuer = Box::new(|| unanswered(Reason::Denied("192.0.2.7:80".to_owned())));
    assert!(is_uncertain(&net.run()));
}

#[test]
fn who_makes_certificates_for_any_name_intercepts() {
    let net = Net::new(|sni, _, _| {
        let mut made = leaf(-6, 84);
        if let Sni::Other(name) = sni {
            made.dns_names = vec![name.clone()];
        }
        completed(vec![made], Verification::UnknownIssuer)
    });
    let judgement = net.run();
    names(&judgement, "tls.unknown_ca", "tls.chain_incomplete");
    assert!(judgement.outcome.summary.contains("intercepting"), "{}", judgement.outcome.summary);
}
