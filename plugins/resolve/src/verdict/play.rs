//! Plays a whole run against a modelled network: the plan asks, the model answers, the verdict judges. For tests only.

use std::collections::BTreeMap;

use sonde_sdk::dns::qtype::{CNAME, SOA, TXT};
use sonde_sdk::dns::{Answer, HeaderFlags, ResolverConfig, Resource};
use sonde_sdk::system::{ClockAnswer, ClockState, RouteAnswer};
use sonde_sdk::testkit;
use sonde_sdk::types::{Endpoint, Failure, Phase, Reason};

use super::{Judgement, judge};
use crate::case::{Asked, Case, Question, Request, Step, Variant};
use crate::names;
use crate::plan;

/// What a modelled server does with a query, and in how many milliseconds.
pub(crate) type Reply = (Result<Answer, Failure>, u64);

/// What a modelled server does.
type Server<'a> = Box<dyn Fn(&Question) -> Reply + 'a>;

/// A modelled network. The fields that a test does not set are those of a healthy host.
pub(crate) struct Net<'a> {
    pub(crate) config: ResolverConfig,
    pub(crate) request: Request,
    pub(crate) servers: Vec<Server<'a>>,
    /// State of the neighbour entry of any next hop.
    pub(crate) neighbour: &'static str,
    /// The route lookup; unicast by a gateway where absent.
    pub(crate) route: Option<RouteAnswer>,
    /// Addresses that accept connections.
    pub(crate) serving: Vec<&'static str>,
    /// Servers accept connections even where they answer nothing.
    pub(crate) accepts: bool,
    pub(crate) now: i64,
    /// Which server says that it forwards to which.
    pub(crate) forwards: Vec<(&'static str, &'static str)>,
    /// Servers behind others that answer when asked directly.
    pub(crate) works_behind: Vec<&'static str>,
    /// What moves during a query that is watched.
    pub(crate) moving: Vec<(&'static str, i64)>,
}

impl<'a> Net<'a> {
    /// A lookup of a name with one server.
    pub(crate) fn new(name: &str, server: impl Fn(&Question) -> Reply + 'a) -> Self {
        Self {
            config: testkit::resolver_config(0, &["192.0.2.53"]),
            request: Request {
                subject: name.to_owned(),
                name: Some(name.to_owned()),
                qtype: None,
                server: None,
                port: None,
            },
            servers: vec![Box::new(server)],
            neighbour: "REACHABLE",
            route: None,
            serving: vec![],
            accepts: false,
            now: 1_795_228_620,
            forwards: vec![],
            works_behind: vec![],
            moving: vec![("Ip.OutDiscards", 1)],
        }
    }

    /// A lookup with two servers.
    pub(crate) fn two(
        name: &str,
        first: impl Fn(&Question) -> Reply + 'a,
        second: impl Fn(&Question) -> Reply + 'a,
    ) -> Self {
        let mut net = Self::new(name, first);
        net.config = testkit::resolver_config(0, &["192.0.2.53", "198.51.100.53"]);
        net.servers.push(Box::new(second));
        net
    }

    pub(crate) fn case(&self) -> Case {
        let mut case = Case::new(&self.request, self.config.clone());
        let mut next_id = 1;
        for _ in 0..32 {
            for step in plan::next(&case) {
                next_id += 1;
                self.take(&mut case, step, next_id);
            }
        }
        assert!(plan::next(&case).is_empty(), "the plan does not end: {:?}", plan::next(&case));
        case
    }

    pub(crate) fn run(&self) -> Judgement {
        judge(&self.case())
    }

