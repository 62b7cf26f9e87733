//! Which names are asked for, and when that ends: `__res_context_search` and `__res_context_query` of `resolv/res_query.c`.
//!
//! With `ndots` dots or more the name is tried as it is first, else last; in between the search list. NXDOMAIN and NODATA go
//! on to the next domain, and so does SERVFAIL where it was the last thing that a server said; a timeout ends the search, and
//! refused connections end everything. What is reported is the failure of the name as it is where that came first, else
//! NODATA, else SERVFAIL, else whatever came last.

use super::errors::{Errno, HErrno};
use super::message::{A, AAAA, NXDOMAIN, Query, Reply, SERVFAIL};
use super::send::{Replies, Resolver};
use crate::dns::name::Name;

/// MAXDNAME: longer ones are not even tried.
const LONGEST_NAME: usize = 1025;

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A and AAAA, for `AF_UNSPEC`.
    Both,
    /// One type.
    One(u16),
}

impl Resolver<'_> {
    /// The replies for the first name that has any data; else `h_errno`, with `errno` as it was left.
    pub(super) async fn search(&mut self, name: &str, kind: Kind) -> Result<Replies, HErrno> {
        self.errno = Errno::Clear;
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let trailing_dot = name.ends_with('.');
        if dots == 0
            && let Some(alias) = self.lookup.setup.host_alias(name)
        {
            return self.question(&alias, kind).await;
        }
        let mut as_it_is = None;
        if trailing_dot || dots >= usize::try_from(self.view.ndots).unwrap_or(usize::MAX) {
            match self.question_in(name, None, kind).await {
                Err(error) if !trailing_dot => as_it_is = Some(error),
                outcome => return outcome,
            }
        }
        let mut last = as_it_is.unwrap_or(HErrno::HostNotFound);
        let (mut no_data, mut servfail, mut searched, mut root) = (false, false, false, false);
        if !trailing_dot {
            let view = self.view;
            for domain in &view.search {
                searched = true;
                let domain = domain.strip_prefix('.').unwrap_or(domain);
                root |= domain.is_empty();
                last = match self.question_in(name, Some(domain), kind).await {
                    Ok(replies) => return Ok(replies),
                    Err(_) if self.errno == Errno::Refused => return Err(HErrno::TryAgain),
                    Err(error) => error,
                };
                match last {
                    HErrno::NoData => no_data = true,
                    HErrno::HostNotFound => {}
                    HErrno::TryAgain if self.left_rcode == SERVFAIL => servfail = true,
                    _ => break,
                }
            }
        }
        let wanted = dots > 0 || !searched || !self.options.no_tld_query;
        if wanted && as_it_is.is_none() && !root {
            match self.question_in(name, None, kind).await {
                Ok(replies) => return Ok(replies),
                Err(error) => last = error,
            }
        }
        Err(match (as_it_is, no_data, servfail) {
            (Some(error), ..) => error,
            (None, true, _) => HErrno::NoData,
            (None, false, true) => HErrno::TryAgain,
            (None, false, false) => last,
        })
    }

    /// `__res_context_querydomain`.
    async fn question_in(&mut self, name: &str, domain: Option<&str>, kind: Kind) -> Result<Replies, HErrno> {
        let length = name.len() + domain.map_or(0, |domain| domain.len() + 1);
        match domain {
            None if name.is_empty() => Err(HErrno::NoRecovery),
            _ if length >= LONGEST_NAME => Err(HErrno::NoRecovery),
            None => self.question(name, kind).await,
            Some(domain) => self.question(&format!("{name}.{domain}"), kind).await,
        }
    }

    /// One name to the servers, and what their replies amount to.
    async fn question(&mut self, name: &str, kind: Kind) -> Result<Replies, HErrno> {
        self.left_rcode = 0;
        let Ok(name) = Name::parse(name) else {
            self.errno = Errno::Other;
            return Err(HErrno::NoRecovery);
        };
        let (trust_ad, edns) = (self.options.trust_ad, self.options.edns0);
        let id = random_id();
        // The original draws both; here they differ for certain.
        let second_id = id ^ random_id().max(1);
        let queries = match kind {
            Kind::Both => {
                vec![Query::new(id, &name, A, trust_ad, edns), Query::new(second_id, &name, AAAA, trust_ad, edns)]
            }
            Kind::One(AAAA) if self.options.no_aaaa => vec![Query::new(id, &name, A, trust_ad, false)],
            Kind::One(qtype) => vec![Query::new(id, &name, qtype, trust_ad, edns)],
        };
        let mut replies = self.send(&queries).await.ok_or(HErrno::TryAgain)?;
        if kind == Kind::One(AAAA) && self.options.no_aaaa {
            replies.buffer = replies.buffer.map(Reply::without_answers);
        }
        judge(&replies).map(|()| replies)
    }
}

/// Whether either reply has answers; else what both together say.
fn judge(replies: &Replies) -> Result<(), HErrno> {
    let one = replies.first().or(replies.second());
    let other = replies.second().or(one);
    let (Some(one), Some(other)) = (one, other) else { return Err(HErrno::TryAgain) };
    if has_data(one) || has_data(other) {
        return Ok(());
    }
    Err(match if one.rcode() == 0 { other.rcode() } else { one.rcode() } {
        NXDOMAIN => HErrno::HostNotFound,
        SERVFAIL => HErrno::TryAgain,
        0 => HErrno::NoData,
        _ => HErrno::NoRecovery,
    })
}

fn has_data(reply: &Reply) -> bool {
    reply.rcode() == 0 && reply.answers() != 0
}

/// A random id. Without randomness 0 serves: the sockets' ports are random as well.
fn random_id() -> u16 {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_or(0, |()| u16::from_ne_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with this code and number of answers; nothing else of it is looked at.
    fn reply(rcode: u8, answers: u8) -> Reply {
        Reply::new(vec![0, 1, 0x81, 0x80 | rcode, 0, 1, 0, answers, 0, 0, 0, 0]).expect("a header")
    }

    fn of(first: Option<Reply>, second: Option<Reply>) -> Result<(), HErrno> {
        judge(&Replies { first_counts: first.is_some(), buffer: first, second })
    }

    #[test]
    fn one_reply_with_data_is_enough() {
        for failing in [reply(3, 0), reply(1, 0), reply(0, 0), reply(2, 0)] {
            assert_eq!(of(Some(reply(0, 1)), Some(failing.clone())), Ok(()));
            assert_eq!(of(Some(failing), Some(reply(0, 1))), Ok(()));
        }
        assert_eq!(of(None, Some(reply(0, 1))), Ok(()));
    }

    #[test]
    fn without_data_the_first_error_speaks() {
        assert_eq!(of(Some(reply(0, 0)), Some(reply(0, 0))), Err(HErrno::NoData));
        assert_eq!(of(Some(reply(0, 0)), Some(reply(3, 0))), Err(HErrno::HostNotFound));
        assert_eq!(of(Some(reply(3, 0)), Some(reply(2, 0))), Err(HErrno::HostNotFound));
        assert_eq!(of(Some(reply(2, 0)), Some(reply(3, 0))), Err(HErrno::TryAgain));
        assert_eq!(of(Some(reply(0, 0)), None), Err(HErrno::NoData));
        assert_eq!(of(Some(reply(5, 0)), None), Err(HErrno::NoRecovery));
        assert_eq!(of(Some(reply(1, 0)), None), Err(HErrno::NoRecovery));
    }

    #[test]
    fn an_error_with_answers_has_no_data() {
        assert_eq!(of(Some(reply(3, 1)), None), Err(HErrno::HostNotFound));
    }
}
