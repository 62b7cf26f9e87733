//! What the exchanges with one server amount to: is it alive, and what does it say of a name.
//!
//! Owns the classification that the plan and the verdict share; names no cause.

use sonde_sdk::dns::qtype::CNAME;
use sonde_sdk::dns::rcode::{BADVERS, FORMERR, NOERROR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL};
use sonde_sdk::types::Reason;

use crate::case::{Asked, Case, Variant, Wish};
use crate::names;

/// How a server behaves on the way to it and back, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// At least one UDP query was answered.
    Answers,
    /// UDP was never answered, and no error came.
    Silent,
    /// The server's host says that nothing listens on UDP port 53.
    Closed,
    /// This host did not let the query out.
    Forbidden,
    /// Routing, here or on the way, ended it.
    Unroutable,
    /// Our own limits: nothing is known.
    Untested,
}

/// What a server says of one candidate name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// Records of a wanted type, sorted.
    Records(Vec<String>),
    /// The name leads to itself.
    CnameLoop,
    /// NOERROR without a wanted record, for every wanted type.
    NoData,
    /// The answer did not fit, and the whole one could not be fetched.
    Truncated,
    NxDomain,
    ServFail,
    Refused,
    NotImplemented,
    /// FORMERR or BADVERS.
    Rejected,
    /// Another code.
    Other(u16),
    /// No answer at all.
    Nothing,
}

/// How a server is reached.
pub(crate) fn reach(case: &Case, server: usize) -> Reach {
    let over_udp = || case.of_server(server).filter(|asked| asked.question.variant != Variant::Tcp);
    if over_udp().any(|asked| asked.answer().is_some()) {
        return Reach::Answers;
    }
    let mut reach = Reach::Untested;
    for asked in over_udp() {
        let Some(failure) = asked.failure() else { continue };
        match failure.reason {
            Reason::Refused => return Reach::Closed,
            Reason::NotPermitted => return Reach::Forbidden,
            Reason::NetworkUnreachable | Reason::HostUnreachable | Reason::InvalidArgument => return Reach::Unroutable,
            Reason::TimedOut => reach = Reach::Silent,
            _ => {}
        }
    }
    reach
}

/// The best exchange for a question: an answer rather than a failure, a whole one rather than a truncated one.
pub(crate) fn best<'a>(case: &'a Case, server: usize, name: &'a str, qtype: u16) -> Option<&'a Asked> {
    let of = |variant| case.of(server, name, qtype, variant);
    let all = || of(Variant::Udp).chain(of(Variant::Tcp)).chain(of(Variant::Plain)).chain(of(Variant::Counted));
    let good = |asked: &&Asked| matches!(asked.rcode(), Some(NOERROR | NXDOMAIN)) && !truncated(asked);
    all().find(good).or_else(|| all().find(|asked| asked.answer().is_some())).or_else(|| all().next())
}

pub(crate) fn truncated(asked: &Asked) -> bool {
    asked.answer().is_some_and(|answer| answer.has(sonde_sdk::dns::HeaderFlags::TRUNCATED))
}

/// What a server says of a name, over every wanted type.
pub(crate) fn says(case: &Case, server: usize, name: &str) -> Says {
    if loops(case, server, name).is_some() {
        return Says::CnameLoop;
    }
    let answers: Vec<&Asked> = case.types().iter().filter_map(|qtype| best(case, server, name, *qtype)).collect();
    let mut records: Vec<String> = answers.iter().flat_map(|asked| asked.records()).map(str::to_owned).collect();
    if !records.is_empty() {
        records.sort_unstable();
        return Says::Records(records);
    }
    if answers.iter().any(|asked| truncated(asked)) {
        return Says::Truncated;
    }
    let codes: Vec<u16> = answers.iter().filter_map(|asked| asked.rcode()).collect();
    let any = |code: u16| codes.contains(&code);
    match codes.first() {
        None => Says::Nothing,
        Some(_) if any(SERVFAIL) => Says::ServFail,
        Some(_) if any(REFUSED) => Says::Refused,
        Some(_) if any(NOTIMP) => Says::NotImplemented,
        Some(_) if any(FORMERR) || any(BADVERS) => Says::Rejected,
        Some(_) if any(NOERROR) => Says::NoData,
        Some(_) if any(NXDOMAIN) => Says::NxDomain,
        Some(code) => Says::Other(*code),
    }
}

