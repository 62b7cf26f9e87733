//! What is said of the name: it exists, it does not, it leads elsewhere, a search list changes it.

use super::*;

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
