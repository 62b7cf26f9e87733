//! What to ask next, given what is known: a pure function, so that a whole run can be played natively.
//!
//! The first round is what a resolver library would ask. Everything after it exists to separate one cause from another.

use sonde_sdk::dns::qtype::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use sonde_sdk::dns::rcode::{BADVERS, FORMERR, NOERROR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL};
use sonde_sdk::types::Reason;

use crate::case::{Asked, Case, Question, SLOW_US, Step, Variant, Wish};
use crate::forward;
use crate::names;
use crate::reading::{self, Reach, Says};

/// The steps not yet taken that the case wants now; empty when it is ready to be judged.
pub(crate) fn next(case: &Case) -> Vec<Step> {
    let mut wanted = Wanted { case, steps: Vec::new() };
    if case.implied_server {
        wanted.step(Step::Listeners);
    }
    let last = last_candidate(case);
    for index in 0..=last {
        let Some(candidate) = case.candidates.get(index) else { break };
        for server in 0..case.servers.len() {
            for qtype in case.types() {
                wanted.ask(server, &candidate.name, qtype, Variant::Udp, 0);
            }
            if !case.hosts_file_wins() {
                for qtype in case.types() {
                    follow_up(&mut wanted, server, &candidate.name, qtype);
                }
            }
        }
    }
    if wanted.steps.is_empty() {
        for server in 0..case.servers.len() {
            path(&mut wanted, server);
        }
        if !matches!(case.wish, Wish::Alive) {
            meaning(&mut wanted);
            for step in forward::steps(case) {
                wanted.step(step);
            }
        }
    }
    wanted.steps.truncate(MOST_STEPS);
    wanted.steps
}

/// How long a query may take, before the budget has its say.
///
/// A server that answered something quickly is not given the long wait: what it does not answer is not late.
pub(crate) fn patience_us(case: &Case, question: &Question) -> u64 {
    let lively =
        case.of_server(question.server).any(|asked| asked.answer().is_some() && asked.elapsed_us() < FIRST_US / 2);
    match question.variant {
        Variant::Udp | Variant::Counted if question.attempt == 0 || lively => FIRST_US,
        Variant::Udp if question.attempt >= FIRST_OF_BURST => FIRST_US,
        _ => SECOND_US,
    }
}

struct Wanted<'a> {
    case: &'a Case,
    steps: Vec<Step>,
}

impl Wanted<'_> {
    fn step(&mut self, step: Step) {
        if !self.case.done(&step) && !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    fn ask(&mut self, server: usize, name: &str, qtype: u16, variant: Variant, attempt: u8) {
        self.step(Step::Query(Question { server, name: name.to_owned(), qtype, variant, attempt }));
    }
}

/// The lookup walks the search list until a name exists; a server that says nothing ends the walk.
fn last_candidate(case: &Case) -> usize {
    let mut index = 0;
    while index + 1 < case.candidates.len() {
        let name = &case.candidates[index].name;
        let said: Vec<Says> = (0..case.servers.len()).map(|server| reading::says(case, server, name)).collect();
        let found = said.iter().any(|says| matches!(says, Says::Records(_) | Says::CnameLoop));
        let goes_on = said.iter().any(|says| matches!(says, Says::NxDomain | Says::NoData | Says::ServFail));
        if found || !goes_on {
            break;
        }
        index += 1;
    }
    index
}

