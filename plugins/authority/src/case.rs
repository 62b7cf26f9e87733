//! What was asked and what came back. Owns no judgement and no I/O.

use sonde_sdk::dns::{Answer, Exchange, HeaderFlags, qtype, rcode};

/// Everything known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// Without its final dot.
    pub(crate) name: String,
    pub(crate) qtype: u16,
    /// The resolver compared.
    pub(crate) resolver: String,
    /// What it says of the name; a second time, a second later, where that differs from the zone's servers.
    pub(crate) told: Vec<Exchange>,
    /// What showed that the resolver serves some zone above the name.
    pub(crate) zone_found: Exchange,
    /// From the zone that the resolver knows down along the referrals.
    pub(crate) levels: Vec<Level>,
    /// What one of the zone's servers says a second later, where that differs from the resolver.
    pub(crate) again: Option<Exchange>,
    /// Where the name leads by what the resolver says.
    pub(crate) leads: Leads,
    /// A name that nobody created, as the resolver and one of the zone's servers answer it.
    pub(crate) nonsense: Option<(Exchange, Exchange)>,
}

impl Case {
    /// The first of the zone's servers that speaks for it.
    pub(crate) fn authority(&self) -> Option<&Asked> {
        self.levels.last()?.servers.iter().find(|server| server.is_authoritative())
    }
}

/// Where a name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// Nobody wants to go there: the target is a lookup.
    Unasked,
    /// To no server that answers.
    Nowhere {
        /// One answers where the zone's own server leads, though.
        elsewhere: bool,
    },
}

/// The servers of one zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Level {
    /// Without its final dot; empty for the root.
    pub(crate) zone: String,
    pub(crate) servers: Vec<Asked>,
}

/// One server, asked for the name without recursion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// Of the server, without its final dot.
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) exchange: Exchange,
}

/// What an answer says of the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// Record data of the type asked for, sorted.
    Records(Vec<String>),
    NxDomain,
    NoData,
    /// Another name, and nothing of that: it lies in a zone that the server does not serve.
    Alias(String),
    /// A code that says nothing of the name.
    Error(u16),
    /// NS records of a zone below, and no authority.
    Referral(String),
    /// No answer at all.
    Nothing,
}

impl Asked {
    /// Speaks for the zone.
    pub(crate) fn is_authoritative(&self) -> bool {
        self.exchange.outcome.as_ref().is_ok_and(|answer| {
            answer.has(HeaderFlags::AUTHORITATIVE) && matches!(answer.rcode, rcode::NOERROR | rcode::NXDOMAIN)
        })
    }
}

/// What an exchange says of `name`.
pub(crate) fn says(exchange: &Exchange, name: &str, wanted: u16) -> Says {
    let Ok(answer) = &exchange.outcome else { return Says::Nothing };
    match answer.rcode {
        rcode::NXDOMAIN => Says::NxDomain,
        rcode::NOERROR => {
            let mut records: Vec<String> = answer.of_type(wanted).map(|record| record.rdata.clone()).collect();
            records.sort_unstable();
            records.dedup();
            let alias = answer.of_type(qtype::CNAME).last().map(|record| plain(&record.rdata));
            match (records.is_empty(), referral(answer, name), alias) {
                (false, _, _) => Says::Records(records),
                (true, Some(zone), _) => Says::Referral(zone),
                (true, None, Some(target)) => Says::Alias(target),
                (true, None, None) => Says::NoData,
            }
        }
        code => Says::Error(code),
    }
}

/// The zone that an answer without authority refers to, where `name` lies in it.
pub(crate) fn referral(answer: &Answer, name: &str) -> Option<String> {
    if answer.has(HeaderFlags::AUTHORITATIVE) || !answer.answers.is_empty() {
        return None;
    }
    let record = answer.authorities.iter().find(|record| record.rtype == qtype::NS && lies_in(name, &record.name))?;
    Some(plain(&record.name))
}

/// Lower case, without the final dot.
pub(crate) fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether `name` is `zone` or below it.
pub(crate) fn lies_in(name: &str, zone: &str) -> bool {
    let (name, zone) = (plain(name), plain(zone));
    zone.is_empty() || name.strip_suffix(&zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The name above; empty for the root, none above that.
pub(crate) fn parent(name: &str) -> Option<String> {
    let name = plain(name);
    if name.is_empty() {
        None
    } else {
        Some(name.split_once('.').map_or_else(String::new, |(_, rest)| rest.to_owned()))
    }
}
