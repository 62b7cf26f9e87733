//! What the delegation says of a name, from the roots down, and whether its signatures hold.
//!
//! Every server of every zone is asked the same; the way down takes one that serves, the validator reads what was kept.
//! Bounded: 24 zones, 32 addresses a zone, the queries and the time of [`ask`]. Absent on purpose: caches that outlive a walk,
//! and following an alias into another zone, which is the caller's to do.

mod ask;
mod explain;
mod glue;
mod judge;
mod roots;
mod secure;
mod servers;
mod verdict;
mod visit;
mod wildcard;
mod zone;

use hickory_proto::rr::{Name, RecordType};
use sonde_core::observation::dns::{WalkRequest, WalkResult, Zone};
use sonde_core::observation::{Endpoint, Failure, Phase, Reason};

use self::ask::{Asker, text};
use self::glue::Memory;
use self::roots::Anchor;
use self::secure::Evidence;
use self::servers::{Server, Survey};
use self::zone::Cut;
use crate::clock::RunClock;
use crate::vantage::Vantage;

/// Zones from the root down.
const MOST_ZONES: usize = 24;

/// Sentences kept.
const MOST_DISAGREEMENTS: usize = 64;

/// Follows the delegation from the roots, asking every server of every zone, and validates the chain.
pub async fn walk(vantage: &Vantage, clock: &RunClock, request: &WalkRequest) -> WalkResult {
    let at = clock.now();
    let prepared = name(&request.name).and_then(|name| Ok((name, Anchor::parse_all(&request.trust_anchors)?)));
    let (name, anchors) = match prepared {
        Ok(prepared) => prepared,
        Err(what) => {
            let failure = failed(clock, at, Reason::InvalidRequest(what.clone()), what);
            return WalkResult::failed(clock.since(at), failure);
        }
    };
    let asker = Asker::new(vantage, clock, request);
    let roots = root_servers(&asker, &request.roots);
    let mut walk = Walk {
        asker: &asker,
        name,
        rtype: RecordType::from(request.qtype),
        memory: Memory::new(roots.iter().map(|server| server.endpoint).collect()),
        evidence: Evidence::new(anchors),
        zones: Vec::new(),
        disagreements: Vec::new(),
        problem: None,
    };
    let last = walk.down(roots).await;
    let mut result = walk.conclude(last).await;
    let exhausted = asker.exhausted();
    let problem = walk.problem.take().map(|text| (Reason::Other(text.clone()), text));
    // Where the limits ended it, what followed from that is no news.
    result.failure =
        exhausted.filter(|_| problem.is_some()).or(problem).map(|(reason, text)| failed(clock, at, reason, text));
    result.queries = asker.queries();
    result.timing = clock.since(at);
    result
}

fn failed(clock: &RunClock, at: std::time::Duration, reason: Reason, detail: String) -> Failure {
    let elapsed = clock.since(at).elapsed;
    Failure { phase: Phase::Inspect, reason, errno: None, icmp: None, elapsed, detail }
}

/// By the rules of `query`: ASCII, with or without the final dot.
fn name(text: &str) -> Result<Name, String> {
    let parsed = super::name::Name::parse(text)?;
    let mut labels = Vec::new();
    let mut rest = parsed.wire();
    while let Some((&length, after)) = rest.split_first()
        && length > 0
        && let Some((label, next)) = after.split_at_checked(length.into())
    {
        labels.push(label);
        rest = next;
    }
    if labels.is_empty() {
        return Ok(Name::root());
    }
    Name::from_labels(labels).map_err(|error| format!("name {text:?}: {error}"))
}

fn root_servers(asker: &Asker<'_>, given: &[Endpoint]) -> Vec<Server> {
    if !given.is_empty() {
        return given.iter().map(|endpoint| Server { name: None, endpoint: *endpoint }).collect();
    }
    let mut servers = Vec::new();
    for (host, address) in roots::hints() {
        if let Ok(host) = name(host) {
            servers::add(&mut servers, asker, &host, [address]);
        }
    }
    servers
}

/// One walk under way.
struct Walk<'a> {
    asker: &'a Asker<'a>,
    name: Name,
    rtype: RecordType,
    memory: Memory,
    evidence: Evidence,
    zones: Vec<Zone>,
    disagreements: Vec<String>,
    /// Why it ended early.
    problem: Option<String>,
}

/// The zone that the way down ended in.
struct Last {
    zone: Name,
    surveys: Vec<Survey>,
}

impl Walk<'_> {
    /// Zone by zone to the one that answers; nothing where none does.
    async fn down(&mut self, roots: Vec<Server>) -> Option<Last> {
        let mut zone = Name::root();
        let mut parents: Option<Cut> = None;
        let mut servers = roots;
        for _ in 0..MOST_ZONES {
            let surveys = self.visit(&zone, parents.as_ref(), servers).await;
            let usable: Vec<&Survey> = surveys.iter().filter(|survey| survey.usable(&zone)).collect();
            if usable.is_empty() {
                self.problem = Some(format!("no server of {} serves it", text(&zone)));
                return None;
            }
            self.memory.remember(&zone, usable.iter().map(|survey| survey.server.endpoint).collect());
            let below = zone::below(self.asker, &zone, &surveys, &self.name, self.rtype).await;
            self.note(below.problems);
            let Some(cut) = below.cut else { return Some(Last { zone, surveys }) };
            let ds = zone::first_answer(self.asker, &usable, &cut.name, RecordType::DS).await;
            if let Some(message) = ds.and_then(|(_, reply)| reply.message) {
                self.evidence.keep(&cut.name, RecordType::DS, &message);
            }
            servers = self.delegated(&zone, &cut).await;
            zone = cut.name.clone();
            parents = Some(cut);
        }
        self.problem = Some(format!("more than {MOST_ZONES} zones; the last was {}", text(&zone)));
        None
    }

    fn note(&mut self, sentences: impl IntoIterator<Item = String>) {
        for sentence in sentences {
            if self.disagreements.len() < MOST_DISAGREEMENTS && !self.disagreements.contains(&sentence) {
                self.disagreements.push(sentence);
            }
        }
    }
}
