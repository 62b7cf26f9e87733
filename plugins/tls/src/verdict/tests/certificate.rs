//! The certificate: its dates, its name, its key.

use sonde_sdk::connection::{Certificate, VerificationProblem};

use super::*;

#[test]
fn a_certificate_past_its_date_has_expired() {
    let judgement = Net::new(|_, _, _| expired()).run();
    names(&judgement, "tls.cert_expired", "host.clock_skew");
    assert!(judgement.outcome.summary.contains("2 days ago"), "{}", judgement.outcome.summary);
}

#[test]
fn a_certificate_past_its_date_has_expired_although_nobody_vouches_for_the_clock() {
    let mut net = Net::new(|_, _, _| expired());
    net.synchronised = false;
    names(&net.run(), "tls.cert_expired", "host.clock_skew");
}

#[test]
fn a_certificate_past_its_date_by_the_servers_clock_too_has_expired() {
    let mut net = Net::new(|_, _, _| expired());
    net.synchronised = false;
    net.http = Box::new(|| dated("Sat, 21 Nov 2026 02:37:00 GMT"));
    names(&net.run(), "tls.cert_expired", "host.clock_skew");
}

#[test]
fn a_certificate_that_is_valid_by_the_servers_clock_only_shows_a_wrong_clock_here() {
    let mut net = Net::new(|_, _, _| expired());
    net.synchronised = false;
    net.http = Box::new(|| dated("Sat, 14 Nov 2026 02:37:00 GMT"));
    names(&net.run(), "host.clock_skew", "tls.cert_expired");
}

#[test]
fn a_certificate_of_the_future_is_not_yet_valid() {
    let net = Net::new(|_, _, _| completed(vec![leaf(2, 90)], Verification::NotYetValid));
    names(&net.run(), "tls.cert_not_yet_valid", "host.clock_skew");
}

