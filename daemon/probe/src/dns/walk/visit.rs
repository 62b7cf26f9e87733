//! One zone of a walk: all its servers asked, its NS names followed to their addresses, its keys fetched.

use std::collections::BTreeSet;
use std::net::IpAddr;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RecordType};
use sonde_core::observation::dns::{Lameness, Security, WalkServer, Zone};

use super::Walk;
use super::ask::{Asker, text};
use super::glue::{self, Found};
use super::judge;
use super::servers::{self, MOST_ADDRESSES, Server, Survey};
use super::zone::{self, Cut};

/// NS names followed per zone: the root and the large zones have 13.
const MOST_NAMES: usize = 20;

/// Servers asked for the address of one NS name.
const MOST_ASKED: usize = 3;

impl Walk<'_> {
    /// Asks every server of `zone`, and writes down what it found.
    pub(super) async fn visit(&mut self, zone: &Name, parent: Option<&Cut>, servers: Vec<Server>) -> Vec<Survey> {
        self.evidence.enter(zone);
        if servers.len() > MOST_ADDRESSES {
            let count = servers.len();
            self.note([format!("{} has {count} server addresses; {MOST_ADDRESSES} were asked", text(zone))]);
        }
        let (name, rtype) = (self.name.clone(), self.rtype);
        let mut surveys = servers::survey(self.asker, zone, &servers, &name, rtype).await;
        let parents = parent.map(|cut| named(cut, zone)).unwrap_or_default();
        let mut names = parents.clone();
        let mut children = own_names(zone, &surveys);
        names.extend(children.iter().cloned());
        let found = self.follow(zone, parent, &surveys, &names).await;
        let mut more = servers.clone();
        let mut nowhere: Vec<WalkServer> = Vec::new();
        for (host, found) in &found {
            match found {
                Found::Addresses(addresses) => {
                    name_those(&mut surveys, &mut more, host, addresses);
                    servers::add(&mut more, self.asker, host, addresses.iter().copied());
                }
                Found::Alias(_) | Found::Nothing(_) => nowhere.push(servers::without_address(host)),
                Found::Unknown(_) => {}
            }
        }
        let late = more.get(servers.len()..).unwrap_or_default();
        let room = MOST_ADDRESSES.saturating_sub(surveys.len());
        surveys.extend(
            servers::survey(self.asker, zone, late.get(..room.min(late.len())).unwrap_or_default(), &name, rtype).await,
        );
        children.extend(own_names(zone, &surveys));
        self.keys(zone, &surveys).await;
        self.note(sentences(zone, parent, &parents, &children, &surveys, &found));
        self.note(judge::within(zone, &name, rtype, &surveys));
        let mut records: Vec<WalkServer> = surveys.iter().map(Survey::record).collect();
        // A name that glue led to was asked; that it has no address otherwise is a sentence.
        nowhere.retain(|server| records.iter().all(|record| record.name != server.name));
        records.extend(nowhere);
        self.zones.push(Zone {
            name: text(zone),
            parent_servers: parents.iter().map(text).collect(),
            child_servers: children.iter().map(text).collect(),
            servers: records,
            signed: self.evidence.signed(zone),
            security: Security::Indeterminate,
            security_detail: String::new(),
        });
        surveys
    }

    /// The servers of `cut` as its parent `zone` makes them known.
    pub(super) async fn delegated(&mut self, zone: &Name, cut: &Cut) -> Vec<Server> {
        let mut servers = Vec::new();
        for host in named(cut, &cut.name).iter().take(MOST_NAMES) {
            let glue = glue_of(zone, cut, host);
            if !glue.is_empty() {
                servers::add(&mut servers, self.asker, host, glue);
            } else if !cut.name.zone_of(host)
                && let Found::Addresses(addresses) = self.memory.resolve(self.asker, host, 0).await
            {
                servers::add(&mut servers, self.asker, host, addresses);
            }
        }
        servers
    }

    /// Where each NS name leads: the zone's own word for names in it, else glue, else the word of the zone it lies in.
    async fn follow(
        &mut self,
        zone: &Name,
        parent: Option<&Cut>,
        surveys: &[Survey],
        names: &BTreeSet<Name>,
    ) -> Vec<(Name, Found)> {
        let serving: Vec<&Survey> = surveys.iter().filter(|survey| survey.lameness == Lameness::None).collect();
        let asker = self.asker;
        let inside = names.iter().take(MOST_NAMES).filter(|host| zone.zone_of(host)).map(|host| {
            let serving = serving.as_slice();
            async move { (host.clone(), authoritative(asker, zone, serving, host).await) }
        });
        let mut known = join_all(inside).await;
        let mut found = Vec::new();
        for host in names.iter().take(MOST_NAMES) {
            let said = known.iter_mut().find(|(name, _)| name == host).and_then(|(_, said)| said.take());
            let glue: Vec<IpAddr> =
                parent.map(|cut| glue_of(&cut.name.base_name(), cut, host)).unwrap_or_default().into_iter().collect();
            let one = match said {
                Some(said) => said,
                None if !glue.is_empty() => Found::Addresses(glue),
                // Without a serving server there is nobody to ask for names inside.
                None if zone.zone_of(host) && (serving.is_empty() || zone.is_root()) => {
                    Found::Unknown(format!("no server tells the address of {}", text(host)))
                }
                None => self.memory.resolve(asker, host, 0).await,
            };
            found.push((host.clone(), one));
        }
        found
    }

    async fn keys(&mut self, zone: &Name, surveys: &[Survey]) {
        let mut usable: Vec<&Survey> = surveys.iter().filter(|survey| survey.usable(zone)).collect();
        usable.sort_by_key(|survey| survey.lameness != Lameness::None);
        let reply = zone::first_answer(self.asker, &usable, zone, RecordType::DNSKEY).await;
        if let Some(message) = reply.and_then(|(_, reply)| reply.message)
            && matches!(u16::from(message.metadata.response_code), 0 | 3)
        {
            self.evidence.keep(zone, RecordType::DNSKEY, &message);
        }
    }
}

