//! Whole runs, from the first handshake to the verdict.

use sonde_sdk::check::Conclusion;
use sonde_sdk::dial::{TlsDial, Verification};
use sonde_sdk::report::{Stance, Strength};
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::Reason;

use super::Judgement;
use super::play::{
    NOW, Net, authority, babble, chosen, completed, dated, ended, good, leaf, silent_request, unanswered, unconnected,
};
use crate::case::Sni;

#[track_caller]
fn names(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert!(is_proven(&judgement.findings, cause), "{cause} is not proven: {judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{look_alike} is not refuted: {judgement:#?}");
    let proof: Vec<u64> =
        judgement.findings.iter().filter(|f| f.cause == cause).flat_map(|f| f.evidence.clone()).collect();
    let mut refutation = judgement.findings.iter().filter(|f| f.cause == look_alike).flat_map(|f| f.evidence.clone());
    assert!(refutation.any(|id| !proof.contains(&id)), "no separate evidence: {judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

/// Nothing is proven, and this is the likeliest.
#[track_caller]
fn suspects(judgement: &Judgement, cause: &str) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Strong), [cause], "{judgement:#?}");
}

#[track_caller]
fn is_healthy(judgement: &Judgement) {
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Weak).is_empty(), "{judgement:#?}");
}

/// The look-alike is ruled out weakly only, which keeps the confidence below certainty.
fn is_uncertain(judgement: &Judgement) -> bool {
    judgement.findings.iter().all(|f| f.stance == Stance::Supports || f.strength == Strength::Weak)
}

#[test]
fn an_accepted_certificate_is_healthy_after_one_handshake() {
    let net = Net::new(|_, _, _| good());
    assert_eq!(net.case().handshakes.len(), 1);
    is_healthy(&net.run());
}

#[test]
fn only_three_addresses_are_tried() {
    let mut net = Net::new(|_, _, _| good());
    net.addresses = (1..9).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(net.case().handshakes.len(), 3);
}

fn expired() -> TlsDial {
    completed(vec![leaf(-92, -2), authority("CN=Issuing CA", "CN=Root CA", 800)], Verification::Expired)
}

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

#[test]
fn a_peer_that_speaks_http_is_a_plaintext_peer() {
    let mut net = Net::new(|_, _, _| babble(b"HTTP/1.1 400 Bad Request\r\n"));
    net.plain = Box::new(|| testkit::http_exchange(0, 200));
    names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
}

#[test]
fn a_peer_that_speaks_first_is_a_plaintext_peer() {
    let mut net = Net::new(|_, _, _| babble(b"SSH-2.0-OpenSSH_9.2\r\n"));
    net.plain = Box::new(|| unanswered(Reason::Closed));
    names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
}

#[test]
fn a_peer_that_waits_for_the_end_of_a_request_is_a_plaintext_peer_and_no_stall() {
    let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
    net.plain = Box::new(|| testkit::http_exchange(0, 400));
    names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
}

#[test]
fn a_peer_that_closes_on_the_hello_but_answers_plain_requests_is_a_plaintext_peer() {
    for reason in [Reason::Closed, Reason::Reset] {
        let mut net = Net::new(move |_, _, _| ended(reason.clone()));
        net.plain = Box::new(|| testkit::http_exchange(0, 204));
        names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
    }
}

#[test]
fn silence_after_an_acknowledged_hello_is_a_stall() {
    names(&Net::new(|_, _, _| ended(Reason::TimedOut)).run(), "tls.handshake_stall", "l3.pmtu_blackhole");
}

#[test]
fn a_tls_server_that_complains_about_plain_text_is_no_plaintext_peer() {
    let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
    net.plain = Box::new(|| {
        let mut exchange = testkit::http_exchange(0, 400);
        if let Some(response) = &mut exchange.response {
            response.body_prefix = b"The plain HTTP request was sent to HTTPS port".to_vec();
        }
        exchange
    });
    names(&net.run(), "tls.handshake_stall", "l3.pmtu_blackhole");
}

