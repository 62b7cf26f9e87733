//! Names of a Kubernetes cluster that the resolver of this host cannot know, or that no pod stands behind yet.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::{called, ids};
use crate::case::{Asked, Case};
use crate::names;

/// A name of a cluster does not exist: because the wrong resolver was asked, or because no pod is ready?
pub(super) fn absent(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    if !is_service(name) {
        return Vec::new();
    }
    let negative: Vec<&Asked> = case.of_server(server).filter(|asked| asked.answer().is_some()).collect();
    if case.config.manager.dns_policy.as_deref() == Some("Default") {
        return vec![
            supports("dns.hostnetwork_policy")
                .proof()
                .about(&case.subject)
                .because(format!(
                    "{} is a name of the cluster, but this pod uses its node's resolver ({}): {}",
                    case.subject, case.servers[server], case.config.manager.because
                ))
                .citing([case.config.evidence])
                .build(),
            refutes("dns.server_unreachable")
                .proof()
                .about(&case.servers[server])
                .because(format!("{} answers; it does not know the cluster's names", called(case, server)))
                .citing(ids(negative))
                .build(),
        ];
    }
    if names::dots(name) < 2 || case.config.manager.dns_policy.is_none() {
        return Vec::new();
    }
    // Whether the service is headless and without ready pods, or absent, only the cluster's API knows.
    vec![
        supports("dns.headless_not_ready")
            .about(name)
            .because(format!("{name} is a service's name; a headless service without a ready pod has no address"))
            .citing(ids(negative))
            .build(),
    ]
}

/// `NAME.NAMESPACE.svc` with or without the cluster's domain behind it.
fn is_service(name: &str) -> bool {
    name.trim_end_matches('.').split('.').skip(1).any(|label| label.eq_ignore_ascii_case("svc"))
}

/// The server is a node-local cache, and it is the one that is silent.
pub(super) fn node_local(case: &Case, server: usize, failed: &[&Asked]) -> Vec<Finding> {
    if !case.config.manager.node_local || server != 0 {
        return Vec::new();
    }
    let answering: Vec<&Asked> = (1..case.servers.len())
        .flat_map(|other| case.of_server(other))
        .filter(|asked| asked.answer().is_some())
        .collect();
    let support = supports("k8s.nodelocal_dns_down")
        .about(&case.servers[server])
        .because(format!("the node-local DNS cache {} does not answer", case.servers[server]))
        .citing(ids(failed.iter().copied()));
    if answering.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(&case.servers[server])
            .because("the next server, the cluster's DNS itself, answers")
            .citing(ids(answering))
            .build(),
    ]
}

#[cfg(test)]
mod tests {
    use super::is_service;

    #[test]
    fn services_are_told_by_their_label() {
        assert!(is_service("orders.shop.svc"));
        assert!(is_service("orders.shop.svc.cluster.local."));
        assert!(!is_service("svc.example"));
        assert!(!is_service("orders.example"));
    }
}
