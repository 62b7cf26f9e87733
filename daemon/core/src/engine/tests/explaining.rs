//! Which cause explains which.

use super::*;

#[test]
fn a_dead_neighbour_explains_the_silent_resolver_at_its_address() {
    let below = [
        by("resolve", proof("l2.neighbor_unresolved", "10.0.0.53", &[13])),
        by("resolve", refuted("l3.wrong_netmask", "10.0.0.53", &[14])),
    ];
    let told = diagnosing("https://orders.lab/").found(silent_resolver()).found(below);
    let verdict = told.ended("resolve", Conclusion::Broken).ended("connect", Conclusion::Skipped).verdict();
    assert_eq!(ids(&verdict), ["l2.neighbor_unresolved"]);
    assert_eq!(explained(&verdict), ["dns.server_unreachable"]);
}

#[test]
fn a_dead_neighbour_elsewhere_explains_nothing_about_the_resolver() {
    let below = [proof("l2.neighbor_unresolved", "10.0.0.5", &[13]), refuted("l3.wrong_netmask", "10.0.0.5", &[14])];
    let verdict = diagnosing("https://orders.lab/").at(&["10.0.0.5"]).found(silent_resolver()).found(below).verdict();
    assert_eq!(ids(&verdict), ["dns.server_unreachable", "l2.neighbor_unresolved"]);
}

#[test]
fn a_dead_gateway_explains_the_silence_behind_it() {
    let findings = [
        proof("l2.gateway_unresolved", "10.0.0.1", &[1]),
        refuted("l3.icmp_unreachable", "10.9.0.5:80", &[2]),
        proof("fw.drop_remote", "10.9.0.5:80", &[3]),
        refuted("fw.drop_local_output", "10.9.0.5:80", &[4]),
    ];
    let verdict = diagnosing("10.9.0.5:80").found(findings).verdict();
    assert_eq!(ids(&verdict), ["l2.gateway_unresolved"]);
    assert_eq!(explained(&verdict), ["fw.drop_remote"]);
}

#[test]
fn an_interface_that_is_down_explains_everything_silent() {
    let down = [proof("l2.link_admin_down", "eth0", &[1]), refuted("l2.carrier_lost", "eth0", &[2])];
    let no_route = [proof("l3.no_route", "10.0.0.5:80", &[3]), refuted("l3.icmp_unreachable", "10.0.0.5:80", &[4])];
    let verdict = diagnosing("http://orders.lab/").found(no_route).found(silent_resolver()).found(down).verdict();
    assert_eq!(ids(&verdict), ["l2.link_admin_down"]);
    assert_eq!(explained(&verdict), ["dns.server_unreachable", "l3.no_route"]);
}

#[test]
fn no_outage_explains_an_answer() {
    let lossy = [proof("l2.carrier_lost", "eth1", &[1]), refuted("l2.gateway_unresolved", "eth1", &[2])];
    let expired = [
        by("tls", proof("tls.cert_expired", "orders.lab:443", &[3])),
        by("tls", refuted("host.clock_skew", "orders.lab:443", &[4])),
    ];
    let verdict = diagnosing("https://orders.lab/").found(lossy).found(expired).verdict();
    assert_eq!(ids(&verdict), ["l2.carrier_lost", "tls.cert_expired"]);
}

#[test]
fn a_wrong_clock_explains_the_certificates_it_rejects() {
    let skewed = [
        by("tls", proof("host.clock_skew", "this host", &[1])),
        by("tls", refuted("tls.intermediate_expired", "orders.lab", &[2])),
    ];
    let early = [by("tls", proof("tls.cert_not_yet_valid", "orders.lab:443", &[3]))];
    let separated = [
        refuted("tls.cert_expired", "orders.lab:443", &[5]),
        proof("fw.drop_remote", "10.0.0.9:80", &[6]),
        refuted("fw.drop_local_output", "10.0.0.9:80", &[7]),
    ];
    let verdict = diagnosing("https://orders.lab/").found(skewed).found(early).found(separated).verdict();
    assert_eq!(verdict.state, VerdictState::Fault);
    assert!(ids(&verdict).contains(&"fw.drop_remote"), "a clock drops no packets: {verdict:?}");
}

#[test]
fn what_slows_does_not_explain_what_breaks() {
    let slow = [proof("l3.high_latency", "10.0.0.5", &[1]), refuted("l3.bufferbloat", "10.0.0.5", &[2])];
    let stalled = [
        by("tls", proof("tls.handshake_stall", "10.0.0.5:443", &[3])),
        by("tls", refuted("l3.pmtu_blackhole", "10.0.0.5:443", &[4])),
    ];
    let verdict = diagnosing("tls://10.0.0.5:443").found(slow.clone()).found(stalled).verdict();
    assert_eq!(ids(&verdict), ["tls.handshake_stall", "l3.high_latency"]);
    let late = [
        by("http", proof("http.server_slow", "https://10.0.0.5/", &[5])),
        by("http", refuted("app.not_responding", "https://10.0.0.5/", &[6])),
    ];
    let verdict = diagnosing("https://10.0.0.5/").found(slow).found(late).verdict();
    assert_eq!(ids(&verdict), ["l3.high_latency"]);
    assert_eq!(explained(&verdict), ["http.server_slow"]);
}

