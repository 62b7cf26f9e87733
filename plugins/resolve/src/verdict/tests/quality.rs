//! A server that answers late, in part, or only in some ways.

use super::*;

#[test]
fn a_server_that_is_always_late_is_slow() {
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| (good(q).0, 2000));
    let judgement = net.run();
    names(&judgement, "dns.slow_server", "l3.high_latency");
    assert!(refuted(&judgement.findings).contains(&"dns.first_server_dead"));
}

#[test]
fn a_cold_cache_is_not_a_slow_server() {
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| {
        let cold = q.attempt == 0 && q.variant == Variant::Udp;
        (good(q).0, if cold { 700 } else { 1 })
    });
    is_healthy(&net.run());
}

#[test]
fn a_long_recursion_is_neither_loss_nor_a_slow_server() {
    for late in [700, 1] {
        let asked = Cell::new(0);
        let good = zone(WWW);
        let net = Net::new("www.example", move |q: &Question| {
            asked.set(asked.get() + 1);
            let wait = if asked.get() <= 2 {
                1900
            } else if q.attempt == 1 || q.variant != Variant::Udp {
                late
            } else {
                1
            };
            (good(q).0, wait)
        });
        is_healthy(&net.run());
    }
}

#[test]
fn a_late_servfail_is_no_slow_server() {
    let net = Net::new("www.example", |_: &Question| (code_with(2, 22).0, 900));
    names(&net.run(), "dns.servfail_upstream", "dns.dnssec_bogus");
}

#[test]
fn aaaa_that_is_never_answered_is_dropped() {
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| if q.qtype == AAAA { dead(q) } else { good(q) });
    names(&net.run(), "dns.aaaa_dropped", "nf.dns_insert_race");
}

#[test]
fn aaaa_that_fails_although_the_name_exists_is_the_wrong_rcode() {
    for rcode in [2, 3, 4, 5] {
        let good = zone(WWW);
        let bad = code(rcode);
        let net = Net::new("www.example", move |q: &Question| if q.qtype == AAAA { bad(q) } else { good(q) });
        names(&net.run(), "dns.aaaa_wrong_rcode", "dns.nxdomain");
    }
}

#[test]
fn truncated_answers_without_tcp_are_blocked() {
    let net = Net::new("www.example", |q: &Question| if q.variant == Variant::Tcp { dead(q) } else { cut() });
    names(&net.run(), "dns.tc_tcp_blocked", "dns.server_unreachable");
}

#[test]
fn truncated_answers_with_tcp_are_healthy() {
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| if q.variant == Variant::Tcp { good(q) } else { cut() });
    is_healthy(&net.run());
}

#[test]
fn a_server_that_answers_over_tcp_only_has_udp_blocked() {
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| if q.variant == Variant::Tcp { good(q) } else { dead(q) });
    names(&net.run(), "dns.udp_blocked", "dns.server_unreachable");
}

#[test]
fn a_server_that_answers_without_edns_only_has_edns_blocked() {
    let good = zone(WWW);
    let net = Net::new("www.example", move |q: &Question| if q.variant == Variant::Plain { good(q) } else { dead(q) });
    names(&net.run(), "dns.edns_blocked", "dns.server_unreachable");
}

#[test]
fn a_server_that_rejects_edns_is_named() {
    let good = zone(WWW);
    let net = Net::new(
        "www.example",
        move |q: &Question| if q.variant == Variant::Plain { good(q) } else { code_with(1, 0) },
    );
    names(&net.run(), "dns.edns_rejected", "dns.edns_blocked");
}

#[test]
fn one_lost_query_is_no_fault() {
    let good = zone(WWW);
    let net = Net::new(
        "www.example",
        move |q: &Question| {
            if q.attempt == 0 && q.qtype == A { (Err(silence(1)), 60_000) } else { good(q) }
        },
    );
    is_healthy(&net.run());
}

#[test]
fn several_lost_queries_are_packet_loss() {
    let good = zone(WWW);
    let net = Net::new(
        "www.example",
        move |q: &Question| {
            if [0, 4, 6].contains(&q.attempt) { (Err(silence(1)), 60_000) } else { good(q) }
        },
    );
    names(&net.run(), "dns.packet_loss", "dns.server_unreachable");
}