/// What the answer to one question calls for.
fn follow_up(wanted: &mut Wanted<'_>, server: usize, name: &str, qtype: u16) {
    let case = wanted.case;
    let Some(first) = case.attempt(server, name, qtype, 0) else { return };
    if let Some(failure) = first.failure() {
        match failure.reason {
            Reason::TimedOut => silence(wanted, server, name, qtype),
            Reason::Denied(_) | Reason::Unavailable(_) | Reason::InvalidRequest(_) | Reason::BudgetExhausted(_) => {}
            Reason::NotPermitted => {
                wanted.ask(server, name, qtype, Variant::Tcp, 0);
                wanted.ask(server, name, qtype, Variant::Counted, 0);
                wanted.step(Step::Route(case.servers[server].clone()));
            }
            _ => {
                wanted.ask(server, name, qtype, Variant::Udp, 1);
                wanted.ask(server, name, qtype, Variant::Tcp, 0);
            }
        }
    }
    // A late answer says as much as a prompt one.
    let Some(first) = case.of(server, name, qtype, Variant::Udp).find(|asked| asked.answer().is_some()) else { return };
    if reading::truncated(first) {
        wanted.ask(server, name, qtype, Variant::Tcp, 0);
        if case.of(server, name, qtype, Variant::Tcp).any(|asked| asked.failure().is_some()) {
            wanted.ask(server, name, qtype, Variant::Udp, 1);
        }
    }
    if first.elapsed_us() > VERY_SLOW_US {
        absolute(wanted, server, name, qtype);
    }
    if first.elapsed_us() > SLOW_US {
        wanted.ask(server, name, qtype, Variant::Udp, 1);
        wanted.ask(server, name, qtype, Variant::Tcp, 0);
        // Whatever the resolver had to learn, it knows by now.
        if case.attempt(server, name, qtype, 1).is_some_and(Asked::slow) {
            wanted.ask(server, name, qtype, Variant::Udp, 2);
        }
    }
    match first.rcode().unwrap_or(NOERROR) {
        NOERROR | NXDOMAIN => {
            // An NXDOMAIN for one type while the other exists is the server's fault: look twice.
            if first.rcode() == Some(NXDOMAIN) && other_exists(case, server, name, qtype) {
                wanted.ask(server, name, qtype, Variant::Udp, 1);
            }
        }
        _ if matches!(case.wish, Wish::Alive) => {}
        SERVFAIL => {
            wanted.ask(server, name, qtype, Variant::Udp, 1);
            wanted.ask(server, name, qtype, Variant::CheckingDisabled, 0);
            cname_walk(wanted, server, name);
        }
        REFUSED | NOTIMP => {
            wanted.ask(server, name, qtype, Variant::Udp, 1);
            wanted.ask(server, ".", NS, Variant::Udp, 0);
        }
        FORMERR | BADVERS => {
            wanted.ask(server, name, qtype, Variant::Plain, 0);
            wanted.ask(server, name, qtype, Variant::Udp, 1);
        }
        _ => wanted.ask(server, name, qtype, Variant::Udp, 1),
    }
}

/// A query got no answer: lost, dropped by kind, or is the server dead?
fn silence(wanted: &mut Wanted<'_>, server: usize, name: &str, qtype: u16) {
    let case = wanted.case;
    wanted.ask(server, name, qtype, Variant::Udp, 1);
    let others: Vec<u16> = case.types().into_iter().filter(|other| *other != qtype).collect();
    let answered = others
        .iter()
        .copied()
        .find(|other| case.attempt(server, name, *other, 0).is_some_and(|a| a.answer().is_some()));
    absolute(wanted, server, name, qtype);
    if let Some(other) = answered {
        // One type is answered: does it repeat?
        wanted.ask(server, name, qtype, Variant::Udp, 2);
        wanted.ask(server, name, other, Variant::Udp, 1);
    } else if case.types().first() == Some(&qtype) {
        wanted.ask(server, name, qtype, Variant::Tcp, 0);
        wanted.ask(server, name, qtype, Variant::Plain, 0);
        if matches!(case.wish, Wish::Alive) {
            // Answered without any upstream (RFC 6761 section 6.3).
            wanted.ask(server, "localhost", A, Variant::Udp, 0);
        }
    }
    // The retry was answered at once, so the first was lost: how many are?
    let healed = case.attempt(server, name, qtype, 1).is_some_and(|retry| retry.answer().is_some() && !retry.slow());
    if healed {
        for attempt in FIRST_OF_BURST..FIRST_OF_BURST + 5 {
            wanted.ask(server, name, qtype, Variant::Udp, attempt);
        }
    }
}

