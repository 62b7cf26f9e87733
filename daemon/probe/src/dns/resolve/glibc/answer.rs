//! What `nss_dns` makes of the replies (resolv/nss_dns/dns-host.c): addresses, or a status.
//!
//! CNAME records are followed in the order of the section, whoever owns them; an address counts where its owner is the last
//! target seen. The rules for two replies (`AF_UNSPEC`) and for one (`AF_INET`, `AF_INET6`) differ in what they say when there
//! is no address.

use std::net::IpAddr;

use super::errors::HErrno;
use super::message::{self, Reply};
use super::send::Replies;
use crate::dns::config::Status;

/// The answer of one source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Status,
    pub(super) h_errno: HErrno,
    /// Not empty where the status is success.
    pub(super) addresses: Vec<IpAddr>,
    /// The end of the CNAME chain, with final dot.
    pub(super) canonical: Option<String>,
}

impl Outcome {
    pub(super) fn without(status: Status, h_errno: HErrno) -> Self {
        Self { status, h_errno, addresses: Vec::new(), canonical: None }
    }
}

/// `gaih_getanswer`: the replies in the order they came.
pub(super) fn of_both(replies: &Replies) -> Outcome {
    let mut outcome = match replies.first() {
        Some(reply) => slice(reply),
        None => Outcome::without(Status::NotFound, HErrno::HostNotFound),
    };
    let goes_on = matches!(outcome.status, Status::Success | Status::NotFound);
    if let Some(reply) = replies.second().filter(|_| goes_on) {
        let second = slice(reply);
        let found = outcome.status == Status::Success;
        outcome.addresses.extend(second.addresses);
        outcome.h_errno = second.h_errno;
        if !found {
            outcome.canonical = second.canonical;
            if second.status != Status::NotFound {
                outcome.status = second.status;
            }
        }
    }
    outcome
}

/// `gaih_getanswer_slice`.
fn slice(reply: &Reply) -> Outcome {
    let Some((name, qtype, _)) = reply.question() else {
        return Outcome::without(Status::Unavail, HErrno::NoRecovery);
    };
    if reply.answers() == 0 || !message::is_host(&name) {
        return Outcome::without(Status::NotFound, HErrno::HostNotFound);
    }
    let (addresses, canonical, whole) = follow(reply, qtype, false);
    if !whole {
        // What stands before the fault stays in the list.
        return Outcome { status: Status::Unavail, h_errno: HErrno::NoRecovery, addresses, canonical: None };
    }
    if addresses.is_empty() {
        return Outcome::without(Status::NotFound, HErrno::HostNotFound);
    }
    Outcome { status: Status::Success, h_errno: HErrno::Success, addresses, canonical }
}

/// `getanswer_r`: of `AF_INET` and `AF_INET6`.
pub(super) fn of_one(reply: &Reply, qtype: u16) -> Outcome {
    let Some((name, _, _)) = reply.question() else {
        return Outcome::without(Status::Unavail, HErrno::NoRecovery);
    };
    if reply.rcode() == message::NXDOMAIN || !message::is_host(&name) {
        return Outcome::without(Status::NotFound, HErrno::HostNotFound);
    }
    let (addresses, canonical, whole) = follow(reply, qtype, true);
    if !whole {
        return Outcome::without(Status::Unavail, HErrno::NoRecovery);
    }
    if addresses.is_empty() {
        return Outcome::without(Status::TryAgain, HErrno::NoRecovery);
    }
    Outcome { status: Status::Success, h_errno: HErrno::Success, addresses, canonical }
}

/// The addresses, the last name of the chain, and whether every record could be read.
fn follow(reply: &Reply, qtype: u16, check_class: bool) -> (Vec<IpAddr>, Option<String>, bool) {
    let mut addresses = Vec::new();
    let Some((mut expected, _, records)) = reply.question() else { return (addresses, None, false) };
    for record in records {
        let Ok(record) = record else { return (addresses, None, false) };
        if check_class && !record.is_internet() {
            continue;
        }
        if record.rtype == message::CNAME {
            match record.target() {
                Ok(target) => expected = target,
                Err(_) => return (addresses, None, false),
            }
        } else if record.rtype == qtype && record.owner.matches(&expected) {
            addresses.extend(record.address());
        }
    }
    (addresses, Some(expected.to_string()), true)
}
