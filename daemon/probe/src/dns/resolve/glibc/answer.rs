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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::name::Name;
    use crate::dns::resolve::glibc::message::{A, AAAA, CNAME, Query};

    /// A reply for `www.test` with these records: owner, type and data.
    fn reply(qtype: u16, rcode: u8, records: &[(&str, u16, &[u8])]) -> Reply {
        let wire = |name: &str| Name::parse(name).expect("a name").wire().to_vec();
        let mut bytes = Query::new(1, &Name::parse("www.test").expect("a name"), qtype, false, false).bytes;
        bytes[2] |= 0x80;
        bytes[3] |= 0x80 | rcode;
        bytes[7] = u8::try_from(records.len()).expect("few");
        for (owner, rtype, data) in records {
            bytes.extend(wire(owner));
            bytes.extend(rtype.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).expect("short")]);
            bytes.extend(*data);
        }
        Reply::new(bytes).expect("a header")
    }

    fn both(first: Reply, second: Option<Reply>) -> Outcome {
        of_both(&Replies { buffer: Some(first), first_counts: true, second })
    }

    fn alias() -> Vec<u8> {
        Name::parse("end.test").expect("a name").wire().to_vec()
    }

    #[test]
    fn addresses_stand_in_the_order_of_the_replies() {
        let six: IpAddr = "2001:db8::1".parse().expect("an address");
        let IpAddr::V6(data) = six else { panic!("it is IPv6") };
        let outcome = both(
            reply(AAAA, 0, &[("www.test", AAAA, &data.octets())]),
            Some(reply(A, 0, &[("www.test", A, &[192, 0, 2, 1]), ("other.test", A, &[192, 0, 2, 9])])),
        );
        assert_eq!(outcome.addresses, [six, "192.0.2.1".parse().expect("an address")]);
        assert_eq!(outcome.canonical.as_deref(), Some("www.test."));
    }

    #[test]
    fn a_chain_is_followed_whoever_owns_its_links() {
        let records: &[(&str, u16, &[u8])] =
            &[("stranger.test", CNAME, &alias()), ("END.test", A, &[192, 0, 2, 1]), ("www.test", A, &[192, 0, 2, 2])];
        let outcome = both(reply(A, 0, records), None);
        assert_eq!(outcome.addresses, ["192.0.2.1".parse::<IpAddr>().expect("an address")]);
        assert_eq!(outcome.canonical.as_deref(), Some("end.test."));
    }

    #[test]
    fn a_chain_without_an_address_is_not_found_for_two_types_and_a_failure_for_one() {
        let chain = |qtype| reply(qtype, 0, &[("www.test", CNAME, &alias())]);
        let outcome = both(chain(A), Some(chain(AAAA)));
        assert_eq!((outcome.status, outcome.h_errno), (Status::NotFound, HErrno::HostNotFound));
        let outcome = of_one(&chain(A), A);
        assert_eq!((outcome.status, outcome.h_errno), (Status::TryAgain, HErrno::NoRecovery));
    }

    #[test]
    fn a_record_that_is_cut_off_spoils_the_first_reply_but_not_what_the_second_adds_to() {
        let mut cut = reply(AAAA, 0, &[("www.test", AAAA, &[0; 16])]);
        let whole = || reply(A, 0, &[("www.test", A, &[192, 0, 2, 1])]);
        cut.cut(1);
        assert_eq!(both(whole(), Some(cut.clone())).status, Status::Success);
        let outcome = both(cut, Some(whole()));
        assert_eq!((outcome.status, outcome.h_errno), (Status::Unavail, HErrno::NoRecovery));
    }

    #[test]
    fn nothing_and_an_address_are_an_address() {
        let outcome = both(reply(AAAA, 3, &[]), Some(reply(A, 0, &[("www.test", A, &[192, 0, 2, 1])])));
        assert_eq!((outcome.status, outcome.addresses.len()), (Status::Success, 1));
    }
}
