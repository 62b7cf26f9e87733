//! Names of a Kubernetes cluster: what only its API could prove, with what to ask it.

use sonde_sdk::finding::supports;
use sonde_sdk::report::Stance;

use super::Case;

/// Adds the cluster's own explanations to a failing service address. They stay candidates.
pub(super) fn suspect<'a>(case: Case<'a>, host: Option<&str>) -> Case<'a> {
    let Some((service, namespace)) = host.and_then(service) else { return case };
    let says = |cause: &str| case.told.findings.iter().any(|f| f.stance == Stance::Supports && f.cause == cause);
    let endpoints = format!("kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={service}");
    let (candidates, next): (&[(&str, &str)], String) = if says("fw.reject_icmp") {
        (&[("k8s.service_no_endpoints", "a service without endpoints is rejected with ICMP")], endpoints)
    } else if says("tcp.port_closed") {
        (
            &[("k8s.target_port_mismatch", "a target port that the pod does not listen on is refused")],
            format!("{endpoints} -o yaml, and compare its ports with those the pods listen on"),
        )
    } else if says("fw.drop_remote") {
        (
            &[
                ("k8s.netpol_drop", "a network policy drops without a word"),
                ("k8s.service_no_endpoints", "a service without endpoints may be dropped"),
            ],
            format!("kubectl -n {namespace} get networkpolicies, and {endpoints}"),
        )
    } else {
        return case;
    };
    let dials: Vec<_> = case.path.dials.iter().map(|d| d.evidence).collect();
    let case = candidates
        .iter()
        .fold(case, |case, (cause, why)| case.with(supports(cause).because(why).citing(dials.iter().copied())));
    case.next(format!("run `{next}`"))
}

/// Service and namespace of `web.shop.svc`, `web.shop.svc.cluster.local`.
fn service(host: &str) -> Option<(&str, &str)> {
    let mut labels = host.trim_end_matches('.').split('.');
    let (service, namespace) = (labels.next()?, labels.next()?);
    (labels.next() == Some("svc") && !service.is_empty() && !namespace.is_empty()).then_some((service, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_services_have_a_service() {
        assert_eq!(service("web.shop.svc"), Some(("web", "shop")));
        assert_eq!(service("web.shop.svc.cluster.local."), Some(("web", "shop")));
        for other in ["web", "web.shop", "svc.example.org", "shop.svc", "10.96.0.10"] {
            assert_eq!(service(other), None, "{other}");
        }
    }
}
