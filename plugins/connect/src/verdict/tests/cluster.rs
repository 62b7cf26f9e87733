//! Services of a cluster: candidates that only its API could prove.

use super::*;

fn named(path: Path, host: &str) -> Observations {
    Observations { host: Some(host.to_owned()), ..seen(vec![path]) }
}

#[test]
fn a_rejected_service_address_says_what_to_ask_the_cluster() {
    let rejected = |n| with_icmp(failing(n, Reason::Refused), "198.51.100.1", 3, 3);
    let judgement = judge(&named(path(vec![rejected(1), rejected(2)]), "web.shop.svc.cluster.local"));
    assert_proven(&judgement, "fw.reject_icmp", "tcp.port_closed");
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["fw.reject_icmp", "k8s.service_no_endpoints"]);
    let next = judgement.outcome.next_step.expect("a next step");
    assert!(next.contains("kubectl -n shop get endpointslices") && next.contains("service-name=web"), "{next}");
}

#[test]
fn a_silent_service_address_may_be_a_policy() {
    let judgement = judge(&named(path(silent_twice()), "web.shop.svc"));
    assert_undecided(&judgement);
    assert!(supported(&judgement.findings, Strength::Weak).contains(&"k8s.netpol_drop"), "{judgement:#?}");
    assert!(judgement.outcome.next_step.is_some_and(|next| next.contains("networkpolicies")));
}

#[test]
fn an_ordinary_name_gets_no_advice_for_a_cluster() {
    let judgement = judge(&named(path(silent_twice()), "web.example.org"));
    assert!(judgement.findings.iter().all(|f| !f.cause.starts_with("k8s.")), "{judgement:#?}");
}