#[test]
fn an_old_intermediate_under_a_valid_leaf_is_named() {
    for verification in [Verification::Expired, Verification::UnknownIssuer] {
        let net = Net::new(move |_, _, _| {
            completed(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Root CA", -5)], verification)
        });
        names(&net.run(), "tls.intermediate_expired", "tls.cert_expired");
    }
}

#[test]
fn an_old_root_that_was_not_sent_is_the_fault_of_the_issuer_and_not_of_the_leaf() {
    let net = Net::new(|_, _, _| {
        completed(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Root CA", 800)], Verification::Expired)
    });
    names(&net.run(), "tls.intermediate_expired", "tls.cert_expired");
}

#[test]
fn a_certificate_in_its_last_days_is_a_warning_and_works() {
    let judgement = Net::new(|_, _, _| completed(vec![leaf(-87, 3)], Verification::Accepted)).run();
    assert!(is_proven(&judgement.findings, "tls.cert_expiring_soon"));
    assert_eq!(refuted(&judgement.findings), ["tls.cert_expired"]);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

#[test]
fn a_short_lived_certificate_in_the_middle_of_its_life_is_no_warning() {
    is_healthy(&Net::new(|_, _, _| completed(vec![leaf(-3, 3)], Verification::Accepted)).run());
}

fn of_other_name(sha: &str) -> TlsDial {
    let mut other = leaf(-6, 84);
    other.dns_names = vec!["other.example".to_owned()];
    other.sha256_hex = sha.to_owned();
    completed(vec![other], Verification::NameMismatch)
}

#[test]
fn one_certificate_for_every_name_is_a_name_mismatch() {
    names(&Net::new(|_, _, _| of_other_name("aa")).run(), "tls.name_mismatch", "tls.default_cert_served");
}

#[test]
fn another_certificate_for_another_name_is_a_default_certificate() {
    let net = Net::new(|sni, _, _| {
        of_other_name(if matches!(sni, Sni::Other(name) if name == "shop.example") { "bb" } else { "aa" })
    });
    names(&net.run(), "tls.default_cert_served", "tls.name_mismatch");
}

#[test]
fn a_certificate_signed_by_itself_is_self_signed() {
    for verification in [Verification::SelfSigned, Verification::UnknownIssuer] {
        let own = testkit::certificate("CN=www.shop.example", "CN=www.shop.example", NOW - 10, NOW + 9_000_000);
        let net = Net::new(move |_, _, _| completed(vec![own.clone()], verification));
        names(&net.run(), "tls.self_signed", "tls.unknown_ca");
    }
}

#[test]
fn a_revoked_certificate_is_named_with_what_its_dates_say() {
    for verification in [Verification::Revoked, Verification::StapleMissing] {
        let net = Net::new(move |_, _, _| completed(vec![leaf(-6, 84)], verification));
        names(&net.run(), "tls.revoked", "tls.cert_expired");
    }
}

#[test]
fn a_staple_that_comes_the_second_time_is_no_revocation() {
    let net = Net::new(|_, _, attempt| {
        let verification = if attempt == 0 { Verification::StapleMissing } else { Verification::Accepted };
        completed(vec![leaf(-6, 84)], verification)
    });
    assert_eq!(net.run().outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_weak_key_is_named() {
    let weak = Net::new(|_, _, _| completed(vec![leaf(-6, 84)], Verification::WeakKey)).run();
    names(&weak, "tls.weak_key", "tls.cipher_mismatch");
}

/// A chain that is not accepted for something that the host says.
fn refused(chain: Vec<Certificate>, verification: Verification, detail: &'static str) -> Judgement {
    let net = Net::new(move |_, _, _| {
        let mut dial = completed(chain.clone(), verification);
        if let Some(session) = &mut dial.session {
            session.verification_detail = detail.to_owned();
        }
        dial
    });
    net.run()
}

#[test]
fn what_has_no_cause_of_its_own_is_broken_and_said_but_no_weak_key() {
    for (verification, detail) in [
        (Verification::BadSignature, "the leaf is not signed by certificate 1"),
        (Verification::Unsupported, "the leaf: its extended key usage does not name servers (serverAuth)"),
    ] {
        let judgement = refused(vec![leaf(-6, 84)], verification, detail);
        assert!(judgement.findings.is_empty(), "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
        assert!(judgement.outcome.summary.ends_with(detail), "{judgement:#?}");
    }
}

#[test]
fn a_signature_that_this_client_does_not_know_is_nobodys_fault() {
    let detail = "certificate 1: its signature (ecdsa-with-SHA512) is of a kind that is not supported";
    let issuing = || authority("CN=Issuing CA", "CN=Root CA", 800);
    let curve = Certificate { key: "EC P-521".to_owned(), ..issuing() };
    let hash = Certificate { signature_algorithm: "ecdsa-with-SHA512".to_owned(), ..issuing() };
    for foreign in [curve, hash] {
        let judgement = refused(vec![leaf(-6, 84), foreign], Verification::Unsupported, detail);
        assert!(judgement.findings.is_empty(), "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
        assert!(judgement.outcome.next_step.is_some_and(|step| step.contains("openssl s_client")));
    }
}

#[test]
fn a_certificate_without_alternative_names_is_said_to_have_none() {
    let nameless = || Certificate { dns_names: vec![], ..leaf(-6, 84) };
    let judgement = Net::new(move |_, _, _| completed(vec![nameless()], Verification::NameMismatch)).run();
    names(&judgement, "tls.name_mismatch", "tls.default_cert_served");
    let summary = &judgement.outcome.summary;
    assert!(summary.contains("no subject alternative name") && !summary.contains("covers"), "{summary}");
    let named = Net::new(|_, _, _| of_other_name("aa")).run().outcome.summary;
    assert_eq!(named, "the certificate covers other.example, not www.shop.example");
}

#[test]
fn what_else_is_wrong_is_told_with_the_first_cause() {
    let net = Net::new(|_, _, _| {
        let mut dial = expired();
        if let Some(session) = &mut dial.session {
            let detail = "the leaf is signed by itself".to_owned();
            let verification = Verification::SelfSigned;
            session.problems.push(VerificationProblem { verification, depth: 0, detail });
        }
        dial
    });
    let judgement = net.run();
    names(&judgement, "tls.cert_expired", "host.clock_skew");
    assert!(judgement.outcome.summary.ends_with("2 days ago; also: the leaf is signed by itself"), "{judgement:#?}");
    assert!(!Net::new(|_, _, _| expired()).run().outcome.summary.contains("also"));
}

#[test]
fn an_intermediate_in_its_last_days_is_a_warning_too() {
    let chain = || vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Root CA", 3)];
    let judgement = Net::new(|_, _, _| completed(chain(), Verification::Accepted)).run();
    assert!(is_proven(&judgement.findings, "tls.cert_expiring_soon"));
    assert!(judgement.findings[0].summary.contains("intermediate certificate CN=Issuing CA"), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

#[test]
fn what_an_accepted_chain_does_not_need_is_no_warning() {
    let issuing = |end: i64| authority("CN=Issuing CA", "CN=Root CA", end);
    for (what, chain) in [
        ("an expired cross-signature", vec![issuing(800), authority("CN=Root CA", "CN=Old Root", -10)]),
        ("an expired copy of the intermediate", vec![issuing(-5), issuing(800)]),
        ("a stranger in its last days", vec![issuing(800), authority("CN=Needless CA", "CN=Root CA", 1)]),
        ("a root in its last days", vec![issuing(800), authority("CN=Root CA", "CN=Root CA", 1)]),
    ] {
        let chain: Vec<Certificate> = std::iter::once(leaf(-6, 84)).chain(chain).collect();
        let judgement = Net::new(move |_, _, _| completed(chain.clone(), Verification::Accepted)).run();
        assert!(judgement.findings.is_empty(), "{what}: {judgement:#?}");
        assert!(judgement.outcome.summary.ends_with("valid for 84 days"), "{what}: {judgement:#?}");
    }
}
