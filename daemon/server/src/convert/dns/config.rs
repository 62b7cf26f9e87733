//! How a vantage resolves names.

use std::net::IpAddr;

use sonde_core::observation::dns as core;
use sonde_proto::v1;

use super::super::duration;

pub(in crate::convert) fn config(request: &core::ConfigRequest, config: &core::ResolverConfig) -> v1::DnsConfig {
    v1::DnsConfig {
        name: request.name.clone().unwrap_or_default(),
        pid: request.pid.unwrap_or_default(),
        nameservers: texts(&config.nameservers),
        search: config.search.clone(),
        ndots: config.ndots.into(),
        timeout_seconds: config.timeout_s.into(),
        attempts: config.attempts.into(),
        options: config.options.clone(),
        directives: config.directives.iter().map(directive).collect(),
        nsswitch_hosts: config.nsswitch_hosts.clone(),
        hosts_addresses: texts(&config.hosts_addresses),
        hosts_lines: config.hosts_lines.iter().map(hosts_line).collect(),
        environment: config
            .environment
            .iter()
            .map(|variable| v1::DnsVariable { name: variable.name.clone(), value: variable.value.clone() })
            .collect(),
        environment_pid: config.environment_pid.unwrap_or_default(),
        views: config.views.iter().map(view).collect(),
        go: Some(super::go(&config.go)),
        manager: Some(manager(&config.manager)),
        os: config.os.clone().unwrap_or_default(),
        c_libraries: config.c_libraries.clone(),
    }
}

fn directive(directive: &core::Directive) -> v1::DnsDirective {
    v1::DnsDirective {
        line: directive.line,
        keyword: directive.keyword.clone(),
        words: directive.words.clone(),
        heeded_by: directive.heeded_by.iter().map(|heeding| super::personality(*heeding).into()).collect(),
    }
}

fn hosts_line(line: &core::HostsLine) -> v1::DnsHostsLine {
    v1::DnsHostsLine { line: line.line, address: line.address.to_string(), names: line.names.clone() }
}

fn view(view: &core::View) -> v1::DnsView {
    let server = |server: &core::Nameserver| v1::DnsNameserver {
        address: server.address.to_string(),
        port: server.port.into(),
        scope: server.scope.clone().unwrap_or_default(),
    };
    v1::DnsView {
        personality: super::personality(view.personality).into(),
        nameservers: view.nameservers.iter().map(server).collect(),
        search: view.search.clone(),
        ndots: view.ndots,
        timeout: Some(duration(view.timeout)),
        attempts: view.attempts,
        options: view.options.clone(),
        sources: view.sources.clone(),
    }
}

fn manager(manager: &core::Manager) -> v1::DnsManager {
    let kind = match manager.kind {
        core::ManagerKind::None => v1::DnsManagerKind::None,
        core::ManagerKind::SystemdResolvedStub => v1::DnsManagerKind::SystemdResolvedStub,
        core::ManagerKind::SystemdResolvedUplink => v1::DnsManagerKind::SystemdResolvedUplink,
        core::ManagerKind::NetworkManager => v1::DnsManagerKind::NetworkManager,
        core::ManagerKind::Resolvconf => v1::DnsManagerKind::Resolvconf,
        core::ManagerKind::Docker => v1::DnsManagerKind::Docker,
        core::ManagerKind::Kubernetes => v1::DnsManagerKind::Kubernetes,
        core::ManagerKind::DhcpClient => v1::DnsManagerKind::DhcpClient,
    };
    v1::DnsManager {
        kind: kind.into(),
        because: manager.because.clone(),
        upstreams: texts(&manager.upstreams),
        dns_policy: manager.dns_policy.clone().unwrap_or_default(),
        node_local: manager.node_local,
    }
}

fn texts(addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}
