//! Whether sonde did what the original did.
//!
//! Equal must be: how often each query was sent (server, transport, name, type), in which order, after which waits, the
//! addresses as a set or the error's code and text, and the wait before the end. Queries of which the later was sent before
//! the earlier could be answered were sent together and have no order. A wait of more than 100 ms may differ by 10 %, and by
//! 50 ms, the time that a busy machine takes. sonde's own steps must be the queries that the servers saw of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::Case;
use super::emulation::{Emulation, Step};
use super::original::{Outcome, Recording};
use super::recorder::{Seen, together};

/// What the second recording does otherwise than the first, in sentences; empty: nothing.
pub fn differences(case: &Case, personality: &str, original: &Recording, sonde: &Recording) -> Vec<String> {
    let lots = case.any_first_server.iter().any(|p| p == personality);
    let servers: Vec<String> = case.server.keys().map(ToString::to_string).collect();
    let turns = if lots { servers.len() } else { 1 };
    let fewest = (0..turns)
        .map(|turn| queries(&timeline(original, &servers, 0), &timeline(sonde, &servers, turn)))
        .min_by_key(Vec::len);
    let mut all = fewest.unwrap_or_default();
    all.extend(results(&original.result, &sonde.result));
    let (end, own_end) = (last_wait(original), last_wait(sonde));
    let busy = if matches!(original.result, Outcome::Addresses(_)) { BUSY_SORTING } else { BUSY };
    if end.abs_diff(own_end) > busy.max(end.max(own_end) / 10) {
        all.push(format!("from the last query to the end: {}, at sonde {}", ms(end), ms(own_end)));
    }
    all
}

/// A query's identity: transport, server, name, type.
type Key = [String; 4];

/// Every query in the order of arrival with its time in nanoseconds; the servers renamed by `turn` places.
fn timeline(recording: &Recording, servers: &[String], turn: usize) -> Vec<(Key, u64)> {
    let turned = |seen: &Seen| {
        let own = seen.server.ip().to_string();
        match servers.iter().position(|s| *s == own) {
            Some(i) => servers[(i + turn) % servers.len()].clone(),
            None => own,
        }
    };
    let key = |seen: &Seen| [seen.transport.to_owned(), turned(seen), seen.name.clone(), seen.kind.clone()];
    recording.queries.iter().map(|seen| (key(seen), seen.at_ns)).collect()
}

fn queries(original: &[(Key, u64)], sonde: &[(Key, u64)]) -> Vec<String> {
    let mut out = Vec::new();
    let (theirs, ours) = (by_key(original), by_key(sonde));
    for key in theirs.keys().chain(ours.keys().filter(|key| !theirs.contains_key(*key))) {
        let count = |of: &BTreeMap<&Key, Vec<u64>>| of.get(key).map_or(0, Vec::len);
        if count(&theirs) != count(&ours) {
            out.push(format!("sent {} times, by sonde {}: {}", count(&theirs), count(&ours), key.join(" ")));
        }
    }
    if !out.is_empty() {
        return out;
    }
    // The nth query of a kind is the nth of that kind at sonde too.
    let mut used: BTreeMap<&Key, usize> = BTreeMap::new();
    let mut previous: Option<(&Key, u64, u64)> = None;
    for (key, at) in original {
        let nth = used.entry(key).or_insert(0);
        let Some(own) = ours.get(key).and_then(|times| times.get(*nth)).copied() else { continue };
        *nth += 1;
        if let Some((before, at_before, own_before)) = previous {
            let between = |a: u64, b: u64| Duration::from_nanos(a.abs_diff(b));
            let (wait, own_wait) = (between(*at, at_before), between(own, own_before));
            let early = own < own_before;
            let equal = match (together(*at, at_before), together(own, own_before)) {
                (true, true) => true,
                (false, false) => !early && near(wait, own_wait),
                _ => !early && wait.abs_diff(own_wait) <= BUSY,
            };
            if !equal {
                let sign = if early { "-" } else { "" };
                out.push(format!(
                    "from {} to {}: {}, at sonde {sign}{}",
                    before.join(" "),
                    key.join(" "),
                    ms(wait),
                    ms(own_wait)
                ));
            }
        }
        previous = Some((key, *at, own));
    }
    out
}

fn by_key(all: &[(Key, u64)]) -> BTreeMap<&Key, Vec<u64>> {
    let mut out: BTreeMap<&Key, Vec<u64>> = BTreeMap::new();
    for (key, at) in all {
        out.entry(key).or_default().push(*at);
    }
    out
}

/// From the last query, or from the beginning where there is none, to the end.
fn last_wait(recording: &Recording) -> Duration {
    let last = recording.queries.last().map_or(recording.begin_ns, |seen| seen.at_ns);
    recording.elapsed.saturating_sub(Duration::from_nanos(last.saturating_sub(recording.begin_ns)))
}

fn results(original: &Outcome, sonde: &Outcome) -> Option<String> {
    let equal = match (original, sonde) {
        (Outcome::Addresses(theirs), Outcome::Addresses(ours)) => sorted(theirs) == sorted(ours),
        (Outcome::Error { code, text, .. }, Outcome::Error { code: own_code, text: own_text, .. }) => {
            code == own_code && text == own_text
        }
        _ => false,
    };
    let words = super::report::outcome;
    (!equal).then(|| format!("ended with {}, sonde with {}", words(original), words(sonde)))
}

fn sorted(addresses: &[String]) -> Vec<&String> {
    let mut all: Vec<_> = addresses.iter().collect();
    all.sort();
    all
}

