//! What a run has asked and what came back, so far. The plan and the verdict are functions of it.
//!
//! Owns no judgement and no I/O.

use std::net::IpAddr;

use sonde_sdk::dial::TcpDial;
use sonde_sdk::dns::qtype::{A, AAAA, NS};
use sonde_sdk::dns::{Answer, Exchange, ManagerKind, ResolverConfig};
use sonde_sdk::sockets::ListenersAnswer;
use sonde_sdk::system::{ClockAnswer, NeighbourAnswer, RouteAnswer};
use sonde_sdk::types::{Failure, Reason};

use crate::names::{self, Candidate};

/// What the target asks of name resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Addresses of a name, as `getaddrinfo` would look them up.
    Addresses,
    /// One type of record.
    Type(u16),
    /// Nothing in particular: the resolvers of this host should be alive.
    Alive,
}

/// A query, as the plan wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Index into [`Case::servers`].
    pub(crate) server: usize,
    pub(crate) name: String,
    pub(crate) qtype: u16,
    pub(crate) variant: Variant,
    /// The same question again; from 0.
    pub(crate) attempt: u8,
}

/// How a query is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// UDP with EDNS, size 1232.
    Udp,
    /// UDP without EDNS.
    Plain,
    /// UDP with EDNS, the CD and the DO bit.
    CheckingDisabled,
    /// TCP with EDNS.
    Tcp,
    /// As `Udp`, with counter deltas.
    Counted,
}

/// One thing to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Query(Question),
    Route(String),
    Neighbour(String),
    Clock,
    Listeners,
    Dial(String),
    /// Ask a server, by address, which servers it forwards to; dnsmasq tells (`servers.bind`).
    Upstreams(String),
    /// Ask a server that another one forwards to for the first wanted type of the first candidate.
    Behind(String),
}

/// A query that was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) exchange: Exchange,
}

/// Everything known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// As the user wrote it, for sentences.
    pub(crate) subject: String,
    pub(crate) wish: Wish,
    /// The target's port, where it has one: tells a right address from a wrong one.
    pub(crate) port: Option<u16>,
    pub(crate) config: ResolverConfig,
    pub(crate) budgets: Budgets,
    /// The servers asked, in order.
    pub(crate) servers: Vec<String>,
    /// The one server is glibc's default, because none is configured.
    pub(crate) implied_server: bool,
    /// The one server was named by the target.
    pub(crate) named_server: bool,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) routes: Vec<(String, RouteAnswer)>,
    pub(crate) neighbours: Vec<(String, NeighbourAnswer)>,
    pub(crate) clock: Option<ClockAnswer>,
    pub(crate) listeners: Option<ListenersAnswer>,
    pub(crate) dials: Vec<(String, TcpDial)>,
    /// What servers say of those that they forward to, by address.
    pub(crate) upstreams: Vec<(String, Exchange)>,
    /// What those say of the name, by address.
    pub(crate) behind: Vec<(String, Exchange)>,
}

/// How long even a first answer may take, by where the server stands; in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit belongs to each number")]
pub(crate) struct Budgets {
    /// A cluster's own DNS, or this host's.
    pub(crate) in_cluster_us: u64,
    /// Another private network.
    pub(crate) cross_zone_us: u64,
    /// A public address.
    pub(crate) external_us: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { in_cluster_us: 300_000, cross_zone_us: 1_200_000, external_us: 3_000_000 }
    }
}

/// What the target said, without the plumbing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) subject: String,
    /// Absent for this host as a whole.
    pub(crate) name: Option<String>,
    pub(crate) qtype: Option<u16>,
    pub(crate) server: Option<String>,
    pub(crate) port: Option<u16>,
}