/// What the serving servers say of a name in their zone, those first that name it as a server: the first address counts, since
/// a server that is behind may not know it yet. Nothing where they refer elsewhere.
async fn authoritative(asker: &Asker<'_>, zone: &Name, serving: &[&Survey], host: &Name) -> Option<Found> {
    let names_it = |survey: &&Survey| {
        let message = survey.ns.message.as_ref();
        message.is_some_and(|message| judge::ns_names(message, zone).contains(host))
    };
    let (first, then): (Vec<&Survey>, Vec<&Survey>) = serving.iter().partition(|survey| names_it(survey));
    let mut found = None;
    for survey in first.into_iter().chain(then).take(MOST_ASKED) {
        let server = survey.server.endpoint;
        let reply = asker.ask(server, host, RecordType::A).await;
        if reply.authoritative() && matches!(reply.rcode(), Some(0 | 3)) {
            let one = glue::addresses(asker, server, host, &reply).await;
            if matches!(one, Found::Addresses(_)) {
                return Some(one);
            }
            found.get_or_insert(one);
        }
    }
    found
}

/// The NS names of `zone` by all that the parent's servers say.
fn named(cut: &Cut, zone: &Name) -> BTreeSet<Name> {
    cut.referrals.iter().flat_map(|(_, message)| judge::ns_names(message, zone)).collect()
}

/// By those servers that serve the zone.
fn own_names(zone: &Name, surveys: &[Survey]) -> BTreeSet<Name> {
    let serving = surveys.iter().filter(|survey| survey.lameness == Lameness::None && survey.ns.authoritative());
    serving.filter_map(|survey| survey.ns.message.as_ref()).flat_map(|message| judge::ns_names(message, zone)).collect()
}

/// Glue that the parent may give: for names below itself.
fn glue_of(parent: &Name, cut: &Cut, host: &Name) -> BTreeSet<IpAddr> {
    if !parent.zone_of(host) {
        return BTreeSet::new();
    }
    cut.referrals.iter().flat_map(|(_, message)| judge::glue(message, host).collect::<Vec<_>>()).collect()
}

/// Gives servers that are known by address only their names.
fn name_those(surveys: &mut [Survey], servers: &mut [Server], host: &Name, addresses: &[IpAddr]) {
    let known = surveys.iter_mut().map(|survey| &mut survey.server).chain(servers);
    for server in known.filter(|server| server.name.is_none() && addresses.contains(&server.endpoint.address)) {
        server.name = Some(host.clone());
    }
}

/// What is wrong with the delegation itself.
fn sentences(
    zone: &Name,
    parent: Option<&Cut>,
    parents: &BTreeSet<Name>,
    children: &BTreeSet<Name>,
    surveys: &[Survey],
    found: &[(Name, Found)],
) -> Vec<String> {
    let name = text(zone);
    let mut all = Vec::new();
    let serving = surveys.iter().any(|survey| survey.lameness == Lameness::None && survey.ns.rcode() == Some(0));
    if parent.is_some() && serving && parents != children {
        all.push(format!(
            "the parent names {} for {name}, the zone itself {}",
            judge::list(parents),
            judge::list(children)
        ));
    }
    for (host, found) in found {
        let host_text = text(host);
        match found {
            Found::Alias(target) => all.push(format!(
                "the server name {host_text} of {name} is an alias of {} (RFC 2181 section 10.3 forbids it)",
                text(target)
            )),
            Found::Nothing(why) => all.push(format!("the server name {host_text} of {name} leads nowhere: {why}")),
            Found::Unknown(why) => {
                all.push(format!("the server name {host_text} of {name} could not be followed: {why}"));
            }
            Found::Addresses(_) => {}
        }
        let Some(cut) = parent else { continue };
        if !zone.zone_of(host) || !parents.contains(host) {
            continue;
        }
        let glue = glue_of(&cut.name.base_name(), cut, host);
        // A server of both zones answers for the lower one, and gives no glue.
        let referred = cut.referrals.iter().any(|(_, message)| !message.metadata.authoritative);
        if glue.is_empty() && referred {
            all.push(format!("the parent gives no glue for {host_text}, which lies in {name} itself"));
        }
        if let Found::Addresses(own) = found {
            all.extend(mismatch(&host_text, &glue, own));
        }
    }
    all
}

/// Families of which one side knows nothing are no mismatch: they may not have been asked for.
fn mismatch(host: &str, glue: &BTreeSet<IpAddr>, own: &[IpAddr]) -> Option<String> {
    let differs = [true, false].into_iter().any(|v4| {
        let given: BTreeSet<&IpAddr> = glue.iter().filter(|address| address.is_ipv4() == v4).collect();
        let real: BTreeSet<&IpAddr> = own.iter().filter(|address| address.is_ipv4() == v4).collect();
        !given.is_empty() && !real.is_empty() && given != real
    });
    let shown = |addresses: &mut dyn Iterator<Item = &IpAddr>| {
        addresses.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    differs.then(|| {
        let (given, real) = (shown(&mut glue.iter()), shown(&mut own.iter()));
        format!("the parent's glue for {host} is {given}, the zone itself says {real}")
    })
}