#[test]
fn a_hello_that_is_retransmitted_is_no_stall_of_the_server() {
    let net = Net::new(|_, _, _| {
        let mut dial = ended(Reason::TimedOut);
        if let Some(info) = &mut dial.connection.info {
            (info.unacked, info.backoff) = (1, 2);
        }
        dial
    });
    suspects(&net.run(), "l3.pmtu_blackhole");
}

#[test]
fn a_stall_that_heals_on_the_second_try_is_not_proven() {
    let judgement = Net::new(|_, _, attempt| if attempt == 0 { ended(Reason::TimedOut) } else { good() }).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
}

#[test]
fn no_common_version_is_a_version_mismatch() {
    let judgement = Net::new(|_, _, _| ended(Reason::TlsAlert(70))).run();
    names(&judgement, "tls.version_mismatch", "tls.cipher_mismatch");
    assert!(refuted(&judgement.findings).contains(&"fw.dpi_reset"));
}

#[test]
fn a_server_that_chooses_an_old_version_is_a_version_mismatch() {
    let net = Net::new(|_, _, _| {
        let mut dial = ended(Reason::Malformed("peer is incompatible".to_owned()));
        if let Some(session) = &mut dial.session {
            session.version = Some("TLSv1.1".to_owned());
        }
        dial
    });
    names(&net.run(), "tls.version_mismatch", "tls.cipher_mismatch");
}

#[test]
fn a_cipher_suite_that_only_an_older_hello_offers_is_a_cipher_mismatch() {
    let mut net = Net::new(|_, _, _| ended(Reason::TlsAlert(40)));
    net.hello = Box::new(|| chosen("TLSv1.2", 0x002f));
    names(&net.run(), "tls.cipher_mismatch", "tls.version_mismatch");
}

#[test]
fn an_alert_40_that_no_hello_heals_is_only_suspected_to_be_the_cipher_suite() {
    suspects(&Net::new(|_, _, _| ended(Reason::TlsAlert(40))).run(), "tls.cipher_mismatch");
}

#[test]
fn a_modern_suite_chosen_from_an_older_hello_shows_nothing() {
    let mut net = Net::new(|_, _, _| ended(Reason::TlsAlert(40)));
    net.hello = Box::new(|| chosen("TLSv1.2", 0xc02f));
    suspects(&net.run(), "tls.cipher_mismatch");
}

#[test]
fn an_old_version_chosen_from_an_older_hello_is_a_version_mismatch_however_the_first_ended() {
    for reason in [Reason::TlsAlert(70), Reason::TlsAlert(40), Reason::Closed, Reason::Reset] {
        let mut net = Net::new(move |_, _, _| ended(reason.clone()));
        net.hello = Box::new(|| chosen("TLSv1", 0x002f));
        let judgement = net.run();
        names(&judgement, "tls.version_mismatch", "tls.cipher_mismatch");
        assert!(judgement.outcome.summary.contains("TLSv1;"), "{}", judgement.outcome.summary);
    }
}

/// Everything that was sent is acknowledged, in this many bytes.
fn acknowledged(mut dial: TlsDial, bytes: u64) -> TlsDial {
    if let Some(info) = &mut dial.connection.info {
        info.bytes_acked = bytes;
    }
    dial
}

#[test]
fn a_hello_that_fails_only_when_it_spans_packets_is_a_large_hello() {
    for reason in [Reason::TimedOut, Reason::Reset, Reason::Closed, Reason::TlsAlert(50)] {
        let mut net = Net::new(move |_, _, _| acknowledged(ended(reason.clone()), 1800));
        net.small = Some(Box::new(good));
        let judgement = net.run();
        names(&judgement, "tls.large_hello", "tls.handshake_stall");
        assert!(refuted(&judgement.findings).contains(&"l3.pmtu_blackhole"), "{judgement:#?}");
    }
}

#[test]
fn a_large_hello_of_which_nothing_is_acknowledged_may_be_lost_on_the_way() {
    let mut net = Net::new(|_, _, _| acknowledged(ended(Reason::TimedOut), 1));
    net.small = Some(Box::new(good));
    suspects(&net.run(), "l3.pmtu_blackhole");
}

