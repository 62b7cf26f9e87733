//! Whole runs, from the first question to the verdict.

mod behind;

use std::cell::Cell;

use sonde_sdk::check::Conclusion;
use sonde_sdk::dns::qtype::{A, AAAA, CNAME, NS, PTR, RRSIG, SRV};
use sonde_sdk::report::Strength;
use sonde_sdk::system::RouteKind;
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Phase, Reason};

use super::Judgement;
use super::play::{Net, Reply, code, code_with, cut, dead, failing, silence, zone};
use crate::case::{Question, Request, Variant};

const WWW: &[(&str, u16, &str)] = &[("www.example", A, "192.0.2.80"), ("www.example", AAAA, "2001:db8::80")];

#[track_caller]
fn names(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert!(is_proven(&judgement.findings, cause), "{cause} is not proven: {judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{look_alike} is not refuted: {judgement:#?}");
    let proof: Vec<u64> =
        judgement.findings.iter().filter(|f| f.cause == cause).flat_map(|f| f.evidence.clone()).collect();
    let refutation = judgement.findings.iter().filter(|f| f.cause == look_alike).flat_map(|f| f.evidence.clone());
    assert!(refutation.into_iter().any(|id| !proof.contains(&id)), "no separate evidence: {judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

#[track_caller]
fn is_healthy(judgement: &Judgement) {
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
}

#[test]
fn a_name_with_both_families_is_healthy_after_one_round() {
    let net = Net::new("www.example", zone(WWW));
    let case = net.case();
    assert_eq!(case.asked.len(), 2);
    is_healthy(&net.run());
    assert!(net.run().findings.is_empty());
}

#[test]
fn a_name_without_ipv6_is_healthy() {
    is_healthy(&Net::new("www.example", zone(&WWW[..1])).run());
}

#[test]
fn a_name_behind_an_alias_is_healthy() {
    is_healthy(&Net::new("w.example", zone(&[("w.example", CNAME, "www.example."), WWW[0]])).run());
}

#[test]
fn two_servers_with_the_same_answer_are_healthy() {
    is_healthy(&Net::two("www.example", zone(WWW), zone(WWW)).run());
}

#[test]
fn a_name_that_does_not_exist_is_nxdomain() {
    let judgement = Net::new("no.example", zone(WWW)).run();
    names(&judgement, "dns.nxdomain", "dns.nodata");
}

#[test]
fn a_short_name_that_no_suffix_completes_is_nxdomain() {
    let mut net = Net::new("web", zone(&[("web.prod.svc.cluster.local", A, "192.0.2.9")]));
    net.config.search =
        vec!["default.svc.cluster.local".to_owned(), "svc.cluster.local".to_owned(), "cluster.local".to_owned()];
    net.config.ndots = 5;
    names(&net.run(), "dns.nxdomain", "dns.nodata");
}

#[test]
fn a_short_name_under_the_hosts_own_domain_misses_a_suffix() {
    let records = [("100.2.0.192.in-addr.arpa", PTR, "client.corp.example."), ("web.corp.example", A, "192.0.2.9")];
    names(&Net::new("web", zone(&records)).run(), "dns.search_missing", "dns.nxdomain");
}

#[test]
fn a_name_with_other_records_only_has_no_data() {
    names(
        &Net::new("mail.example", zone(&[("mail.example", 15, "10 mx.example.")])).run(),
        "dns.nodata",
        "dns.nxdomain",
    );
}

#[test]
fn an_explicit_type_that_is_missing_has_no_data_although_the_other_family_exists() {
    let mut net = Net::new("www.example", zone(&WWW[1..]));
    net.request.qtype = Some(A);
    names(&net.run(), "dns.nodata", "dns.nxdomain");
}

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

#[test]
fn a_refusing_server_is_refused() {
    names(&Net::new("www.example", code(5)).run(), "dns.refused", "dns.lame_delegation");
}

#[test]
fn a_server_that_cannot_is_not_implemented() {
    names(&Net::new("www.example", code(4)).run(), "dns.not_implemented", "dns.refused");
}

#[test]
fn silence_on_udp_and_tcp_is_an_unreachable_server() {
    names(&Net::new("www.example", dead).run(), "dns.server_unreachable", "dns.udp_blocked");
}

#[test]
fn a_server_that_accepts_and_does_not_answer_is_not_unreachable() {
    let mut net = Net::new("www.example", dead);
    net.accepts = true;
    let judged = net.run();
    assert!(!is_proven(&judged.findings, "dns.server_unreachable"), "{:?}", judged.findings);
    assert!(refuted(&judged.findings).contains(&"dns.server_unreachable"), "{:?}", judged.findings);
}

#[test]
fn a_silent_server_behind_a_dead_gateway_is_the_gateways_fault() {
    let mut net = Net::new("www.example", dead);
    net.neighbour = "FAILED";
    names(&net.run(), "l2.gateway_unresolved", "l2.neighbor_unresolved");
}

#[test]
fn a_silent_on_link_server_is_an_unresolved_neighbour() {
    let mut net = Net::new("www.example", dead);
    net.neighbour = "FAILED";
    net.route = Some(testkit::route_answer(0, testkit::route(None)));
    names(&net.run(), "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn a_refusing_port_is_a_closed_server_port() {
    let judgement = Net::new("www.example", failing(Reason::Refused)).run();
    names(&judgement, "dns.server_port_closed", "dns.server_unreachable");
    assert!(refuted(&judgement.findings).contains(&"dns.stub_down"));
}

#[test]
fn a_refusing_loopback_port_is_a_stub_that_is_down() {
    let mut net = Net::new("www.example", failing(Reason::Refused));
    net.config.nameservers = vec!["127.0.0.53".to_owned()];
    names(&net.run(), "dns.stub_down", "dns.no_nameserver");
}

#[test]
fn a_port_unreachable_of_another_host_is_a_filter() {
    let net = Net::new("www.example", |q: &Question| {
        let mut failure = testkit::failure(Phase::Wait, Reason::Refused, 1);
        failure.icmp = (q.variant != Variant::Tcp).then(|| testkit::icmp("192.0.2.1", 3, 3));
        (Err(failure), 1)
    });
    names(&net.run(), "fw.reject_icmp", "l3.icmp_unreachable");
}

#[test]
fn a_query_that_the_kernel_refuses_is_this_hosts_filter() {
    names(&Net::new("www.example", failing(Reason::NotPermitted)).run(), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn a_query_that_a_prohibit_route_refuses_is_the_routes_fault() {
    let mut net = Net::new("www.example", failing(Reason::NotPermitted));
    let mut route = testkit::route(None);
    route.kind = RouteKind::Prohibit;
    net.route = Some(testkit::route_answer(0, route));
    names(&net.run(), "l3.route_policy_reject", "fw.reject_icmp");
}

#[test]
fn a_host_without_a_route_to_its_server_has_no_route() {
    names(&Net::new("www.example", failing(Reason::NetworkUnreachable)).run(), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn a_router_without_a_route_is_named_by_its_message() {
    let net = Net::new("www.example", |_: &Question| {
        let mut failure = testkit::failure(Phase::Wait, Reason::HostUnreachable, 1);
        failure.icmp = Some(testkit::icmp("192.0.2.1", 3, 1));
        (Err(failure), 1)
    });
    names(&net.run(), "l3.icmp_unreachable", "l3.host_down");
}

#[test]
fn a_dead_first_server_is_named_although_the_second_answers() {
    names(&Net::two("www.example", dead, zone(WWW)).run(), "dns.first_server_dead", "dns.slow_server");
}

#[test]
fn a_dead_second_server_hurts_no_lookup() {
    is_healthy(&Net::two("www.example", zone(WWW), dead).run());
}

#[test]
fn a_first_server_that_fails_at_once_hurts_no_lookup() {
    is_healthy(&Net::two("www.example", code(5), zone(WWW)).run());
    is_healthy(&Net::two("www.example", failing(Reason::Refused), zone(WWW)).run());
}

#[test]
fn servers_that_answer_differently_for_a_balanced_name_are_healthy() {
    let mut net =
        Net::two("www.example", zone(&[("www.example", A, "192.0.2.80")]), zone(&[("www.example", A, "192.0.2.81")]));
    is_healthy(&net.run());
    net.request.port = Some(443);
    net.serving = vec!["192.0.2.80", "192.0.2.81"];
    is_healthy(&net.run());
}

#[test]
fn servers_disagree_where_only_one_answer_serves() {
    let mut net =
        Net::two("www.example", zone(&[("www.example", A, "192.0.2.80")]), zone(&[("www.example", A, "192.0.2.81")]));
    net.request.port = Some(80);
    net.serving = vec!["192.0.2.81"];
    names(&net.run(), "dns.resolver_disagreement", "dns.split_horizon");
}

#[test]
fn a_first_server_that_denies_what_the_second_knows_disagrees_and_is_not_nxdomain() {
    let judgement = Net::two("www.example", zone(&[]), zone(WWW)).run();
    names(&judgement, "dns.resolver_disagreement", "dns.split_horizon");
}

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

#[test]
fn aliases_in_a_circle_are_a_loop() {
    let records = [("a.example", CNAME, "b.example."), ("b.example", CNAME, "a.example.")];
    names(&Net::new("a.example", zone(&records)).run(), "dns.cname_loop", "dns.nodata");
}

#[test]
fn a_circle_that_the_resolver_hides_behind_servfail_is_a_loop() {
    let records = zone(&[("a.example", CNAME, "b.example."), ("b.example", CNAME, "a.example.")]);
    let net = Net::new("a.example", move |q: &Question| if q.qtype == CNAME { records(q) } else { code_with(2, 0) });
    names(&net.run(), "dns.cname_loop", "dns.nodata");
}

fn service(records: &'static [(&'static str, u16, &'static str)]) -> Net<'static> {
    let mut net = Net::new("_http._tcp.www.example", zone(records));
    net.request.qtype = Some(SRV);
    net
}

#[test]
fn a_service_with_resolvable_targets_is_healthy() {
    is_healthy(
        &service(&[("_http._tcp.www.example", SRV, "0 0 80 p1.example."), ("p1.example", A, "192.0.2.1")]).run(),
    );
}

#[test]
fn a_service_target_without_address_dangles() {
    let net = service(&[
        ("_http._tcp.www.example", SRV, "0 0 80 p1.example."),
        ("_http._tcp.www.example", SRV, "0 0 80 p2.example."),
        ("p1.example", A, "192.0.2.1"),
    ]);
    names(&net.run(), "dns.srv_dangling", "dns.srv_missing");
}

#[test]
fn a_missing_service_record_of_an_existing_host_is_named() {
    names(&service(&[("www.example", A, "192.0.2.1")]).run(), "dns.srv_missing", "dns.nxdomain");
}

#[test]
fn a_missing_service_record_of_a_missing_host_is_nxdomain() {
    names(&service(&[]).run(), "dns.nxdomain", "dns.nodata");
}

#[test]
fn a_long_search_list_amplifies() {
    let mut net = Net::new("api.x.example", zone(&[("api.x.example", A, "192.0.2.1")]));
    net.config.search = ["a.local", "b.local", "c.local", "corp.example"].map(str::to_owned).to_vec();
    net.config.ndots = 5;
    names(&net.run(), "dns.ndots_amplification", "dns.slow_server");
}

#[test]
fn two_suffixes_do_not_amplify() {
    let mut net = Net::new("api.x.example", zone(&[("api.x.example", A, "192.0.2.1")]));
    net.config.search = ["a.local", "b.local"].map(str::to_owned).to_vec();
    net.config.ndots = 3;
    is_healthy(&net.run());
}

fn suffixed(wildcard: bool) -> Net<'static> {
    let own = zone(&[("api.x", A, "198.51.100.1"), ("api.x.corp.example", A, "192.0.2.1")]);
    let mut net = Net::new("api.x", move |q: &Question| {
        if wildcard && q.qtype == A && q.name.ends_with(".corp.example") {
            return (Ok(testkit::answer(0, vec![testkit::resource(&q.name, A, "192.0.2.1")])), 1);
        }
        own(q)
    });
    net.config.search = vec!["corp.example".to_owned()];
    net.config.ndots = 3;
    net
}

#[test]
fn a_wildcard_suffix_captures_a_name_that_exists() {
    names(&suffixed(true).run(), "dns.search_capture", "dns.stale_answer");
}

#[test]
fn a_suffixed_name_that_was_created_on_purpose_captures_nothing() {
    is_healthy(&suffixed(false).run());
}

#[test]
fn nsswitch_without_dns_hides_a_name_that_dns_knows() {
    let mut net = Net::new("www.example", zone(WWW));
    net.config.nsswitch_hosts = vec!["files".to_owned()];
    names(&net.run(), "dns.nsswitch_order", "dns.server_unreachable");
}

fn overridden(serving: &[&'static str]) -> Net<'static> {
    let mut net = Net::new("www.example", zone(&WWW[..1]));
    net.config.hosts_addresses = vec!["192.0.2.99".to_owned()];
    net.request.port = Some(80);
    net.serving = serving.to_vec();
    net
}

#[test]
fn a_hosts_line_that_leads_astray_overrides() {
    names(&overridden(&["192.0.2.80"]).run(), "dns.hosts_override", "dns.stale_answer");
}

#[test]
fn a_hosts_line_that_serves_is_healthy() {
    is_healthy(&overridden(&["192.0.2.80", "192.0.2.99"]).run());
}

#[test]
fn a_hosts_line_that_agrees_with_dns_is_healthy_and_dials_nothing() {
    let mut net = overridden(&[]);
    net.config.hosts_addresses = vec!["192.0.2.80".to_owned(), "2001:db8::80".to_owned()];
    assert!(net.case().dials.is_empty());
    is_healthy(&net.run());
}

#[test]
fn a_hosts_line_works_without_any_server() {
    let mut net = Net::new("www.example", dead);
    net.config.hosts_addresses = vec!["192.0.2.80".to_owned()];
    assert_eq!(net.case().asked.len(), 2);
    is_healthy(&net.run());
}

#[test]
fn no_configured_server_is_named() {
    let mut net = Net::new("www.example", failing(Reason::Refused));
    net.config.nameservers.clear();
    names(&net.run(), "dns.no_nameserver", "dns.stub_down");
}

#[test]
fn no_configured_server_is_healthy_where_the_default_one_answers() {
    let mut net = Net::new("www.example", zone(WWW));
    net.config.nameservers.clear();
    is_healthy(&net.run());
}

#[test]
fn queries_that_were_not_granted_say_nothing() {
    let judgement = Net::new("www.example", failing(Reason::Denied("192.0.2.53:53".to_owned()))).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.findings.is_empty());
}

fn host<'a>(server: impl Fn(&Question) -> Reply + 'a) -> Net<'a> {
    let mut net = Net::new("x", server);
    net.request = Request { subject: "this host".to_owned(), name: None, qtype: None, server: None, port: None };
    net
}

#[test]
fn a_host_whose_server_answers_anything_is_healthy() {
    for rcode in [0, 2, 3, 4, 5] {
        is_healthy(&host(code(rcode)).run());
    }
    is_healthy(&host(zone(&[(".", NS, "a.root-servers.net.")])).run());
}

#[test]
fn a_host_whose_server_is_silent_has_an_unreachable_server() {
    names(&host(dead).run(), "dns.server_unreachable", "dns.udp_blocked");
}

#[test]
fn a_host_whose_server_has_no_upstream_is_healthy() {
    is_healthy(&host(|q: &Question| if q.name == "localhost" { code_with(3, 0) } else { dead(q) }).run());
}

#[test]
fn a_host_without_servers_is_no_fault() {
    let mut net = host(dead);
    net.config.nameservers.clear();
    assert_eq!(net.run().outcome.conclusion, Conclusion::Skipped);
}