#[test]
fn a_wrong_address_explains_what_fails_there() {
    let stale = [
        by("resolve", proof("dns.stale_answer", "orders.lab", &[1])),
        by("resolve", refuted("dns.split_horizon", "orders.lab", &[2])),
    ];
    let dead = [proof("l2.neighbor_unresolved", "10.0.0.5", &[3]), refuted("l3.wrong_netmask", "10.0.0.5", &[4])];
    let verdict = diagnosing("http://orders.lab/").at(&["10.0.0.5"]).found(dead).found(stale).verdict();
    assert_eq!(ids(&verdict), ["dns.stale_answer"]);
    assert_eq!(explained(&verdict), ["l2.neighbor_unresolved"]);
}

#[test]
fn a_dead_first_server_does_not_explain_a_closed_port_and_comes_behind_it() {
    let dead = [
        by("resolve", proof("dns.first_server_dead", "10.0.0.53", &[11])),
        by("resolve", refuted("dns.slow_server", "10.0.0.54", &[12])),
    ];
    let told = diagnosing("http://orders.lab/").at(&["10.0.0.5"]).found(dead).found(closed_port());
    let verdict = told.ended("resolve", Conclusion::Works).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["tcp.port_closed", "dns.first_server_dead"]);
}

#[test]
fn a_stopped_process_explains_its_full_queue() {
    let stopped = [proof("host.process_stopped", "nginx (pid 12)", &[1]), refuted("app.not_responding", ":80", &[2])];
    let full = [proof("tcp.accept_queue_overflow", ":80", &[3]), refuted("tcp.syn_queue_full", ":80", &[4])];
    let verdict = diagnosing(":80").found(full).found(stopped).verdict();
    assert_eq!(ids(&verdict), ["host.process_stopped"]);
    assert_eq!(explained(&verdict), ["tcp.accept_queue_overflow"]);
}

#[test]
fn a_chain_of_explanations_ends_at_its_root() {
    let link = [proof("l2.link_admin_down", "eth0", &[1]), refuted("l2.carrier_lost", "eth0", &[2])];
    let gone = [proof("fw.drop_remote", "10.0.0.5:80", &[3]), refuted("fw.drop_local_output", "10.0.0.5:80", &[4])];
    let hung = [
        by("http", proof("app.not_responding", "10.0.0.5:80", &[5])),
        by("http", refuted("host.fd_process_limit", "10.0.0.5:80", &[6])),
    ];
    let verdict = diagnosing("http://10.0.0.5/").found(hung).found(gone).found(link).verdict();
    assert_eq!(ids(&verdict), ["l2.link_admin_down"]);
    assert_eq!(explained(&verdict), ["app.not_responding", "fw.drop_remote"]);
}

#[test]
fn another_listeners_fault_ranks_below_the_targets_own() {
    let other = [proof("tcp.accept_queue_overflow", ":90", &[1]), refuted("tcp.syn_queue_full", ":90", &[2])];
    let own = [proof("app.not_responding", ":80", &[3]), refuted("host.process_stopped", ":80", &[4])];
    let verdict = diagnosing(":80").found(other).found(own).ended("listener", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["app.not_responding", "tcp.accept_queue_overflow"]);
}

#[test]
fn another_listeners_fault_leaves_a_working_target_healthy() {
    let other = [proof("tcp.accept_queue_overflow", ":90", &[1]), refuted("tcp.syn_queue_full", ":90", &[2])];
    let verdict = diagnosing(":80").found(other).ended("listener", Conclusion::Works).verdict();
    assert_eq!((verdict.state, verdict.causes.len()), (VerdictState::Healthy, 0));
}

#[test]
fn two_listeners_with_one_fault_are_one_cause_with_two_objects() {
    let findings = [
        proof("tcp.accept_queue_overflow", ":80", &[1]),
        refuted("tcp.syn_queue_full", ":80", &[2]),
        proof("tcp.accept_queue_overflow", ":90", &[3]),
        refuted("tcp.syn_queue_full", ":90", &[4]),
    ];
    let verdict = diagnosing("host").found(findings).verdict();
    assert_eq!(ids(&verdict), ["tcp.accept_queue_overflow"]);
    assert_eq!(verdict.causes[0].culprit.object, ":80, :90");
}

#[test]
fn rivals_named_about_one_subject_lower_each_other() {
    let rivals = [
        proof("tls.self_signed", "orders.lab:443", &[1]),
        proof("tls.unknown_ca", "orders.lab:443", &[2]),
        refuted("tls.chain_incomplete", "orders.lab:443", &[3]),
    ];
    let verdict = diagnosing("https://orders.lab/").found(rivals).verdict();
    let unknown = verdict.causes.iter().find(|cause| cause.cause == id("tls.unknown_ca")).expect("named");
    assert_eq!(permille(unknown.confidence), 900, "self_signed itself is not named");
    let both = [
        proof("tls.version_mismatch", "orders.lab:443", &[1]),
        refuted("tls.alpn_mismatch", "orders.lab:443", &[4]),
        proof("tls.cipher_mismatch", "orders.lab:443", &[2]),
        refuted("tls.weak_key", "orders.lab:443", &[5]),
    ];
    let verdict = diagnosing("https://orders.lab/").found(both).verdict();
    assert_eq!(verdict.causes.iter().map(|cause| permille(cause.confidence)).collect::<Vec<_>>(), [750, 750]);
}