#[test]
fn a_large_request_that_arrives_shows_that_the_path_carries_such_packets() {
    let mut net = Net::new(|_, _, _| acknowledged(ended(Reason::TimedOut), 1));
    net.small = Some(Box::new(good));
    net.large = Box::new(|| {
        let mut exchange = silent_request(2500);
        if let Some(info) = &mut exchange.connection.info {
            info.bytes_acked = 2200;
        }
        exchange
    });
    names(&net.run(), "tls.large_hello", "l3.pmtu_blackhole");
}

#[test]
fn a_reset_by_name_is_no_matter_of_size() {
    let mut net = Net::new(|sni, _, _| if *sni == Sni::Own { ended(Reason::Reset) } else { good() });
    net.small = Some(Box::new(|| ended(Reason::Reset)));
    names(&net.run(), "fw.dpi_reset", "tls.handshake_stall");
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
fn a_weak_key_is_named_and_a_bad_signature_only_suspected() {
    let weak = Net::new(|_, _, _| completed(vec![leaf(-6, 84)], Verification::WeakKey)).run();
    names(&weak, "tls.weak_key", "tls.cipher_mismatch");
    suspects(&Net::new(|_, _, _| completed(vec![leaf(-6, 84)], Verification::BadSignature)).run(), "tls.weak_key");
}

#[test]
fn an_intermediate_in_its_last_days_is_a_warning_too() {
    let chain = || vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Root CA", 3)];
    let judgement = Net::new(|_, _, _| completed(chain(), Verification::Accepted)).run();
    assert!(is_proven(&judgement.findings, "tls.cert_expiring_soon"));
    assert!(judgement.findings[0].summary.contains("intermediate certificate CN=Issuing CA"), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

/// After this dialogue.
fn after(agreed: bool, said: &str, mut dial: TlsDial) -> TlsDial {
    let said = said.to_owned();
    dial.starttls = Some(sonde_sdk::dial::StarttlsExchange { timing: testkit::timing(1), agreed, said });
    dial
}

#[test]
fn a_server_that_greets_in_smtp_is_asked_for_starttls_and_judged_by_that() {
    let mut net = Net::new(|_, _, _| {
        let mut dial = babble(b"220 mail.shop.example ESMTP\r\n");
        if let Some(session) = &mut dial.session {
            session.plaintext_protocol = Some("smtp".to_owned());
        }
        dial
    });
    (net.https, net.port) = (false, 2025);
    net.starttls = Box::new(|| after(true, "220 go ahead", good()));
    let judgement = net.run();
    is_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("after STARTTLS"), "{}", judgement.outcome.summary);
}

#[test]
fn a_postgres_without_tls_is_a_plaintext_peer() {
    let mut net = Net::new(|_, _, _| ended(Reason::Closed));
    (net.https, net.port) = (false, 5432);
    net.starttls = Box::new(|| after(false, "N", ended(Reason::Other("no TLS".to_owned()))));
    net.plain = Box::new(|| unanswered(Reason::Closed));
    let judgement = net.run();
    assert!(supported(&judgement.findings, Strength::Weak).contains(&"tls.plaintext_peer"), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), Vec::<&str>::new(), "{judgement:#?}");
}

#[test]
fn no_common_protocol_is_an_alpn_mismatch() {
    let net = Net::new(|_, alpn, _| if alpn { ended(Reason::TlsAlert(120)) } else { good() });
    names(&net.run(), "tls.alpn_mismatch", "tls.version_mismatch");
}

#[test]
fn an_unrecognized_name_needs_another_server_name() {
    let net = Net::new(|sni, _, _| {
        if matches!(sni, Sni::Other(name) if name == "shop.example") { good() } else { ended(Reason::TlsAlert(112)) }
    });
    names(&net.run(), "tls.sni_required", "tls.version_mismatch");
    names(&Net::new(|_, _, _| ended(Reason::TlsAlert(112))).run(), "tls.sni_required", "tls.version_mismatch");
}

#[test]
fn a_failure_that_another_name_heals_needs_another_server_name() {
    for reason in [Reason::TlsAlert(40), Reason::Closed] {
        let net = Net::new(move |sni, _, _| if *sni == Sni::Own { ended(reason.clone()) } else { good() });
        names(&net.run(), "tls.sni_required", "tls.version_mismatch");
    }
}

fn demanding(reason: Option<Reason>) -> TlsDial {
    let mut dial = match reason {
        Some(reason) => ended(reason),
        None => good(),
    };
    if let Some(session) = &mut dial.session {
        session.client_certificate_requested = true;
    }
    dial
}

#[test]
fn an_alert_after_a_demand_for_a_certificate_is_a_missing_client_certificate() {
    for reason in [Reason::TlsAlert(116), Reason::TlsAlert(42), Reason::TlsAlert(40), Reason::Closed] {
        let net = Net::new(move |_, _, _| demanding(Some(reason.clone())));
        names(&net.run(), "tls.client_cert_required", "tcp.rst_linger0");
    }
}

#[test]
fn a_session_that_ends_on_the_first_read_after_a_demand_is_a_missing_client_certificate() {
    for reason in [Reason::TlsAlert(116), Reason::Closed, Reason::Reset] {
        let mut net = Net::new(|_, _, _| demanding(None));
        net.http = Box::new(move || unanswered(reason.clone()));
        names(&net.run(), "tls.client_cert_required", "tcp.rst_linger0");
    }
}

#[test]
fn an_optional_client_certificate_is_healthy() {
    is_healthy(&Net::new(|_, _, _| demanding(None)).run());
}

#[test]
fn a_server_of_another_protocol_that_closes_on_http_does_not_demand_a_certificate() {
    let mut net = Net::new(|_, _, _| demanding(None));
    net.https = false;
    net.http = Box::new(|| unanswered(Reason::Closed));
    is_healthy(&net.run());
}

#[test]
fn a_reset_for_one_name_only_is_an_inspecting_middlebox() {
    let judgement = Net::new(|sni, _, _| if *sni == Sni::Own { ended(Reason::Reset) } else { good() }).run();
    names(&judgement, "fw.dpi_reset", "tls.handshake_stall");
    assert!(refuted(&judgement.findings).contains(&"tls.sni_required"));
}

#[test]
fn a_reset_for_every_name_is_no_middlebox() {
    suspects(&Net::new(|_, _, _| ended(Reason::Reset)).run(), "tcp.rst_linger0");
}

#[test]
fn a_bad_second_address_is_found() {
    let calls = std::cell::Cell::new(0);
    let mut net = Net::new(|_, _, _| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { good() } else { expired() }
    });
    net.addresses.push("192.0.2.81".to_owned());
    names(&net.run(), "tls.cert_expired", "host.clock_skew");
}