/// A suffixed name gets no answer, or a very late one: does the name as written?
fn absolute(wanted: &mut Wanted<'_>, server: usize, name: &str, qtype: u16) {
    let case = wanted.case;
    let suffixed = case.candidates.iter().any(|known| known.suffix.is_some() && names::same(&known.name, name));
    let plain = case.candidates.iter().find(|known| known.suffix.is_none());
    if let Some(plain) = plain.filter(|plain| suffixed && names::dots(&plain.name) > 0) {
        wanted.ask(server, &plain.name, qtype, Variant::Udp, 0);
        wanted.ask(server, &plain.name, qtype, Variant::Udp, 1);
    }
}

/// SERVFAIL may hide a chain of CNAMEs that leads nowhere: walk it.
fn cname_walk(wanted: &mut Wanted<'_>, server: usize, name: &str) {
    let case = wanted.case;
    let mut at = names::canonical(name);
    let mut walked = 0;
    for _ in 0..LONGEST_WALK {
        wanted.ask(server, &at, CNAME, Variant::Udp, 0);
        let Some(asked) = case.attempt(server, &at, CNAME, 0) else { break };
        let Some(next) = asked.records().first().map(|target| names::canonical(target)) else { break };
        if reading::loops(case, server, name).is_some() || next == at {
            return;
        }
        at = next;
        walked += 1;
    }
    // A long chain that ends: the resolver gave up on its length if it follows the rest of it.
    if walked >= LONG_CHAIN {
        let links = reading::links(case, server, name);
        if let Some(half) = links.get(links.len() / 2) {
            wanted.ask(server, half, case.types().first().copied().unwrap_or(A), Variant::Udp, 0);
        }
    }
}

/// Below DNS: what this host knows of the way to a server that does not answer.
fn path(wanted: &mut Wanted<'_>, server: usize) {
    let case = wanted.case;
    let tcp_answers =
        case.of_server(server).any(|asked| asked.question.variant == Variant::Tcp && asked.answer().is_some());
    if !matches!(reading::reach(case, server), Reach::Silent | Reach::Unroutable | Reach::Closed) || tcp_answers {
        return;
    }
    let address = &case.servers[server];
    wanted.step(Step::Route(address.clone()));
    let dark = matches!(reading::reach(case, server), Reach::Silent | Reach::Unroutable);
    if let Some(Ok(route)) = case.route(address).map(|answer| &answer.outcome).filter(|_| dark) {
        wanted.step(Step::Neighbour(route.gateway.clone().unwrap_or_else(|| address.clone())));
    }
}

/// Second observations about the name itself.
fn meaning(wanted: &mut Wanted<'_>) {
    let case = wanted.case;
    for server in 0..case.servers.len() {
        let Some(index) = reading::decisive(case, server) else { continue };
        let name = case.candidates[index].name.clone();
        match reading::says(case, server, &name) {
            Says::NxDomain | Says::NoData if case.hosts_file_wins() => {}
            Says::NxDomain => absent(wanted, server, &name),
            Says::NoData => other_type(wanted, server, &name),
            Says::Records(_) if case.wish == Wish::Type(SRV) => service_targets(wanted, server, &name),
            Says::Records(_) => {
                captured(wanted, server, index);
                wrong_family(wanted, server, &name);
            }
            Says::CnameLoop => wanted.ask(server, &name, CNAME, Variant::Udp, 0),
            Says::ServFail if case.of_server(server).any(signature_is_old) => wanted.step(Step::Clock),
            _ => {}
        }
    }
    conflicting(wanted);
}

