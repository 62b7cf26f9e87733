//! The walk over nsswitch's sources, and what getaddrinfo makes of its end.
//!
//! Two walks, because getaddrinfo has two: for `AF_INET` it asks `gethostbyname2_r` (`try_simple_gethostbyname`), which passes
//! over sources that are not installed; for the others it walks itself (`get_nss_addresses`), where such a source is a failure.
//! They also differ in the code for "no address". Sources but `files` and `dns` are not followed, see [`modules`].

use sonde_core::observation::dns::{Family, Personality};

use super::super::Found;
use super::answer::{self, Outcome};
use super::errors::{Eai, Errno, HErrno};
use super::message::{self, A, AAAA};
use super::modules;
use super::search::Kind;
use super::send::Resolver;
use crate::dns::config::{Action, Source, Status};

/// `get_nss_addresses`, of `AF_UNSPEC` and `AF_INET6`.
pub(super) async fn walk(resolver: &mut Resolver<'_>, sources: &[Source], family: Family) -> Result<Found, Eai> {
    // A line without any source is one whose first source is not installed.
    let mut end = Outcome::without(Status::Unavail, HErrno::Internal);
    let mut from = "";
    let mut merging = false;
    for source in sources {
        if merging {
            // The database of hosts cannot be merged: what was found is thrown away.
            end = Outcome { h_errno: HErrno::Internal, addresses: Vec::new(), ..end };
            break;
        }
        let known = ask(resolver, source, family).await;
        let missing = || Outcome::without(Status::Unavail, HErrno::Internal);
        (from, end) = known.unwrap_or_else(|| ("", missing()));
        match source.actions.on(end.status) {
            Action::Return => break,
            Action::Merge => merging = true,
            Action::Continue => {}
        }
    }
    match (end.status, end.h_errno) {
        (Status::TryAgain | Status::Unavail, HErrno::Internal) => Err(Eai::System),
        (Status::Success, _) if !end.addresses.is_empty() => Ok(found(from, end)),
        (Status::Success, _) => Err(Eai::NoName),
        (_, HErrno::TryAgain) => Err(Eai::Again),
        (_, HErrno::NoData) => Err(Eai::NoData),
        _ => Err(Eai::NoName),
    }
}

/// `gethostbyname2_r` (`nss/getXXbyYY_r.c`) and `try_simple_gethostbyname`.
pub(super) async fn walk_ipv4(resolver: &mut Resolver<'_>, sources: &[Source]) -> Result<Found, Eai> {
    let mut end = None;
    for source in sources {
        let Some(answered) = ask(resolver, source, Family::Ipv4).await else {
            if source.actions.on(Status::Unavail) == Action::Continue {
                continue;
            }
            break;
        };
        let action = source.actions.on(answered.1.status);
        end = Some(answered);
        if action == Action::Return {
            break;
        }
    }
    // Without any source to ask there is no error number either, and the caller takes that for "not found".
    let (from, end) = end.ok_or(Eai::NoName)?;
    match (end.status, end.h_errno) {
        (Status::Success, _) => Ok(found(from, end)),
        (Status::NotFound, HErrno::NoData) => Err(Eai::NoData),
        (Status::NotFound, _) => Err(Eai::NoName),
        (_, HErrno::Internal) => Err(Eai::System),
        (_, HErrno::TryAgain) => Err(Eai::Again),
        _ => Err(Eai::NoData),
    }
}

fn found(source: &'static str, outcome: Outcome) -> Found {
    Found { source, addresses: outcome.addresses, canonical_name: outcome.canonical }
}

/// What one source says; nothing where it is not installed.
async fn ask(resolver: &mut Resolver<'_>, source: &Source, family: Family) -> Option<(&'static str, Outcome)> {
    match source.name.as_str() {
        "files" => Some(("files", ask_files(resolver, family))),
        "dns" => Some(("dns", ask_dns(resolver, family).await)),
        other => resolver.installed.iter().any(|name| name == other).then(|| ("", modules::pass(other))),
    }
}

fn ask_files(resolver: &Resolver<'_>, family: Family) -> Outcome {
    let answer = resolver.lookup.setup.hosts(Personality::Glibc, &resolver.lookup.request.name, family);
    if answer.addresses.is_empty() {
        return Outcome::without(Status::NotFound, HErrno::HostNotFound);
    }
    let (status, h_errno) = (Status::Success, HErrno::Success);
    Outcome { status, h_errno, addresses: answer.addresses, canonical: None }
}

/// `_nss_dns_gethostbyname4_r` and `_nss_dns_gethostbyname2_r` (resolv/nss_dns/dns-host.c).
async fn ask_dns(resolver: &mut Resolver<'_>, family: Family) -> Outcome {
    let setup = resolver.lookup.setup;
    let name = resolver.lookup.request.name.as_str();
    if !message::is_host_name(name) {
        return Outcome::without(Status::NotFound, HErrno::HostNotFound);
    }
    let alias = if name.contains('.') { None } else { setup.host_alias(name) };
    let kind = match family {
        Family::Any if resolver.options.no_aaaa => Kind::One(A),
        Family::Any => Kind::Both,
        Family::Ipv4 => Kind::One(A),
        Family::Ipv6 => Kind::One(AAAA),
    };
    match resolver.search(alias.as_deref().unwrap_or(name), kind).await {
        Ok(replies) if family == Family::Any => answer::of_both(&replies),
        Ok(replies) => match (replies.first(), kind) {
            (Some(reply), Kind::One(qtype)) => answer::of_one(reply, qtype),
            _ => Outcome::without(Status::NotFound, HErrno::HostNotFound),
        },
        Err(h_errno) => {
            let unavailable = matches!(resolver.errno, Errno::Refused | Errno::TimedOut);
            Outcome::without(if unavailable { Status::Unavail } else { Status::NotFound }, h_errno)
        }
    }
}