#[test]
fn an_address_without_a_connection_is_left_to_others() {
    let net = Net::new(|_, _, _| unconnected(Reason::Refused));
    assert_eq!(net.run().outcome.conclusion, Conclusion::Skipped);
    let calls = std::cell::Cell::new(0);
    let mut net = Net::new(|_, _, _| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { unconnected(Reason::TimedOut) } else { good() }
    });
    net.addresses.push("192.0.2.81".to_owned());
    is_healthy(&net.run());
}

#[test]
fn what_was_not_granted_is_unclear() {
    let judgement = Net::new(|_, _, _| unconnected(Reason::Denied("192.0.2.80:443".to_owned()))).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.findings.is_empty());
}

#[test]
fn no_address_is_skipped() {
    let mut net = Net::new(|_, _, _| good());
    net.addresses.clear();
    assert_eq!(net.run().outcome.conclusion, Conclusion::Skipped);
}

#[test]
fn a_request_that_was_never_acknowledged_refutes_nothing() {
    let mut net = Net::new(|_, _, _| {
        let mut dial = ended(Reason::TimedOut);
        dial.connection.info = None;
        dial
    });
    net.plain = Box::new(|| {
        let mut exchange = silent_request(2500);
        exchange.connection.info = None;
        exchange
    });
    suspects(&net.run(), "tls.handshake_stall");
}
