//! Facts of this host as spans: what was read, and how much of it there was.

mod machine;

use opentelemetry::KeyValue;
use sonde_core::observation::Call;
use sonde_core::observation::history::{Numbers, Recording, Request};

use super::{Plan, network_type};

pub(super) fn of(mut own: Plan, call: &Call) -> Plan {
    own.name = match call {
        Call::DnsConfig { request, answer } => {
            own.attributes.extend(request.name.iter().map(|name| KeyValue::new("dns.question.name", name.clone())));
            own.attributes.push(count(answer.nameservers.len()));
            "read resolver configuration".into()
        }
        Call::Listeners { port, answer } => {
            own.attributes.extend(port.map(|port| KeyValue::new("network.local.port", i64::from(port))));
            own.attributes.extend(answer.as_ref().ok().map(|listeners| count(listeners.len())));
            "list listeners".into()
        }
        Call::Census { answer, .. } => {
            let total = answer.as_ref().ok().map(|census| i64::try_from(census.total).unwrap_or(i64::MAX));
            own.attributes.extend(total.map(|total| KeyValue::new("sonde.count", total)));
            "count sockets".into()
        }
        Call::Find { answer, .. } => {
            let total = answer.as_ref().ok().map(|found| i64::try_from(found.total).unwrap_or(i64::MAX));
            own.attributes.extend(total.map(|total| KeyValue::new("sonde.count", total)));
            "find sockets".into()
        }
        Call::Counters { answer, .. } => {
            own.attributes.extend(answer.as_ref().ok().map(|counters| count(counters.counters.len())));
            "read counters".into()
        }
        Call::Conntrack { flow, answer } => {
            if let Ok(Some(tracked)) = answer {
                own.attributes.push(KeyValue::new("sonde.conntrack.reply", tracked.reply.to_string()));
                own.attributes.extend(tracked.state.clone().map(|state| KeyValue::new("sonde.conntrack.state", state)));
            }
            format!("conntrack lookup {}", flow.tuple.destination).into()
        }
        Call::RouteTo { address, answer } => {
            own.attributes.push(KeyValue::new("network.type", network_type(*address)));
            if let Ok(route) = answer {
                own.attributes.push(KeyValue::new("sonde.route.kind", format!("{:?}", route.kind).to_lowercase()));
                own.attributes.extend(route.gateway.map(|via| KeyValue::new("sonde.route.gateway", via.to_string())));
                let device = route.device.clone();
                own.attributes.extend(device.map(|device| KeyValue::new("network.interface.name", device)));
            }
            format!("route lookup {address}").into()
        }
        Call::DefaultRoutes { answer } => {
            own.attributes.extend(answer.as_ref().ok().map(|routes| count(routes.len())));
            "list default routes".into()
        }
        Call::Neighbour { address, answer } => {
            if let Ok(neighbour) = answer {
                own.attributes.push(KeyValue::new("sonde.neighbour.state", neighbour.state.clone()));
                own.attributes.push(KeyValue::new("network.interface.name", neighbour.device.clone()));
            }
            format!("neighbour lookup {address}").into()
        }
        Call::Links { answer } => {
            own.attributes.extend(answer.as_ref().ok().map(|links| count(links.len())));
            "list links".into()
        }
        Call::Clock { answer } => {
            let synchronised = answer.as_ref().ok().map(|clock| clock.synchronised);
            own.attributes.extend(synchronised.map(|known| KeyValue::new("sonde.clock.synchronised", known)));
            "read clock state".into()
        }
        Call::Arp { towards, answer } => {
            let claims = answer.as_deref().unwrap_or_default().iter().map(|question| question.claims.len()).sum();
            own.attributes.push(count(claims));
            towards.map_or_else(|| "ARP for own addresses".into(), |towards| format!("ARP towards {towards}").into())
        }
        Call::Proxies { answer, .. } => {
            own.attributes.extend(answer.as_ref().ok().map(|variables| count(variables.len())));
            "read proxy variables".into()
        }
        Call::Rules { .. }
        | Call::Routes { .. }
        | Call::Neighbours { .. }
        | Call::Sysctls { .. }
        | Call::Process { .. }
        | Call::Environment { .. }
        | Call::Cgroup { .. }
        | Call::Host { .. } => machine::name(&mut own.attributes, call),
        Call::History { request, answer } => recalled(&mut own.attributes, request, answer.as_ref().ok()).into(),
        Call::Rejected { function, .. } => format!("rejected {function}").into(),
        // The network's own, handled beside this module.
        Call::DnsQuery { .. }
        | Call::DnsResolve { .. }
        | Call::DnsWalk { .. }
        | Call::DialTcp { .. }
        | Call::DialTcpSeries { .. }
        | Call::DialTls { .. }
        | Call::DialTlsHello { .. }
        | Call::DialHttp { .. }
        | Call::DialUdp { .. }
        | Call::Trace { .. }
        | Call::PathMtu { .. }
        | Call::Echo { .. } => "host call".into(),
    };
    match call.failure() {
        Some(failure) => own.failed_by(failure),
        None => own,
    }
}

fn count(count: usize) -> KeyValue {
    KeyValue::new("sonde.count", i64::try_from(count).unwrap_or(i64::MAX))
}

/// What was asked of the recorder, and of how long a time.
fn recalled(attributes: &mut Vec<KeyValue>, request: &Request, recording: Option<&Recording>) -> &'static str {
    attributes.extend(recording.map(|recording| count(recording.series.len())));
    let length = i64::try_from(request.period.length().as_secs()).unwrap_or(i64::MAX);
    attributes.push(KeyValue::new("sonde.history.seconds", length));
    match request.of {
        Numbers::Counters { .. } => "recall counters",
        Numbers::Sockets { .. } => "recall sockets",
        Numbers::Listeners { .. } => "recall listeners",
    }
}
