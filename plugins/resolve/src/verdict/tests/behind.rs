//! What hides behind a server or a name: forwarders, search domains, long chains, replies from elsewhere, clusters.

use sonde_sdk::dns::qtype::CNAME;
use sonde_sdk::dns::{Stray, StrayKind};
use sonde_sdk::types::Endpoint;

use super::*;

const SERVFAIL: u16 = 2;
const REFUSED: u16 = 5;

#[test]
fn a_forwarder_that_leads_back_to_itself_is_a_loop() {
    let mut net = Net::new("www.example", code(SERVFAIL));
    net.forwards = vec![("192.0.2.53", "192.0.2.53")];
    names(&net.run(), "dns.forward_loop", "dns.server_unreachable");
}

#[test]
fn two_forwarders_that_lead_to_each_other_are_a_loop() {
    let mut net = Net::new("www.example", code(SERVFAIL));
    net.forwards = vec![("192.0.2.53", "192.0.2.54"), ("192.0.2.54", "192.0.2.53")];
    names(&net.run(), "dns.forward_loop", "dns.server_unreachable");
}

#[test]
fn a_remote_resolver_that_fails_behind_no_circle_is_an_upstream_failure() {
    let mut net = Net::new("www.example", code(SERVFAIL));
    net.forwards = vec![("192.0.2.53", "192.0.2.54")];
    names(&net.run(), "dns.servfail_upstream", "dns.dnssec_bogus");
}

#[test]
fn a_local_stub_whose_upstream_is_silent_is_not_to_blame() {
    let mut net = Net::new("www.example", code(SERVFAIL));
    net.config = testkit::resolver_config(0, &["127.0.0.53"]);
    net.forwards = vec![("127.0.0.53", "192.0.2.54")];
    names(&net.run(), "dns.stub_upstream_dead", "dns.resolved_degraded");
}

#[test]
fn a_local_stub_that_fails_before_a_working_upstream_is_to_blame() {
    let mut net = Net::new("www.example", code(SERVFAIL));
    net.config = testkit::resolver_config(0, &["127.0.0.53"]);
    net.forwards = vec![("127.0.0.53", "192.0.2.54")];
    net.works_behind = vec!["192.0.2.54"];
    names(&net.run(), "dns.resolved_degraded", "dns.stub_upstream_dead");
}

#[test]
fn a_silent_search_domain_is_told_from_a_dead_server_by_the_name_as_written() {
    let answers = zone(WWW);
    let mut net = Net::new("www.example", move |question: &Question| {
        if question.name.ends_with(".corp.test") { (Err(silence(1)), 60_000) } else { answers(question) }
    });
    net.config.search = vec!["corp.test".to_owned()];
    net.config.ndots = 5;
    let judgement = net.run();
    names(&judgement, "dns.search_slow", "dns.first_server_dead");
    assert!(refuted(&judgement.findings).contains(&"dns.server_unreachable"));
}

#[test]
fn a_chain_of_aliases_that_the_resolver_gives_up_on_is_too_long() {
    let link = |n: usize| format!("a{n}.example");
    let net = Net::new("a0.example", move |question: &Question| {
        let at: usize = question.name[1..].split('.').next().and_then(|n| n.parse().ok()).unwrap_or(99);
        match question.qtype {
            CNAME if at < 14 => (Ok(testkit::answer(0, vec![testkit::resource(&link(at), CNAME, &link(at + 1))])), 1),
            CNAME => (Ok(testkit::answer(0, vec![])), 1),
            _ if at < 5 => (Ok(testkit::answer(SERVFAIL, vec![])), 1),
            _ => {
                let mut records: Vec<_> = (at..14).map(|n| testkit::resource(&link(n), CNAME, &link(n + 1))).collect();
                records.push(testkit::resource("a14.example", question.qtype, "192.0.2.80"));
                (Ok(testkit::answer(0, records)), 1)
            }
        }
    });
    names(&net.run(), "dns.cname_chain_too_long", "dns.servfail_upstream");
}

#[test]
fn replies_from_another_address_are_named_before_silence() {
    let net = Net::new("www.example", dead);
    let mut case = net.case();
    for asked in case.asked.iter_mut().filter(|asked| asked.question.variant == Variant::Udp) {
        asked.exchange.strays = vec![Stray {
            at_us: 10,
            kind: StrayKind::WrongSource,
            from: Endpoint::new("192.0.2.99", 53),
            size_bytes: 60,
            answer: None,
        }];
    }
    names(&super::super::judge(&case), "dns.wrong_source", "dns.server_unreachable");
}

#[test]
fn a_name_of_the_cluster_asked_of_the_nodes_resolver_is_the_pods_policy() {
    let mut net = Net::new("orders.shop.svc", zone(&[]));
    net.config.manager.dns_policy = Some("Default".to_owned());
    names(&net.run(), "dns.hostnetwork_policy", "dns.server_unreachable");
    net.config.manager.dns_policy = None;
    names(&net.run(), "dns.nxdomain", "dns.nodata");
}

#[test]
fn a_silent_node_local_cache_is_named_where_the_next_server_answers() {
    let mut net = Net::two("www.example", dead, zone(WWW));
    net.config.manager.node_local = true;
    let judgement = net.run();
    assert!(supported(&judgement.findings, Strength::Strong).contains(&"dns.first_server_dead"), "{judgement:#?}");
}

#[test]
fn a_first_answer_over_the_budget_of_its_place_is_a_hint_and_no_fault() {
    let answers = zone(WWW);
    let first = Cell::new(true);
    let mut net = Net::new("www.example", move |question: &Question| {
        let late = first.replace(false);
        (answers(question).0, if late { 700 } else { 1 })
    });
    net.config = testkit::resolver_config(0, &["127.0.0.53"]);
    let judgement = net.run();
    is_healthy(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["dns.slow_server"]);

    let case = net.case();
    assert_eq!(case.budget(0), ("in-cluster", 300_000));
}

#[test]
fn a_local_stub_that_refuses_before_a_working_upstream_is_to_blame() {
    let mut net = Net::new("www.example", code(REFUSED));
    net.config = testkit::resolver_config(0, &["127.0.0.53"]);
    net.forwards = vec![("127.0.0.53", "192.0.2.54")];
    net.works_behind = vec!["192.0.2.54"];
    names(&net.run(), "dns.resolved_degraded", "dns.stub_upstream_dead");
}
