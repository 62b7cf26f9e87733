//! Asking every server of one zone the same three things at one time: the name, the zone's SOA, the zone's NS.

use std::net::IpAddr;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RData, RecordType};
use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{Lameness, WalkServer};

use super::ask::{Asker, Reply, text};
use super::judge;

/// Addresses asked per zone: 13 names in two families, and a few more.
pub(super) const MOST_ADDRESSES: usize = 32;

/// A server to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Of the NS record; absent where only an address is known (root servers that the caller named).
    pub(super) name: Option<Name>,
    pub(super) endpoint: Endpoint,
}

/// One server and what it said.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) server: Server,
    /// To the walk's own question.
    pub(super) name: Reply,
    pub(super) soa: Reply,
    pub(super) ns: Reply,
    pub(super) lameness: Lameness,
}

/// Asks all of `servers`; those that could not be asked before the walk's end are left out.
pub(super) async fn survey(
    asker: &Asker<'_>,
    zone: &Name,
    servers: &[Server],
    name: &Name,
    rtype: RecordType,
) -> Vec<Survey> {
    let all = servers.iter().take(MOST_ADDRESSES).map(|server| one(asker, zone, server, name, rtype));
    join_all(all).await.into_iter().flatten().collect()
}

async fn one(asker: &Asker<'_>, zone: &Name, server: &Server, qname: &Name, qtype: RecordType) -> Option<Survey> {
    let ask = |name, rtype| asker.ask(server.endpoint, name, rtype);
    let (mut name, mut soa, ns) =
        futures_util::join!(ask(qname, qtype), ask(zone, RecordType::SOA), ask(zone, RecordType::NS));
    // A lost datagram is not silence: where one answer came, what did not come is asked for once more.
    let answered = [&name, &soa, &ns].into_iter().any(|reply| reply.message.is_some());
    if answered {
        for (reply, of, rtype) in [(&mut name, qname, qtype), (&mut soa, zone, RecordType::SOA)] {
            if reply.message.is_none() {
                let again = ask(of, rtype).await;
                if again.outcome.is_some() {
                    *reply = again;
                }
            }
        }
    }
    if !answered && [&name, &soa].into_iter().any(|reply| reply.outcome.is_none()) {
        return None;
    }
    let lameness = judge::lameness(zone, &name, &soa);
    Some(Survey { server: server.clone(), name, soa, ns, lameness })
}

impl Survey {
    /// Whether it can be asked further: it serves the zone, or at least refers downwards.
    pub(super) fn usable(&self, zone: &Name) -> bool {
        self.lameness == Lameness::None || judge::referral(zone, &self.name).is_some()
    }

    pub(super) fn serial(&self) -> Option<u32> {
        self.soa.message.as_ref()?.answers.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        })
    }

    /// For people: `ns1.example. (192.0.2.1)`.
    pub(super) fn who(&self) -> String {
        let address = self.server.endpoint.address;
        match &self.server.name {
            Some(name) => format!("{} ({address})", text(name)),
            None => address.to_string(),
        }
    }

    pub(super) fn record(&self) -> WalkServer {
        let address = self.server.endpoint.address;
        WalkServer {
            name: self.server.name.as_ref().map_or_else(|| address.to_string(), text),
            address: Some(address),
            lameness: self.lameness,
            elapsed: self.name.elapsed,
            outcome: self.name.outcome.clone(),
            serial: self.serial().filter(|_| self.lameness == Lameness::None),
        }
    }
}

/// A server whose name leads nowhere.
pub(super) fn without_address(name: &Name) -> WalkServer {
    WalkServer {
        name: text(name),
        address: None,
        lameness: Lameness::NoAddress,
        elapsed: std::time::Duration::ZERO,
        outcome: None,
        serial: None,
    }
}

/// Adds the servers at these addresses, each address once.
pub(super) fn add(
    servers: &mut Vec<Server>,
    asker: &Asker<'_>,
    name: &Name,
    addresses: impl IntoIterator<Item = IpAddr>,
) {
    for endpoint in addresses.into_iter().filter_map(|address| asker.endpoint(address)) {
        if !servers.iter().any(|server| server.endpoint == endpoint) {
            servers.push(Server { name: Some(name.clone()), endpoint });
        }
    }
}