/// The records of one wanted type that a server gave, sorted.
pub(crate) fn records_of<'a>(case: &'a Case, server: usize, name: &'a str, qtype: u16) -> Vec<&'a str> {
    best(case, server, name, qtype).map_or_else(Vec::new, Asked::records)
}

/// The exchanges that show a chain of CNAMEs returning to a name it has passed.
pub(crate) fn loops(case: &Case, server: usize, name: &str) -> Option<Vec<u64>> {
    let mut evidence = Vec::new();
    let mut links: Vec<(String, String)> = Vec::new();
    for asked in case.of_server(server) {
        let Some(answer) = asked.answer() else { continue };
        let mut cited = false;
        for record in answer.of_type(CNAME) {
            let link = (names::canonical(&record.name), names::canonical(&record.rdata));
            if !links.contains(&link) {
                links.push(link);
            }
            cited = true;
        }
        if cited {
            evidence.push(asked.evidence());
        }
    }
    let mut passed = vec![names::canonical(name)];
    while let Some((_, next)) = links.iter().find(|(owner, _)| Some(owner) == passed.last()) {
        if passed.contains(next) {
            return Some(evidence);
        }
        passed.push(next.clone());
    }
    None
}

/// The names that a chain of CNAMEs passes, from the first target to the last, as far as this server's answers say.
pub(crate) fn links(case: &Case, server: usize, name: &str) -> Vec<String> {
    let mut passed: Vec<String> = Vec::new();
    let mut end = names::canonical(name);
    for _ in 0..LONGEST_CHAIN {
        let next = case
            .of_server(server)
            .filter_map(Asked::answer)
            .flat_map(|answer| answer.of_type(CNAME))
            .find(|record| names::same(&record.name, &end))
            .map(|record| names::canonical(&record.rdata));
        match next {
            Some(next) if next != end && !passed.contains(&next) => {
                passed.push(next.clone());
                end = next;
            }
            _ => break,
        }
    }
    passed
}

/// Where a chain of CNAMEs ends, as far as this server's answers say; the name itself where there is none.
pub(crate) fn chain_end(case: &Case, server: usize, name: &str) -> String {
    links(case, server, name).pop().unwrap_or_else(|| names::canonical(name))
}

/// The candidate that decides the lookup for this server: the first with records, else the one whose answer glibc reports.
pub(crate) fn decisive(case: &Case, server: usize) -> Option<usize> {
    let said: Vec<(usize, Says)> = case
        .candidates
        .iter()
        .enumerate()
        .map(|(index, candidate)| (index, says(case, server, &candidate.name)))
        .filter(|(_, says)| *says != Says::Nothing)
        .collect();
    let find = |wanted: fn(&Says) -> bool| said.iter().find(|(_, says)| wanted(says)).map(|(index, _)| *index);
    find(|says| matches!(says, Says::Records(_)))
        .or_else(|| find(|says| matches!(says, Says::CnameLoop)))
        .or_else(|| find(|says| matches!(says, Says::NoData)))
        .or_else(|| find(|says| !matches!(says, Says::NxDomain)))
        .or_else(|| said.iter().map(|(index, _)| *index).find(|index| case.candidates[*index].suffix.is_none()))
        .or_else(|| said.first().map(|(index, _)| *index))
}

/// A server is of use for the wish: it says something final.
pub(crate) fn useful(case: &Case, server: usize) -> bool {
    match case.wish {
        Wish::Alive => case.of_server(server).any(|asked| asked.answer().is_some()),
        _ => case.candidates.iter().any(|candidate| {
            matches!(
                says(case, server, &candidate.name),
                Says::Records(_) | Says::NoData | Says::NxDomain | Says::CnameLoop
            )
        }),
    }
}

/// RFC 1034 gives no limit; resolvers follow about this many.
const LONGEST_CHAIN: usize = 32;