    fn take(&self, case: &mut Case, step: Step, id: u64) {
        match step {
            Step::Query(question) => {
                let patience = plan::patience_us(case, &question);
                let (outcome, after_ms) = self.servers[question.server](&question);
                let late = after_ms * 1000 > patience;
                let outcome = if late { Err(silence(patience / 1000)) } else { outcome };
                let mut exchange = testkit::exchange(id, outcome);
                if exchange.outcome.is_ok() {
                    exchange.timing = testkit::timing(after_ms);
                    exchange.kernel_rtt_us = (question.variant == Variant::Tcp).then_some(400);
                }
                if self.accepts && question.variant == Variant::Tcp {
                    exchange.kernel_rtt_us = Some(400);
                }
                if question.variant == Variant::Counted {
                    exchange.deltas = Some(testkit::deltas(&self.moving));
                }
                case.asked.push(Asked { question, exchange });
            }
            Step::Route(address) => {
                let answer =
                    self.route.clone().unwrap_or_else(|| testkit::route_answer(id, testkit::route(Some("192.0.2.1"))));
                case.routes.push((address, RouteAnswer { evidence: testkit::evidence(id), ..answer }));
            }
            Step::Neighbour(address) => {
                let answer = testkit::neighbour_answer(id, &address, self.neighbour);
                case.neighbours.push((address, answer));
            }
            Step::Clock => {
                let state = ClockState {
                    wall_us: self.now * 1_000_000,
                    synchronised: true,
                    estimated_error_us: 10,
                    maximum_error_us: 100,
                };
                case.clock = Some(ClockAnswer {
                    evidence: testkit::evidence(id),
                    timing: testkit::timing(0),
                    outcome: Ok(state),
                });
            }
            Step::Listeners => case.listeners = Some(testkit::listeners_answer(id, vec![])),
            Step::Dial(address) => {
                let endpoint = Endpoint::new(&address, 80);
                let dial = if self.serving.contains(&address.as_str()) {
                    testkit::dial(id, &endpoint, 300)
                } else {
                    testkit::failed_dial(id, &endpoint, Reason::TimedOut)
                };
                case.dials.push((address, dial));
            }
            Step::Upstreams(address) => {
                let told = self.forwards.iter().filter(|(from, _)| *from == address);
                let texts: Vec<Resource> =
                    told.map(|(_, to)| testkit::resource("servers.bind.", TXT, &format!("\"{to}#53 1 1\""))).collect();
                let outcome = if texts.is_empty() { Err(silence(1500)) } else { Ok(testkit::answer(0, texts)) };
                case.upstreams.push((address, testkit::exchange(id, outcome)));
            }
            Step::Behind(address) => {
                let works = self.works_behind.contains(&address.as_str());
                let outcome = if works { Ok(testkit::answer(0, vec![])) } else { Err(silence(1500)) };
                case.behind.push((address, testkit::exchange(id, outcome)));
            }
        }
    }
}

/// A zone as a server would give it: `"name TYPE"` to values; everything else is NXDOMAIN or no data, with the SOA.
pub(crate) fn zone<'a>(records: &[(&'a str, u16, &'a str)]) -> impl Fn(&Question) -> Reply + use<'a> {
    let mut table: BTreeMap<(String, u16), Vec<String>> = BTreeMap::new();
    for (name, qtype, value) in records {
        table.entry((names::canonical(name), *qtype)).or_default().push((*value).to_owned());
    }
    move |question| {
        let mut answers: Vec<Resource> = Vec::new();
        let mut at = names::canonical(&question.name);
        for _ in 0..8 {
            if let Some(values) = table.get(&(at.clone(), question.qtype)) {
                answers.extend(values.iter().map(|value| testkit::resource(&at, question.qtype, value)));
                break;
            }
            let Some(alias) = table.get(&(at.clone(), CNAME)).filter(|_| question.qtype != CNAME) else { break };
            answers.push(testkit::resource(&at, CNAME, &alias[0]));
            at = names::canonical(&alias[0]);
        }
        let exists = !answers.is_empty() || table.keys().any(|(name, _)| *name == names::canonical(&question.name));
        let mut answer = testkit::answer(if exists { 0 } else { 3 }, answers);
        if !answer.answers.iter().any(|record| record.rtype == question.qtype) {
            answer.authorities.push(testkit::resource("example", SOA, "ns.example. root.example. 1 60 60 60 60"));
        }
        (Ok(answer), 1)
    }
}

/// Always this code.
pub(crate) fn code(code: u16) -> impl Fn(&Question) -> Reply {
    move |_| (Ok(testkit::answer(code, vec![])), 1)
}

/// Never an answer.
pub(crate) fn dead(_: &Question) -> Reply {
    (Err(silence(1)), 60_000)
}

/// Always this failure.
pub(crate) fn failing(reason: Reason) -> impl Fn(&Question) -> Reply {
    move |_| (Err(testkit::failure(Phase::Wait, reason.clone(), 0)), 0)
}

/// Code with an extended error.
pub(crate) fn code_with(code: u16, info_code: u16) -> Reply {
    let mut answer = testkit::answer(code, vec![]);
    answer.edns = Some(testkit::edns(&[info_code]));
    (Ok(answer), 1)
}

/// An empty answer with the truncation bit.
pub(crate) fn cut() -> Reply {
    let mut answer = testkit::answer(0, vec![]);
    answer.flags = answer.flags | HeaderFlags::TRUNCATED;
    (Ok(answer), 1)
}

pub(crate) fn silence(elapsed_ms: u64) -> Failure {
    testkit::failure(Phase::Wait, Reason::TimedOut, elapsed_ms)
}