/// Where the reported steps are not what the servers saw, in sentences.
pub fn honesty(case: &Case, sonde: &Emulation) -> Vec<String> {
    let mut out = Vec::new();
    let mut left: Vec<&Step> = sonde.steps.iter().collect();
    let first_seen = sonde.recording.queries.first().map_or(0, |seen| seen.at_ns);
    let mut first_step = None;
    for seen in &sonde.recording.queries {
        let Some(i) = left.iter().position(|step| same(step, seen)) else {
            out.push(format!("sonde reports no step for {}", line(seen)));
            continue;
        };
        let step = left.remove(i);
        let zero = *first_step.get_or_insert(step.at);
        let at = step.at.saturating_sub(zero);
        if !near(at, Duration::from_nanos(seen.at_ns - first_seen)) {
            let really = ms(Duration::from_nanos(seen.at_ns - first_seen));
            out.push(format!("sonde reports {} at {}, and it was at {really}", line(seen), ms(at)));
        }
        if RCODES.contains(&step.outcome.as_str()) && !seen.reply.contains(&step.outcome) {
            out.push(format!("sonde reports {} for {}, whose answer was {}", step.outcome, line(seen), seen.reply));
        }
    }
    // What never left the host, or went where nobody records, cannot be held against the report.
    let recorded = |step: &Step| {
        let host = plain(&step.server);
        let known =
            case.server.iter().find(|(address, _)| host == std::net::SocketAddr::new(**address, 53).to_string());
        known.is_some_and(|(_, script)| !script.iter().any(|line| line == "udp: unreachable"))
    };
    for step in left.into_iter().filter(|step| recorded(step) && !step.server.contains("[fe80")) {
        let Step { server, transport, name, kind, outcome, .. } = step;
        out.push(format!("sonde reports {transport} {server} {name} {kind} ({outcome}), which no server saw"));
    }
    out
}

fn same(step: &Step, seen: &Seen) -> bool {
    let to_it = step.transport == seen.transport && plain(&step.server) == plain(&seen.server.to_string());
    // A refused connection is all that is seen of its query.
    to_it && (seen.name.is_empty() || (bytes(&step.name) == bytes(&seen.name) && step.kind == seen.kind))
}

/// A name with its `\DDD` undone, in which two may differ.
fn bytes(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let escaped = || std::str::from_utf8(more.get(..3)?).ok()?.parse().ok();
        if let (b'\\', Some(byte)) = (first, escaped()) {
            out.push(byte);
            rest = &more[3..];
        } else {
            out.push(*first);
            rest = more;
        }
    }
    out
}

/// A server without the zone of a link-local address.
fn plain(server: &str) -> String {
    match (server.find('%'), server.find(']')) {
        (Some(zone), Some(end)) if zone < end => format!("{}{}", &server[..zone], &server[end..]),
        _ => server.to_owned(),
    }
}

fn near(a: Duration, b: Duration) -> bool {
    a.abs_diff(b) <= BUSY.max(a.max(b) / 10)
}

fn line(seen: &Seen) -> String {
    format!("{} {} {} {}", seen.transport, seen.server, seen.name, seen.kind)
}

fn ms(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1000.0)
}

/// What a busy machine takes from time to time.
const BUSY: Duration = Duration::from_millis(50);

/// After its last answer glibc asks the kernel for its own addresses, to sort what it found; the kernel makes it wait for
/// whoever makes or ends a namespace just then.
const BUSY_SORTING: Duration = Duration::from_millis(250);

const RCODES: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: &str, ms: u64) -> (Key, u64) {
        (["udp", "10.53.0.1", "a.test.", kind].map(str::to_owned), ms * 1_000_000)
    }

    #[test]
    fn queries_sent_together_have_no_order() {
        assert_eq!(queries(&[at("A", 0), at("AAAA", 1)], &[at("AAAA", 70), at("A", 71)]), Vec::<String>::new());
    }

    #[test]
    fn one_after_the_other_differs_from_both_at_once() {
        assert_eq!(queries(&[at("A", 0), at("AAAA", 60)], &[at("A", 0), at("AAAA", 1)]).len(), 1);
    }

    #[test]
    fn the_other_way_round_differs() {
        assert_eq!(queries(&[at("A", 0), at("AAAA", 60)], &[at("AAAA", 0), at("A", 60)]).len(), 1);
    }

    #[test]
    fn a_wait_may_differ_by_a_tenth() {
        assert!(queries(&[at("A", 0), at("A", 1000)], &[at("A", 0), at("A", 1090)]).is_empty());
        assert!(!queries(&[at("A", 0), at("A", 1000)], &[at("A", 0), at("A", 1200)]).is_empty());
    }

    #[test]
    fn a_query_too_many_differs() {
        assert_eq!(queries(&[at("A", 0)], &[at("A", 0), at("A", 500)]).len(), 1);
    }

    #[test]
    fn another_error_text_differs() {
        let error = |text: &str| Outcome::Error { code: "EAI_AGAIN".to_owned(), text: text.to_owned(), errno: None };
        assert!(results(&error("Try again"), &error("Try again")).is_none());
        assert!(results(&error("Try again"), &error("Temporary failure in name resolution")).is_some());
        let addresses = |all: &[&str]| Outcome::Addresses(all.iter().map(|a| (*a).to_owned()).collect());
        assert!(results(&addresses(&["::1", "127.0.0.1"]), &addresses(&["127.0.0.1", "::1"])).is_none());
        assert!(results(&addresses(&["::1"]), &addresses(&["::1", "127.0.0.1"])).is_some());
    }
}