/// NXDOMAIN: another type must say so too, and a suffix may be missing.
fn absent(wanted: &mut Wanted<'_>, server: usize, name: &str) {
    let case = wanted.case;
    other_type(wanted, server, name);
    let plain = case.candidates.iter().find(|candidate| candidate.suffix.is_none());
    let Some(plain) = plain.filter(|plain| names::dots(&plain.name) == 0 && case.wish == Wish::Addresses) else {
        return;
    };
    if reading::decisive(case, server).is_none() || server != 0 {
        return;
    }
    let address = &case.servers[server];
    wanted.step(Step::Route(address.clone()));
    let own =
        case.route(address).and_then(|answer| answer.outcome.as_ref().ok()).and_then(|route| route.source.clone());
    if let Some(reverse) = own.as_deref().and_then(names::reverse) {
        wanted.ask(server, &reverse, PTR, Variant::Udp, 0);
    }
    for suffix in likely_suffixes(case, server) {
        wanted.ask(server, &format!("{}.{suffix}", plain.name), A, Variant::Udp, 0);
    }
}

/// Domains that this host plausibly belongs to, but that are not in its search list.
pub(crate) fn likely_suffixes(case: &Case, server: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let own_names = case.of_server(server).filter(|asked| asked.question.qtype == PTR).flat_map(Asked::records);
    let domains = own_names.filter_map(names::parent).map(names::canonical);
    let parents = case.config.search.iter().filter_map(|suffix| names::parent(suffix)).map(names::canonical);
    for suffix in domains.chain(parents) {
        let known = case.config.search.iter().any(|have| names::same(have, &suffix));
        // A top-level domain is no place of a host.
        if !known && !found.contains(&suffix) && names::dots(&suffix) > 0 && found.len() < 3 {
            found.push(suffix);
        }
    }
    found
}

/// A question of another type about the same name; for a service, about its owner.
fn other_type(wanted: &mut Wanted<'_>, server: usize, name: &str) {
    match wanted.case.wish {
        Wish::Type(SRV) => {
            let owner = names::service_owner(name);
            wanted.ask(server, &owner, A, Variant::Udp, 0);
            wanted.ask(server, &owner, AAAA, Variant::Udp, 0);
        }
        Wish::Type(A) => wanted.ask(server, name, AAAA, Variant::Udp, 0),
        Wish::Type(AAAA) => wanted.ask(server, name, A, Variant::Udp, 0),
        _ => wanted.ask(server, name, TXT, Variant::Udp, 0),
    }
}

/// Every target of a service record must have an address.
fn service_targets(wanted: &mut Wanted<'_>, server: usize, name: &str) {
    let case = wanted.case;
    for target in targets(case, server, name) {
        wanted.ask(server, &target, A, Variant::Udp, 0);
        wanted.ask(server, &target, AAAA, Variant::Udp, 0);
    }
}

/// The targets of the service records that a server gave; at most [`MOST_TARGETS`].
pub(crate) fn targets(case: &Case, server: usize, name: &str) -> Vec<String> {
    reading::records_of(case, server, name, SRV)
        .into_iter()
        .filter_map(|rdata| rdata.split_whitespace().nth(3))
        .map(names::canonical)
        .filter(|target| target != ".")
        .take(MOST_TARGETS)
        .collect()
}

/// A suffix answered for a name with dots: what does the name itself say, and does the suffix answer for anything?
fn captured(wanted: &mut Wanted<'_>, server: usize, index: usize) {
    let case = wanted.case;
    let candidate = &case.candidates[index];
    let (Some(suffix), Some(plain)) = (&candidate.suffix, case.candidates.last()) else { return };
    if names::dots(&plain.name) == 0 || case.hosts_file_wins() {
        return;
    }
    wanted.ask(server, &plain.name, A, Variant::Udp, 0);
    wanted.ask(server, &nonsense(case, suffix), A, Variant::Udp, 0);
}

/// A name under the suffix that nobody would have created; the same for the whole run.
pub(crate) fn nonsense(case: &Case, suffix: &str) -> String {
    format!("sonde-{:016x}.{suffix}", case.config.evidence)
}

