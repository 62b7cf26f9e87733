//! This host's own files, and the whole host as a target.

use super::*;

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
