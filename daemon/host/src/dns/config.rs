//! `dns.config`.

use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::dns as core;
use sonde_core::observation::{Call, Failure, Phase, Timing};

use crate::bindings::sonde::check::dns as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros};

pub(super) async fn read(caller: &Caller, request: &wit::ConfigRequest) -> wit::ResolverConfig {
    let Answered { id, answer: config, .. } = match parsed(request) {
        Ok(request) => caller.call(Config { request, timeout: caller.remaining() }).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(Config::FUNCTION, Config::PHASE, problem);
            Answered { id, timing, answer: core::ResolverConfig::unread(timing, failure) }
        }
    };
    wit::ResolverConfig {
        evidence: id.0,
        nameservers: types::texts(&config.nameservers),
        search: config.search,
        ndots: config.ndots,
        timeout_s: config.timeout_s,
        attempts: config.attempts,
        options: config.options,
        directives: config.directives.into_iter().map(Into::into).collect(),
        nsswitch_hosts: config.nsswitch_hosts,
        hosts_addresses: types::texts(&config.hosts_addresses),
        hosts_lines: config.hosts_lines.into_iter().map(Into::into).collect(),
        environment: config
            .environment
            .into_iter()
            .map(|variable| wit::Variable { name: variable.name, value: variable.value })
            .collect(),
        environment_pid: config.environment_pid,
        views: config.views.into_iter().map(Into::into).collect(),
        go: config.go.into(),
        manager: config.manager.into(),
        os: config.os,
        c_libraries: config.c_libraries,
        problem: config.problem.map(Into::into),
    }
}

fn parsed(request: &wit::ConfigRequest) -> Result<core::ConfigRequest, String> {
    Ok(core::ConfigRequest {
        name: request.name.as_deref().map(super::name).transpose()?,
        pid: types::process(request.pid)?,
    })
}

/// `dns.config`, with its timeout, which its caller does not choose.
#[derive(Clone, Debug)]
struct Config {
    request: core::ConfigRequest,
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
        let config = sonde_probe::dns::config(&run.vantage, &run.clock, &self.request);
        tokio::time::timeout(self.timeout.min(run.probe_timeout), config).await.unwrap_or_else(|_| {
            let timing = run.clock.since(at);
            core::ResolverConfig::unread(timing, crate::call::timed_out(timing.elapsed))
        })
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::ResolverConfig {
        core::ResolverConfig::unread(timing, failure)
    }

    fn observed(self, answer: core::ResolverConfig) -> Call {
        Call::DnsConfig { request: self.request, answer }
    }

    fn timing(answer: &core::ResolverConfig) -> Option<Timing> {
        Some(answer.timing)
    }
}

impl From<core::Personality> for wit::Personality {
    fn from(personality: core::Personality) -> Self {
        match personality {
            core::Personality::Glibc => Self::Glibc,
            core::Personality::Musl => Self::Musl,
            core::Personality::Go => Self::Go,
            core::Personality::System => Self::System,
        }
    }
}

impl From<core::Directive> for wit::Directive {
    fn from(directive: core::Directive) -> Self {
        Self {
            line: directive.line,
            keyword: directive.keyword,
            words: directive.words,
            heeded_by: directive.heeded_by.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<core::View> for wit::View {
    fn from(view: core::View) -> Self {
        let server = |server: core::Nameserver| wit::Nameserver {
            address: server.address.to_string(),
            port: server.port,
            scope: server.scope,
        };
        Self {
            personality: view.personality.into(),
            nameservers: view.nameservers.into_iter().map(server).collect(),
            search: view.search,
            ndots: view.ndots,
            timeout_us: micros(view.timeout),
            attempts: view.attempts,
            options: view.options,
            sources: view.sources,
        }
    }
}

impl From<core::HostsLine> for wit::HostsLine {
    fn from(line: core::HostsLine) -> Self {
        Self { line: line.line, address: line.address.to_string(), names: line.names }
    }
}

impl From<core::GoChoice> for wit::GoChoice {
    fn from(choice: core::GoChoice) -> Self {
        Self { netgo: choice.netgo, because: choice.because, order: choice.order }
    }
}

impl From<core::Manager> for wit::Manager {
    fn from(manager: core::Manager) -> Self {
        let upstreams: Vec<IpAddr> = manager.upstreams;
        Self {
            kind: match manager.kind {
                core::ManagerKind::None => wit::ManagerKind::None,
                core::ManagerKind::SystemdResolvedStub => wit::ManagerKind::SystemdResolvedStub,
                core::ManagerKind::SystemdResolvedUplink => wit::ManagerKind::SystemdResolvedUplink,
                core::ManagerKind::NetworkManager => wit::ManagerKind::NetworkManager,
                core::ManagerKind::Resolvconf => wit::ManagerKind::Resolvconf,
                core::ManagerKind::Docker => wit::ManagerKind::Docker,
                core::ManagerKind::Kubernetes => wit::ManagerKind::Kubernetes,
                core::ManagerKind::DhcpClient => wit::ManagerKind::DhcpClient,
            },
            because: manager.because,
            upstreams: types::texts(&upstreams),
            dns_policy: manager.dns_policy,
            node_local: manager.node_local,
        }
    }
}
