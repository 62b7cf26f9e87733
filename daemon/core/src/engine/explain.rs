//! Layers: which cause explains which, and which of those that remain comes first.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::catalogue::{Catalogue, Cause, Effect};
use crate::finding::{CauseId, Finding};
use crate::manifest::Conclusion;
use crate::target::{Host, Target};

use super::subject::Subject;
use super::weigh::Weighed;
use super::{Case, permille};

/// What is known of the whole run.
pub(super) struct Scene<'a> {
    target: &'a Target,
    catalogue: &'a Catalogue,
    addresses: BTreeSet<IpAddr>,
    resolvers: BTreeSet<IpAddr>,
    /// Checks that say all works: what they prove does not break the target.
    content: BTreeSet<&'a str>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(case: &Case<'a>, catalogue: &'a Catalogue) -> Self {
        let mut addresses: BTreeSet<IpAddr> = case.addresses.iter().map(IpAddr::to_canonical).collect();
        if let Some(Host::Address(address)) = case.target.host() {
            addresses.insert(*address);
        }
        let of_dns = case.findings.iter().filter(|finding| finding.cause.layer() == "dns");
        let resolvers = of_dns.filter_map(|finding| Subject::parse(&finding.subject).address).collect();
        let content = case.checks.iter().filter(|check| check.conclusion() == Some(Conclusion::Works));
        let content = content.map(|check| check.name.as_str()).collect();
        Self { target: case.target, catalogue, addresses, resolvers, content }
    }

    /// For each named cause the one that explains it, itself unexplained.
    pub(super) fn explained(&self, named: &[Weighed<'_>]) -> Vec<Option<usize>> {
        let direct: Vec<Vec<usize>> = named
            .iter()
            .map(|upper| (0..named.len()).filter(|lower| self.explains(&named[*lower], upper)).collect())
            .collect();
        let root = |mut position: usize| {
            let mut found = None;
            // Explanations lead strictly downwards, so the walk ends; the bound says so to the reader.
            for _ in 0..named.len() {
                let lowest = direct[position].iter().copied().min_by_key(|lower| self.order(&named[*lower]));
                match lowest {
                    Some(lower) => (found, position) = (Some(lower), lower),
                    None => break,
                }
            }
            found
        };
        (0..named.len()).map(root).collect()
    }

    /// Look-alikes about one subject that cannot both be true.
    pub(super) fn rivals(&self, one: &Weighed<'_>, other: &Weighed<'_>) -> bool {
        self.catalogue.resemble(&one.cause, &other.cause)
            && pairs(one, other).any(|(mine, theirs)| mine.same(theirs))
            && !self.explains(one, other)
            && !self.explains(other, one)
    }

    /// The order of answers: about the target, then what breaks it, then the lowest layer.
    pub(super) fn order(&self, weighed: &Weighed<'_>) -> (bool, Effect, u8, std::cmp::Reverse<u32>, CauseId) {
        // Resolution is the first step towards a name, before any address is dialled.
        let layer = if weighed.cause.layer() == "dns" { 0 } else { 1 + rank(&weighed.cause) };
        let confidence = std::cmp::Reverse(permille(weighed.confidence));
        (self.is_elsewhere(weighed), self.severity(weighed), layer, confidence, weighed.cause.clone())
    }

    /// About another service than the target only.
    pub(super) fn is_elsewhere(&self, weighed: &Weighed<'_>) -> bool {
        weighed.subjects.iter().all(|subject| self.elsewhere(subject))
    }

    /// What the catalogue says it does.
    pub(super) fn effect(&self, weighed: &Weighed<'_>) -> Effect {
        self.entry(weighed).map_or(Effect::Breaks, |entry| entry.effect)
    }

    /// What it did here: a check that works all the same was not broken by it.
    fn severity(&self, weighed: &Weighed<'_>) -> Effect {
        let content = |finding: &&Finding| self.content.contains(finding.check.as_str());
        match self.effect(weighed) {
            Effect::Misdirects | Effect::Breaks if weighed.support.iter().all(content) => Effect::Degrades,
            Effect::Misdirects => Effect::Breaks,
            effect => effect,
        }
    }

    fn explains(&self, lower: &Weighed<'_>, upper: &Weighed<'_>) -> bool {
        let answered = self.entry(upper).is_some_and(|entry| entry.answered);
        match (self.effect(lower), self.effect(upper)) {
            (Effect::Warns, _) | (_, Effect::Warns | Effect::Misdirects) | (Effect::Degrades, Effect::Breaks) => false,
            (Effect::Misdirects, _) => {
                (!answered || seen_at_the_wrong_place(&upper.cause))
                    && !matches!(upper.cause.layer(), "host" | "dns")
                    && upper.subjects.iter().any(|subject| self.of_target(subject))
            }
            _ => {
                rank(&lower.cause) < rank(&upper.cause)
                    && reaches(&lower.cause, &upper.cause, answered)
                    && pairs(lower, upper).any(|(below, above)| self.related(lower, below, upper, above))
            }
        }
    }

    /// Whether a cause about `below` shows in what is about `above`.
    fn related(&self, lower: &Weighed<'_>, below: &Subject, upper: &Weighed<'_>, above: &Subject) -> bool {
        // Whole hosts and links have no ports; a filter, a listener and a service have.
        let ports = matches!(lower.cause.layer(), "l2" | "l3" | "nf") || !below.other_port(above);
        let upper_is_dns = upper.cause.layer() == "dns";
        let Some(address) = below.address else {
            return match below.name {
                Some(_) if !matches!(lower.cause.layer(), "host" | "l2") => {
                    !upper_is_dns && ports && below.name == above.name
                }
                _ if below.is_local() => true,
                _ => !upper_is_dns && ports,
            };
        };
        let resolver = self.resolvers.contains(&address);
        let hop = !resolver && !self.addresses.contains(&address) && matches!(lower.cause.layer(), "l2" | "l3");
        match above.address {
            Some(other) if other == address => ports,
            _ if hop => shares_check(lower, upper),
            Some(_) => false,
            None if upper_is_dns => resolver,
            None => !resolver && ports,
        }
    }

    /// About the target's own service or addresses, as far as the subject says.
    fn of_target(&self, subject: &Subject) -> bool {
        match subject.address {
            Some(address) => {
                self.addresses.contains(&address) || (!self.resolvers.contains(&address) && self.on_port(subject))
            }
            None => {
                self.on_port(subject) || subject.name.as_deref().is_some_and(|name| self.target.name() == Some(name))
            }
        }
    }

    fn on_port(&self, subject: &Subject) -> bool {
        subject.port.is_some() && subject.port == self.target.port().map(super::super::target::Port::number)
    }

    /// About another service than the target: another port, and not the resolvers' on the way to it.
    fn elsewhere(&self, subject: &Subject) -> bool {
        let resolver = subject.address.is_some_and(|address| self.resolvers.contains(&address));
        match (subject.port, self.target.port()) {
            (Some(port), Some(wanted)) => port != wanted.number() && !(resolver && self.target.name().is_some()),
            _ => false,
        }
    }

    fn entry(&self, weighed: &Weighed<'_>) -> Option<&'a Cause> {
        self.catalogue.get(&weighed.cause)
    }
}

/// Where a cause sits. Resolvers are reached over transport, so DNS stands above it.
fn rank(cause: &CauseId) -> u8 {
    match cause.layer() {
        "host" => 0,
        "l2" => 1,
        "l3" => 2,
        "fw" => 3,
        "nf" => 4,
        "tcp" | "udp" => 5,
        "dns" => 6,
        "tls" => 7,
        "http" => 8,
        "lb" => 9,
        "app" => 10,
        "k8s" => 11,
        _ => 12,
    }
}

/// Whether a cause can show at all as the other: an outage produces no answers, a process no routing errors.
fn reaches(lower: &CauseId, upper: &CauseId, answered: bool) -> bool {
    match lower.as_str() {
        "host.clock_skew" => upper.layer() == "tls" || upper.as_str().starts_with("dns.dnssec_"),
        "l2.address_conflict" => true,
        _ if answered => false,
        "host.softnet_drop" => true,
        // The limits and states of a process, and of this host's sockets, show where it serves.
        _ if lower.layer() == "host" => matches!(upper.layer(), "tcp" | "udp" | "tls" | "http" | "lb" | "app" | "k8s"),
        _ => lower.layer() != "dns",
    }
}

/// Answers that a host gives which is not the one meant.
fn seen_at_the_wrong_place(cause: &CauseId) -> bool {
    match cause.layer() {
        "tls" => !cause.as_str().starts_with("tls.cert_"),
        "http" => matches!(cause.as_str(), "http.not_found" | "http.not_http" | "http.tls_required"),
        _ => true,
    }
}

fn pairs<'s>(one: &'s Weighed<'_>, other: &'s Weighed<'_>) -> impl Iterator<Item = (&'s Subject, &'s Subject)> {
    one.subjects.iter().flat_map(|mine| other.subjects.iter().map(move |theirs| (mine, theirs)))
}

fn shares_check(one: &Weighed<'_>, other: &Weighed<'_>) -> bool {
    one.support.iter().any(|mine| other.support.iter().any(|theirs| mine.check == theirs.check))
}
