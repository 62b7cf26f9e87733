//! Who signed it: an issuer that is missing, strange, or in between.

use sonde_sdk::connection::Certificate;

use super::*;

#[test]
fn a_whole_chain_to_a_strange_root_is_an_unknown_authority() {
    let net = Net::new(|_, _, _| {
        completed(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Issuing CA", 800)], Verification::UnknownIssuer)
    });
    names(&net.run(), "tls.unknown_ca", "tls.chain_incomplete");
}

/// Both are possible, and this one is told first.
#[track_caller]
fn is_open(judgement: &Judgement, likelier: &str) {
    suspects(judgement, likelier);
    let mut both = supported(&judgement.findings, Strength::Weak);
    both.sort_unstable();
    assert_eq!(both, ["tls.chain_incomplete", "tls.unknown_ca"], "{judgement:#?}");
    assert!(refuted(&judgement.findings).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

/// This one is named, without certainty.
#[track_caller]
fn guesses(judgement: &Judgement, likelier: &str) {
    let other = if likelier == "tls.unknown_ca" { "tls.chain_incomplete" } else { "tls.unknown_ca" };
    names(judgement, likelier, other);
    assert!(is_uncertain(judgement), "{judgement:#?}");
}

fn unknown(chain: Vec<Certificate>) -> Judgement {
    Net::new(move |_, _, _| completed(chain.clone(), Verification::UnknownIssuer)).run()
}

#[test]
fn of_a_lone_leaf_the_name_of_its_issuer_tells_the_likelier() {
    for (issuer, likelier) in [
        ("CN=Corp Authority", "tls.chain_incomplete"),
        ("CN=Issuing CA", "tls.chain_incomplete"),
        ("CN=Other Root CA", "tls.unknown_ca"),
        ("CN=Corp Root Signing CA G2", "tls.unknown_ca"),
    ] {
        guesses(&unknown(vec![Certificate { issuer: issuer.to_owned(), ..leaf(-6, 84) }]), likelier);
    }
}

#[test]
fn a_chain_that_ends_below_a_root_leaves_it_open_however_long_it_is() {
    let judgement = unknown(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Upper CA", 800)]);
    is_open(&judgement, "tls.chain_incomplete");
    assert!(judgement.outcome.summary.starts_with("CN=Upper CA, which issued CN=Issuing CA,"), "{judgement:#?}");
    guesses(&unknown(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Corp Root", 800)]), "tls.unknown_ca");
}

#[test]
fn a_strange_root_is_one_whatever_is_sent_beside_it() {
    let root = || authority("CN=Issuing CA", "CN=Issuing CA", 800);
    let old = || authority("CN=Old Issuing CA", "CN=Older Root", -100);
    for chain in [vec![leaf(-6, 84), root(), old()], vec![leaf(-6, 84), old(), root()]] {
        let judgement = unknown(chain);
        names(&judgement, "tls.unknown_ca", "tls.chain_incomplete");
        assert!(!is_uncertain(&judgement));
    }
}

#[test]
fn an_expired_stranger_in_the_place_of_the_intermediate_changes_nothing() {
    guesses(&unknown(vec![leaf(-6, 84), authority("CN=Other CA", "CN=Root CA", -100)]), "tls.chain_incomplete");
}

#[test]
fn an_issuer_whose_name_a_trusted_root_has_with_another_key_is_probably_an_unknown_authority() {
    for chain in [vec![leaf(-6, 84)], vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Root CA", 800)]] {
        let net = Net::new(move |_, _, _| {
            let mut dial = completed(chain.clone(), Verification::UnknownIssuer);
            if let Some(session) = &mut dial.session {
                session.issuer_in_store = true;
            }
            dial
        });
        let judgement = net.run();
        names(&judgement, "tls.unknown_ca", "tls.chain_incomplete");
        assert!(is_uncertain(&judgement));
    }
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
fn a_fetched_intermediate_that_leads_no_further_leaves_it_open() {
    let mut net = Net::new(|_, _, _| lone_with_a_place());
    net.issuer = Box::new(|| der(1, 2));
    net.known = Box::new(|| completed(vec![leaf(-6, 84)], Verification::UnknownIssuer));
    let judgement = net.run();
    is_open(&judgement, "tls.chain_incomplete");
    assert_eq!(judgement.outcome.next_step, None);
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
fn an_issuer_that_may_not_be_fetched_is_guessed_and_asked_for() {
    let mut net = Net::new(|_, _, _| lone_with_a_place());
    net.issuer = Box::new(|| unanswered(Reason::Denied("192.0.2.7:80".to_owned())));
    let judgement = net.run();
    guesses(&judgement, "tls.chain_incomplete");
    let step = judgement.outcome.next_step.expect("a step");
    assert!(step.ends_with("--allow 192.0.2.7:80"), "{step}");
    let missing = Net::new(|_, _, _| lone_with_a_place()).run();
    guesses(&missing, "tls.chain_incomplete");
    assert_eq!(missing.outcome.next_step, None);
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
