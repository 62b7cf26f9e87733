//! The fault lab: every scenario names its cause, and none does when the fault is left out.
//!
//! `SONDE_LAB_SEED` changes addresses, ports and names; `SONDE_LAB_ONLY` keeps the scenarios whose name contains it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Mutex;

use sonde_tests::binaries::can_make_namespaces;
use sonde_tests::lab::scenario::{self, Scenario};
use sonde_tests::lab::trial::{Answer, complaint, diagnose};

/// Trials mostly wait for the network, so more of them than cores run at once.
const TRIALS_AT_ONCE: usize = 4;

#[test]
fn every_scenario_gets_the_verdict_it_deserves() {
    if !can_make_namespaces() {
        return;
    }
    let failures = over_all(true, complaint);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn with_its_fault_left_out_no_scenario_names_its_cause() {
    if !can_make_namespaces() {
        return;
    }
    let failures = over_all(false, |scenario, answer| {
        let cause = scenario.cause.as_ref()?;
        answer.named.contains(cause).then(|| format!("named {cause} although nothing was injected"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn each_decided_cause_has_a_scenario_and_a_look_alike() {
    let all = scenarios();
    let caused: BTreeSet<_> = all.iter().filter_map(|s| s.cause.as_deref()).collect();
    let looked_like: BTreeSet<_> = all.iter().flat_map(|s| &s.never).map(String::as_str).collect();
    let missing: Vec<_> = DECIDED.iter().filter(|id| !caused.contains(*id) || !looked_like.contains(*id)).collect();
    assert!(missing.is_empty(), "without a scenario or without a look-alike: {missing:?}");
    assert!(all.iter().filter(|s| s.healthy).count() >= 3);
}

#[test]
fn scenario_names_are_unique_sentences() {
    let mut seen = BTreeMap::new();
    for scenario in scenarios() {
        *seen.entry(scenario.name).or_insert(0) += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(name, n)| **n > 1 || name.split(' ').count() < 4).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn over_all(inject: bool, judge: impl Fn(&Scenario, &Answer) -> Option<String> + Sync) -> Vec<String> {
    let seed: u64 = std::env::var("SONDE_LAB_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let queue: Mutex<VecDeque<_>> = Mutex::new(scenarios().into_iter().enumerate().collect());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..TRIALS_AT_ONCE {
            scope.spawn(|| {
                while let Some((i, scenario)) = pop(&queue) {
                    let seed = seed.wrapping_mul(1000) + u64::try_from(i).unwrap_or(0);
                    let failed = match diagnose(&scenario, seed, inject) {
                        Ok(answer) => judge(&scenario, &answer).map(|c| format!("{c}\n{}", answer.output)),
                        Err(error) => Some(format!("the lab failed: {error:?}")),
                    };
                    if let (Some(text), Ok(mut failures)) = (failed, failures.lock()) {
                        failures.push(format!("FAILED: {}: {text}", scenario.name));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn pop<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().ok()?.pop_front()
}

fn scenarios() -> Vec<Scenario> {
    let only = std::env::var("SONDE_LAB_ONLY").unwrap_or_default();
    let all = scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("lab")).expect("the scenarios parse");
    all.into_iter().filter(|s| s.name.contains(&only)).collect()
}

/// The causes that the built-in checks promise to decide.
const DECIDED: [&str; 125] = [
    "dns.nxdomain",
    "dns.nodata",
    "dns.servfail_upstream",
    "dns.refused",
    "dns.server_unreachable",
    "dns.server_port_closed",
    "dns.first_server_dead",
    "dns.stale_answer",
    "dns.split_horizon",
    "dns.wildcard_hijack",
    "dns.lame_delegation",
    "dns.delegation_unreachable",
    "dns.cname_loop",
    "dns.cname_chain_too_long",
    "dns.no_nameserver",
    "dns.stub_down",
    "dns.stub_upstream_dead",
    "dns.resolved_degraded",
    "dns.nsswitch_order",
    "dns.hosts_override",
    "dns.forward_loop",
    "dns.search_slow",
    "dns.search_capture",
    "dns.ndots_amplification",
    "dns.srv_dangling",
    "dns.srv_missing",
    "dns.wrong_source",
    "dns.edns_blocked",
    "dns.aaaa_dropped",
    "dns.udp_blocked",
    "dns.tc_tcp_blocked",
    "dns.fragment_dropped",
    "dns.dnssec_expired",
    "dns.dnssec_bogus",
    "l3.no_route",
    "l2.neighbor_unresolved",
    "l2.gateway_unresolved",
    "l3.icmp_unreachable",
    "l3.host_down",
    "tcp.port_closed",
    "fw.drop_remote",
    "fw.drop_local_output",
    "fw.reject_icmp",
    "l2.address_conflict",
    "l2.carrier_lost",
    "l2.link_admin_down",
    "l3.asymmetric_source",
    "l3.fallback_budget",
    "l3.ipv6_blackhole",
    "l3.packet_loss",
    "l3.rp_filter_drop",
    "l3.bufferbloat",
    "l3.high_latency",
    "l3.ipv6_no_route",
    "l3.pmtu_blackhole",
    "l3.return_path_drop",
    "l3.route_blackhole",
    "l3.route_policy_reject",
    "l3.routing_loop",
    "fw.drop_local_input",
    "fw.dpi_reset",
    "nf.invalid_drop",
    "nf.conntrack_full",
    "lb.backend_refused",
    "lb.backend_blackholed",
    "lb.backend_erroring",
    "tcp.accept_queue_overflow",
    "tcp.listen_wrong_addr",
    "tcp.close_wait_leak",
    "tcp.rst_linger0",
    "tcp.rst_unread_data",
    "tcp.syn_backlog_sysctl",
    "tcp.syn_flood",
    "tcp.syn_queue_full",
    "tcp.timewait_storm",
    "tcp.established_blackhole",
    "tcp.fin_wait_stuck",
    "tcp.peer_zero_window",
    "tcp.small_window",
    "tcp.timewait_overflow",
    "tls.version_mismatch",
    "tls.cipher_mismatch",
    "tls.alpn_mismatch",
    "tls.client_cert_required",
    "tls.chain_incomplete",
    "tls.intermediate_expired",
    "tls.revoked",
    "tls.sni_required",
    "tls.default_cert_served",
    "tls.large_hello",
    "tls.cert_expired",
    "tls.cert_not_yet_valid",
    "tls.name_mismatch",
    "tls.unknown_ca",
    "tls.self_signed",
    "tls.plaintext_peer",
    "tls.handshake_stall",
    "tls.weak_key",
    "http.unauthorized",
    "http.not_found",
    "http.rate_limited",
    "http.server_error",
    "http.bad_gateway",
    "http.unavailable",
    "http.gateway_timeout",
    "http.server_slow",
    "http.empty_reply",
    "http.h2_stream_limit",
    "http.header_too_large",
    "http.keepalive_race",
    "http.lb_idle_timeout",
    "http.not_http",
    "http.proxy_env",
    "http.redirect_loop",
    "http.tls_required",
    "http.truncated_body",
    "app.deadline_budget",
    "app.not_responding",
    "host.cpu_throttle",
    "host.ephemeral_ports_connect",
    "host.fd_process_limit",
    "host.process_stopped",
    "k8s.nodelocal_dns_down",
    "udp.port_closed",
    "udp.rcvbuf_overflow",
];
