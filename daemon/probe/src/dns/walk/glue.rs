//! The addresses of name servers: glue where the parent may give it, else found from the roots, with a memory within one walk.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, RecordType};
use sonde_core::observation::Endpoint;

use super::ask::{Asker, Reply, text};
use super::judge;

/// A name server's name may need another's address, whose name needs another's: deeper, resolvers give up, too.
const DEEPEST: usize = 4;

/// Zones between the root and a name server's address.
const MOST_ZONES: usize = 12;

/// Servers of one zone asked at one time, the first useful answer counting.
const RACING: usize = 3;

/// Names whose addresses are kept.
const MOST_NAMES: usize = 256;

/// What is known of a server's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Addresses(Vec<IpAddr>),
    /// RFC 2181 section 10.3 forbids it, and resolvers give up.
    Alias(Name),
    /// It has none, or none that can be reached.
    Nothing(String),
    /// It could not be told.
    Unknown(String),
}

/// Delegations and addresses met so far.
#[derive(Debug)]
pub(super) struct Memory {
    names: HashMap<Name, Found>,
    zones: HashMap<Name, Vec<Endpoint>>,
}

impl Memory {
    pub(super) fn new(roots: Vec<Endpoint>) -> Self {
        Self { names: HashMap::new(), zones: HashMap::from([(Name::root(), roots)]) }
    }

    /// Servers that are known to serve `zone`.
    pub(super) fn remember(&mut self, zone: &Name, servers: Vec<Endpoint>) {
        if !servers.is_empty() {
            self.zones.insert(zone.clone(), servers);
        }
    }

    /// The addresses of `name`, asked for from the deepest known zone above it.
    pub(super) fn resolve<'f>(
        &'f mut self,
        asker: &'f Asker<'_>,
        name: &'f Name,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Found> + Send + 'f>> {
        Box::pin(async move {
            if let Some(found) = self.names.get(name) {
                return found.clone();
            }
            if depth >= DEEPEST || self.names.len() >= MOST_NAMES {
                return Found::Unknown("too many names lead to it".to_owned());
            }
            let circle = format!("the address of {} is needed to find itself", text(name));
            self.names.insert(name.clone(), Found::Nothing(circle));
            let found = self.descend(asker, name, depth).await;
            self.names.insert(name.clone(), found.clone());
            found
        })
    }

    async fn descend(&mut self, asker: &Asker<'_>, name: &Name, depth: usize) -> Found {
        let deepest = self.zones.keys().filter(|zone| zone.zone_of(name)).max_by_key(|zone| zone.num_labels());
        let mut zone = deepest.cloned().unwrap_or_else(Name::root);
        for _ in 0..MOST_ZONES {
            let servers = self.zones.get(&zone).cloned().unwrap_or_default();
            let Some((server, reply)) = race(asker, &zone, &servers, name).await else {
                return Found::Unknown(format!("no server of {} gave an answer for {}", text(&zone), text(name)));
            };
            let Some(cut) = judge::referral(&zone, &reply) else {
                return addresses(asker, server, name, &reply).await;
            };
            if !cut.zone_of(name) {
                return Found::Unknown(format!("{} refers {} sideways to {}", server, text(name), text(&cut)));
            }
            let servers = match &reply.message {
                Some(message) => self.delegated(asker, &zone, &cut, message, depth).await,
                None => Vec::new(),
            };
            if servers.is_empty() {
                return Found::Nothing(format!(
                    "{} has no address that could be found: no server of {} has one",
                    text(name),
                    text(&cut)
                ));
            }
            self.remember(&cut, servers);
            zone = cut;
        }
        Found::Unknown(format!("more than {MOST_ZONES} zones lead to {}", text(name)))
    }

    /// The servers of `cut` by a referral of `zone`: its glue, else the addresses of a few of its names.
    async fn delegated(
        &mut self,
        asker: &Asker<'_>,
        zone: &Name,
        cut: &Name,
        message: &Message,
        depth: usize,
    ) -> Vec<Endpoint> {
        let names = judge::ns_names(message, cut);
        let glued = names.iter().filter(|name| zone.zone_of(name)).flat_map(|name| judge::glue(message, name));
        let glued: Vec<Endpoint> = glued.filter_map(|address| asker.endpoint(address)).collect();
        if !glued.is_empty() {
            return glued;
        }
        let mut found = Vec::new();
        for name in names.iter().filter(|name| !cut.zone_of(name)).take(RACING) {
            if let Found::Addresses(addresses) = self.resolve(asker, name, depth + 1).await {
                found.extend(addresses.into_iter().filter_map(|address| asker.endpoint(address)));
            }
        }
        found
    }
}

/// The first useful answer of a few servers.
async fn race(asker: &Asker<'_>, zone: &Name, servers: &[Endpoint], name: &Name) -> Option<(Endpoint, Reply)> {
    for some in servers.chunks(RACING).take(RACING) {
        let mut pending: FuturesUnordered<_> =
            some.iter().map(|server| async move { (*server, asker.ask(*server, name, RecordType::A).await) }).collect();
        while let Some((server, reply)) = pending.next().await {
            let answered = matches!(reply.rcode(), Some(0 | 3)) && reply.authoritative();
            if answered || judge::referral(zone, &reply).is_some() {
                return Some((server, reply));
            }
        }
    }
    None
}

/// What an authoritative answer about `name` says, completed by its IPv6 addresses where these are asked, too.
pub(super) async fn addresses(asker: &Asker<'_>, server: Endpoint, name: &Name, reply: &Reply) -> Found {
    if let Some(target) = alias(name, reply) {
        return Found::Alias(target);
    }
    let mut found: BTreeSet<IpAddr> = of_answer(name, reply);
    if asker.ipv6() {
        found.extend(of_answer(name, &asker.ask(server, name, RecordType::AAAA).await));
    }
    match (found.is_empty(), reply.rcode()) {
        (false, _) => Found::Addresses(found.into_iter().collect()),
        (true, Some(3)) => Found::Nothing(format!("{} does not exist", text(name))),
        (true, Some(0)) if reply.authoritative() => Found::Nothing(format!("{} has no address", text(name))),
        (true, _) => Found::Unknown(format!("{server} does not say whether {} has an address", text(name))),
    }
}

fn alias(name: &Name, reply: &Reply) -> Option<Name> {
    reply.answers(name, RecordType::CNAME).find_map(|record| match &record.data {
        RData::CNAME(cname) => Some(cname.0.clone()),
        _ => None,
    })
}

fn of_answer(name: &Name, reply: &Reply) -> BTreeSet<IpAddr> {
    let answers = reply.message.iter().flat_map(|message| message.answers.iter());
    answers.filter(|record| record.name == *name).filter_map(|record| record.data.ip_addr()).collect()
}
