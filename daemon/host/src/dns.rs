//! The interface `dns`.

use std::net::SocketAddr;
use std::time::Duration;

use sonde_core::observation::dns as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::dns as wit;
use crate::call::{Answered, HostCall};
use crate::run::Run;
use crate::session::Session;
use crate::types;

/// RFC 1035 section 3.1, in presentation format with every byte escaped as `\DDD`.
const NAME_BYTES: usize = 1020;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn query(accessor: &Accessor<Session, Self>, request: wit::QueryRequest) -> wit::Exchange {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        let longest = caller.remaining();
        match query(&request, longest) {
            Ok(query) => exchange(caller.call(query).await),
            Err(problem) => {
                let (id, timing, failure) = caller.reject(core::Query::FUNCTION, core::Query::PHASE, problem);
                wit::Exchange {
                    evidence: id.0,
                    timing: timing.into(),
                    kernel_rtt_us: None,
                    strays: 0,
                    outcome: Err(failure.into()),
                    deltas: None,
                }
            }
        }
    }

    async fn config(accessor: &Accessor<Session, Self>, name: Option<String>) -> wit::ResolverConfig {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        let answered = match name.map(|name| types::word("name", &name, NAME_BYTES)).transpose() {
            Ok(name) => caller.call(Config { name, timeout: caller.remaining() }).await,
            Err(problem) => {
                let (id, timing, failure) = caller.reject(Config::FUNCTION, Config::PHASE, problem);
                Answered { id, timing, answer: unread(timing, failure) }
            }
        };
        config(answered)
    }
}

impl HostCall for core::Query {
    type Answer = core::Exchange;
    const FUNCTION: &'static str = "dns.query";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        let server = SocketAddr::new(self.server.address, self.server.port);
        run.with_grants(|grants| grants.query(server)).map_err(|denial| Reason::Denied(denial.to_string()))
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::Exchange {
        sonde_probe::dns::query(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::Exchange {
        core::Exchange { timing, kernel_rtt: None, strays: 0, outcome: Err(failure), deltas: None }
    }

    fn observed(self, answer: core::Exchange) -> Call {
        Call::DnsQuery { request: self, answer }
    }

    fn timing(answer: &core::Exchange) -> Option<Timing> {
        Some(answer.timing)
    }

    fn is_alone(&self) -> bool {
        self.deltas
    }
}

/// `dns.config`.
#[derive(Clone, Debug)]
struct Config {
    name: Option<String>,
    timeout: Duration,
}

impl HostCall for Config {
    type Answer = core::ResolverConfig;
    const FUNCTION: &'static str = "dns.config";
    const PHASE: Phase = Phase::Inspect;

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::ResolverConfig {
        let at = run.clock.now();
        let config = sonde_probe::dns::config(&run.vantage, &run.clock, self.name.as_deref());
        tokio::time::timeout(self.timeout.min(run.probe_timeout), config).await.unwrap_or_else(|_| {
            let timing = run.clock.since(at);
            unread(timing, crate::call::timed_out(timing.elapsed))
        })
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::ResolverConfig {
        unread(timing, failure)
    }

    fn observed(self, answer: core::ResolverConfig) -> Call {
        Call::DnsConfig { name: self.name, answer }
    }

    fn timing(answer: &core::ResolverConfig) -> Option<Timing> {
        Some(answer.timing)
    }
}

/// A configuration of which nothing was read: resolv.conf(5)'s defaults and the problem.
fn unread(timing: Timing, problem: Failure) -> core::ResolverConfig {
    core::ResolverConfig {
        timing,
        nameservers: Vec::new(),
        search: Vec::new(),
        ndots: 1,
        timeout_s: 5,
        attempts: 2,
        options: Vec::new(),
        nsswitch_hosts: Vec::new(),
        hosts_addresses: Vec::new(),
        problem: Some(problem),
    }
}

fn query(request: &wit::QueryRequest, longest: Duration) -> Result<core::Query, String> {
    if request.dnssec_ok && request.edns_size.is_none() {
        return Err("the DO bit travels in the OPT record; give edns-size, too".to_owned());
    }
    Ok(core::Query {
        server: types::remote(&request.server)?,
        transport: match request.transport {
            wit::Transport::Udp => core::Transport::Udp,
            wit::Transport::Tcp => core::Transport::Tcp,
        },
        name: types::word("name", &request.name, NAME_BYTES)?,
        qtype: request.qtype,
        qclass: request.qclass,
        recursion_desired: request.flags.contains(wit::QueryFlags::RECURSION_DESIRED),
        checking_disabled: request.flags.contains(wit::QueryFlags::CHECKING_DISABLED),
        authentic_data: request.flags.contains(wit::QueryFlags::AUTHENTIC_DATA),
        edns_size: request.edns_size,
        dnssec_ok: request.dnssec_ok,
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn exchange(answered: Answered<core::Exchange>) -> wit::Exchange {
    let Answered { id, timing, answer: exchange } = answered;
    wit::Exchange {
        evidence: id.0,
        timing: timing.into(),
        kernel_rtt_us: exchange.kernel_rtt.map(|rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)),
        strays: exchange.strays,
        outcome: exchange.outcome.map(Into::into).map_err(Into::into),
        deltas: exchange.deltas.map(Into::into),
    }
}

impl From<core::Answer> for wit::Answer {
    fn from(answer: core::Answer) -> Self {
        let resources = |records: Vec<core::Resource>| records.into_iter().map(Into::into).collect();
        Self {
            rcode: answer.rcode,
            flags: flags(&answer),
            answers: resources(answer.answers),
            authorities: resources(answer.authorities),
            additionals: resources(answer.additionals),
            edns: answer.edns.map(|edns| wit::Edns {
                udp_size: edns.udp_size,
                version: edns.version,
                dnssec_ok: edns.dnssec_ok,
                extended_errors: edns
                    .extended_errors
                    .into_iter()
                    .map(|error| wit::ExtendedError { info_code: error.info_code, extra_text: error.extra_text })
                    .collect(),
            }),
            size_bytes: answer.size_bytes,
        }
    }
}

fn flags(answer: &core::Answer) -> wit::AnswerFlags {
    let bits = [
        (answer.authoritative, wit::AnswerFlags::AUTHORITATIVE),
        (answer.truncated, wit::AnswerFlags::TRUNCATED),
        (answer.recursion_desired, wit::AnswerFlags::RECURSION_DESIRED),
        (answer.recursion_available, wit::AnswerFlags::RECURSION_AVAILABLE),
        (answer.authentic_data, wit::AnswerFlags::AUTHENTIC_DATA),
        (answer.checking_disabled, wit::AnswerFlags::CHECKING_DISABLED),
    ];
    bits.into_iter().filter(|(set, _)| *set).fold(wit::AnswerFlags::empty(), |flags, (_, flag)| flags | flag)
}

impl From<core::Resource> for wit::Resource {
    fn from(record: core::Resource) -> Self {
        Self { name: record.name, rtype: record.rtype, ttl: record.ttl, rdata: record.rdata }
    }
}

fn config(answered: Answered<core::ResolverConfig>) -> wit::ResolverConfig {
    let Answered { id, answer: config, .. } = answered;
    wit::ResolverConfig {
        evidence: id.0,
        nameservers: types::texts(&config.nameservers),
        search: config.search,
        ndots: config.ndots,
        timeout_s: config.timeout_s,
        attempts: config.attempts,
        options: config.options,
        nsswitch_hosts: config.nsswitch_hosts,
        hosts_addresses: types::texts(&config.hosts_addresses),
        problem: config.problem.map(Into::into),
    }
}
