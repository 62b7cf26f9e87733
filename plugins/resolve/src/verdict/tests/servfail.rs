//! SERVFAIL: no data, or data that are not believed.

use super::*;

#[test]
fn servfail_with_and_without_validation_comes_from_upstream() {
    let judgement = Net::new("www.example", code(2)).run();
    names(&judgement, "dns.servfail_upstream", "dns.dnssec_bogus");
}

#[test]
fn a_servfail_that_heals_on_the_second_try_is_no_fault() {
    let count = Cell::new(0);
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| {
        count.set(count.get() + 1);
        if count.get() <= 2 { code_with(2, 0) } else { good(q) }
    });
    is_healthy(&net.run());
}

#[test]
fn servfail_only_with_validation_is_bogus() {
    let good = zone(WWW);
    let net = Net::new(
        "www.example",
        move |q: &Question| if q.variant == Variant::CheckingDisabled { good(q) } else { code_with(2, 6) },
    );
    names(&net.run(), "dns.dnssec_bogus", "dns.servfail_upstream");
}

#[test]
fn tampered_addresses_beside_an_honest_denial_are_bogus() {
    let good = zone(&WWW[..1]);
    let net = Net::new("www.example", move |q: &Question| {
        if q.qtype == A && q.variant != Variant::CheckingDisabled { code_with(2, 6) } else { good(q) }
    });
    names(&net.run(), "dns.dnssec_bogus", "dns.servfail_upstream");
}

fn signed(q: &Question, ede: u16, expiration: &str, inception: &str) -> Reply {
    if q.variant != Variant::CheckingDisabled {
        return code_with(2, ede);
    }
    let signature = format!("A 13 3 60 {expiration} {inception} 1 example. AAAA");
    let records =
        vec![testkit::resource("www.example", A, "192.0.2.80"), testkit::resource("www.example", RRSIG, &signature)];
    (Ok(testkit::answer(0, records)), 1)
}

#[test]
fn a_signature_whose_date_is_past_by_two_clocks_has_expired() {
    let net = Net::new("www.example", |q: &Question| signed(q, 0, "20261101000000", "20261001000000"));
    names(&net.run(), "dns.dnssec_expired", "host.clock_skew");
}

#[test]
fn a_signature_of_the_future_is_not_yet_valid() {
    let net = Net::new("www.example", |q: &Question| signed(q, 8, "20271101000000", "20270101000000"));
    names(&net.run(), "dns.dnssec_not_yet_valid", "host.clock_skew");
}

#[test]
fn keys_are_blamed_only_where_the_dates_hold() {
    let net = Net::new("www.example", |q: &Question| signed(q, 9, "20271101000000", "20260101000000"));
    names(&net.run(), "dns.dnssec_anchor_mismatch", "dns.dnssec_bogus");
    let net = Net::new("www.example", |q: &Question| signed(q, 9, "20261101000000", "20261001000000"));
    names(&net.run(), "dns.dnssec_expired", "host.clock_skew");
}

#[test]
fn an_expiry_that_only_the_resolver_claims_is_bogus_first() {
    let net = Net::new("www.example", |q: &Question| signed(q, 7, "20271101000000", "20260101000000"));
    let judgement = net.run();
    assert!(is_proven(&judgement.findings, "dns.dnssec_bogus"));
    assert!(!is_proven(&judgement.findings, "dns.dnssec_expired"));
}