/// One family is answered with an error although the name exists: would it be without validation?
fn wrong_family(wanted: &mut Wanted<'_>, server: usize, name: &str) {
    let case = wanted.case;
    for qtype in case.types() {
        let failed = case.attempt(server, name, qtype, 0).and_then(Asked::rcode).is_some_and(|code| code != NOERROR);
        if failed && other_exists(case, server, name, qtype) {
            wanted.ask(server, name, qtype, Variant::Udp, 1);
        }
    }
}

fn other_exists(case: &Case, server: usize, name: &str, qtype: u16) -> bool {
    case.types().into_iter().any(|other| other != qtype && !reading::records_of(case, server, name, other).is_empty())
}

/// Two sources give different addresses: whose zone is it, and which address serves?
fn conflicting(wanted: &mut Wanted<'_>) {
    let case = wanted.case;
    let Some(conflict) = conflict(case) else { return };
    for server in conflict.servers {
        wanted.ask(server, &conflict.name, SOA, Variant::Udp, 0);
    }
    if case.port.is_some() {
        for address in conflict.dial {
            wanted.step(Step::Dial(address));
        }
    }
}

/// Different answers for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) name: String,
    /// Those that take part.
    pub(crate) servers: Vec<usize>,
    /// One address of each side.
    pub(crate) dial: Vec<String>,
}

/// The servers' answers, or the hosts file and the servers, have no address in common.
pub(crate) fn conflict(case: &Case) -> Option<Conflict> {
    if case.wish != Wish::Addresses {
        return None;
    }
    let answers: Vec<(usize, String, Vec<&str>)> = (0..case.servers.len())
        .filter_map(|server| {
            let name = &case.candidates.get(reading::decisive(case, server)?)?.name;
            let v4 = reading::records_of(case, server, name, A);
            let v6 = reading::records_of(case, server, name, AAAA);
            Some((server, name.clone(), if v4.is_empty() { v6 } else { v4 }))
        })
        .collect();
    if case.hosts_file_wins() {
        let (server, name, dns) = answers.iter().find(|(_, _, addresses)| !addresses.is_empty())?;
        let hosts = &case.config.hosts_addresses;
        let same_family: Vec<&String> =
            hosts.iter().filter(|a| dns.first().is_some_and(|d| d.contains(':') == a.contains(':'))).collect();
        let differs = !same_family.is_empty() && !same_family.iter().any(|address| dns.contains(&address.as_str()));
        return differs.then(|| Conflict {
            name: name.clone(),
            servers: vec![*server],
            dial: vec![same_family[0].clone(), dns[0].to_owned()],
        });
    }
    let (first, name, mine) = answers.first()?;
    let (other, _, theirs) = answers.iter().skip(1).find(|(server, _, theirs)| {
        reading::useful(case, *server) && reading::useful(case, *first) && !mine.iter().any(|a| theirs.contains(a))
    })?;
    let positive = !mine.is_empty() || !theirs.is_empty();
    positive.then(|| Conflict {
        name: name.clone(),
        servers: vec![*first, *other],
        dial: mine.first().into_iter().chain(theirs.first()).map(ToString::to_string).collect(),
    })
}

/// Something in the answers speaks of signatures and their dates.
fn signature_is_old(asked: &Asked) -> bool {
    asked.question.variant == Variant::CheckingDisabled && asked.rcode() == Some(NOERROR)
}

/// Of the first query to a server: glibc would wait 5 s, but a healthy resolver rarely needs half a second.
const FIRST_US: u64 = 1_200_000;
/// Of the queries that tell late from dead.
const SECOND_US: u64 = 2_600_000;
/// Attempts from this one on are sent together, to count losses.
pub(crate) const FIRST_OF_BURST: u8 = 3;
/// The host takes 64 calls at a time.
const MOST_STEPS: usize = 24;
const MOST_TARGETS: usize = 4;
const LONGEST_WALK: usize = 24;
/// Resolvers follow eight to seventeen aliases.
pub(crate) const LONG_CHAIN: usize = 8;
/// A search domain that takes this long makes every lookup slow.
pub(crate) const VERY_SLOW_US: u64 = 1_000_000;