impl Case {
    pub(crate) fn new(request: &Request, config: ResolverConfig) -> Self {
        let configured: Vec<String> = config.nameservers.iter().take(MOST_SERVERS).cloned().collect();
        let (servers, implied_server) = match &request.server {
            Some(server) => (vec![server.clone()], false),
            None if !configured.is_empty() => (configured, false),
            None if request.name.is_some() => (vec!["127.0.0.1".to_owned()], true),
            None => (Vec::new(), false),
        };
        let (wish, candidates) = match &request.name {
            None => (Wish::Alive, vec![Candidate { name: ".".to_owned(), suffix: None }]),
            Some(name) => {
                let wish = request.qtype.map_or(Wish::Addresses, Wish::Type);
                let search = if request.server.is_some() { &[][..] } else { &config.search[..] };
                (wish, names::candidates(name, search, config.ndots))
            }
        };
        Self {
            subject: request.subject.clone(),
            wish,
            port: request.port,
            config,
            budgets: Budgets::default(),
            servers,
            implied_server,
            named_server: request.server.is_some(),
            candidates,
            asked: Vec::new(),
            routes: Vec::new(),
            neighbours: Vec::new(),
            clock: None,
            listeners: None,
            dials: Vec::new(),
            upstreams: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// The types that a candidate is asked for.
    pub(crate) fn types(&self) -> Vec<u16> {
        match self.wish {
            Wish::Addresses => vec![A, AAAA],
            Wish::Type(qtype) => vec![qtype],
            Wish::Alive => vec![NS],
        }
    }

    /// How long an answer of this server may take, and what is called so.
    pub(crate) fn budget(&self, server: usize) -> (&'static str, u64) {
        let address = self.servers.get(server).and_then(|address| address.parse::<IpAddr>().ok());
        let cluster = self.config.manager.kind == ManagerKind::Kubernetes || self.config.manager.node_local;
        match address {
            Some(address) if cluster || address.is_loopback() => ("in-cluster", self.budgets.in_cluster_us),
            Some(IpAddr::V4(address)) if address.is_private() || address.is_link_local() => {
                ("cross-zone", self.budgets.cross_zone_us)
            }
            Some(IpAddr::V6(address)) if address.is_unique_local() || address.is_unicast_link_local() => {
                ("cross-zone", self.budgets.cross_zone_us)
            }
            _ => ("external", self.budgets.external_us),
        }
    }

    /// What the first query of the lookup asks.
    pub(crate) fn first_question(&self) -> (String, u16) {
        let name = self.candidates.first().map_or(".", |candidate| &candidate.name);
        (name.to_owned(), self.types().first().copied().unwrap_or(A))
    }

    /// Every exchange of one server, oldest first.
    pub(crate) fn of_server(&self, server: usize) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(move |asked| asked.question.server == server)
    }

    /// Every exchange of one question, whatever the attempt.
    pub(crate) fn of<'a>(
        &'a self,
        server: usize,
        name: &'a str,
        qtype: u16,
        variant: Variant,
    ) -> impl Iterator<Item = &'a Asked> {
        self.of_server(server).filter(move |asked| {
            let question = &asked.question;
            question.qtype == qtype && question.variant == variant && names::same(&question.name, name)
        })
    }

    /// The exchange of one attempt.
    pub(crate) fn attempt<'a>(&'a self, server: usize, name: &'a str, qtype: u16, attempt: u8) -> Option<&'a Asked> {
        self.of(server, name, qtype, Variant::Udp).find(move |asked| asked.question.attempt == attempt)
    }

    /// Whether a step was taken already.
    pub(crate) fn done(&self, step: &Step) -> bool {
        match step {
            Step::Query(question) => self.asked.iter().any(|asked| asked.question == *question),
            Step::Route(address) => self.routes.iter().any(|(known, _)| known == address),
            Step::Neighbour(address) => self.neighbours.iter().any(|(known, _)| known == address),
            Step::Clock => self.clock.is_some(),
            Step::Listeners => self.listeners.is_some(),
            Step::Dial(address) => self.dials.iter().any(|(known, _)| known == address),
            Step::Upstreams(address) => self.upstreams.iter().any(|(known, _)| known == address),
            Step::Behind(address) => self.behind.iter().any(|(known, _)| known == address),
        }
    }

    pub(crate) fn route(&self, address: &str) -> Option<&RouteAnswer> {
        self.routes.iter().find(|(known, _)| known == address).map(|(_, answer)| answer)
    }

    pub(crate) fn neighbour(&self, address: &str) -> Option<&NeighbourAnswer> {
        self.neighbours.iter().find(|(known, _)| known == address).map(|(_, answer)| answer)
    }

    pub(crate) fn dial(&self, address: &str) -> Option<&TcpDial> {
        self.dials.iter().find(|(known, _)| known == address).map(|(_, dial)| dial)
    }

    /// The hosts file answers before DNS is asked.
    pub(crate) fn hosts_file_wins(&self) -> bool {
        let words = &self.config.nsswitch_hosts;
        let position = |source: &str| words.iter().position(|word| word == source);
        !self.config.hosts_addresses.is_empty()
            && matches!(self.wish, Wish::Addresses)
            && !self.named_server
            && match (position("files"), position("dns")) {
                (Some(files), Some(dns)) => files < dns,
                (Some(_), None) => true,
                (None, _) => words.is_empty(),
            }
    }
}

impl Asked {
    pub(crate) fn evidence(&self) -> u64 {
        self.exchange.evidence
    }

    pub(crate) fn answer(&self) -> Option<&Answer> {
        self.exchange.outcome.as_ref().ok()
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.exchange.outcome.as_ref().err()
    }

    pub(crate) fn rcode(&self) -> Option<u16> {
        self.answer().map(|answer| answer.rcode)
    }

    /// Nothing came back before the deadline.
    pub(crate) fn silent(&self) -> bool {
        self.failure().is_some_and(|failure| failure.reason == Reason::TimedOut)
    }

    /// Silent over TCP, although the connection was accepted.
    pub(crate) fn accepted(&self) -> bool {
        self.silent() && self.exchange.kernel_rtt_us.is_some()
    }

    pub(crate) fn elapsed_us(&self) -> u64 {
        self.exchange.timing.elapsed_us
    }

    pub(crate) fn slow(&self) -> bool {
        self.answer().is_some() && self.elapsed_us() > SLOW_US
    }

    /// The records of the type asked for.
    pub(crate) fn records(&self) -> Vec<&str> {
        let wanted = self.question.qtype;
        self.answer().map_or_else(Vec::new, |answer| {
            let mut found: Vec<&str> =
                answer.answers.iter().filter(|r| r.rtype == wanted).map(|r| r.rdata.as_str()).collect();
            found.sort_unstable();
            found.dedup();
            found
        })
    }
}

/// An answer later than this is slow (catalogue of causes, thresholds).
pub(crate) const SLOW_US: u64 = 250_000;
/// glibc's MAXNS is 3; a fourth line in resolv.conf is never asked.
const MOST_SERVERS: usize = 3;
