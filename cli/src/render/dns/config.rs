//! How names are resolved here: who manages it, what the files say, and what each runtime makes of it.

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{DnsConfig, DnsManagerKind, DnsPersonality, DnsView, Evidence};

use crate::render::page::Page;
use crate::render::style::{FAINT, LABEL, Mark, paint};
use crate::render::text::{self, clean, elapsed};

/// The manager, the files, the views.
pub(crate) fn page(evidence: &Evidence, width: usize) -> String {
    let Some(Call::DnsConfig(config)) = &evidence.call else { return String::new() };
    let mut page = Page::new(width);
    if let Some(failure) = &evidence.failure {
        page.headline(Mark::Broken, &clean(&failure.detail));
    }
    manager(&mut page, config);
    if !config.os.is_empty() {
        page.field("system", &format!("{}, {}", clean(&config.os), libraries(config)));
    }
    page.gap();
    for directive in &config.directives {
        let words = directive.words.iter().map(|word| clean(word)).collect::<Vec<_>>().join(" ");
        let heeded = directive.heeded_by();
        let by = heeded.map(personality).collect::<Vec<_>>();
        let note = if by.len() == 3 {
            String::new()
        } else if by.is_empty() {
            "  heeded by none".to_owned()
        } else {
            format!("  heeded by {} only", by.join(", "))
        };
        page.line(&format!(
            "resolv.conf:{}  {} {words}{}",
            directive.line,
            clean(&directive.keyword),
            paint(FAINT, &note)
        ));
    }
    if !config.nsswitch_hosts.is_empty() {
        let words = config.nsswitch_hosts.iter().map(|word| clean(word)).collect::<Vec<_>>().join(" ");
        page.line(&format!("nsswitch.conf  hosts: {words}"));
    }
    for line in &config.hosts_lines {
        let names = line.names.iter().map(|name| clean(name)).collect::<Vec<_>>().join(" ");
        page.line(&format!("hosts:{}  {} {names}", line.line, clean(&line.address)));
    }
    for variable in &config.environment {
        page.line(&format!("environment  {}={}", clean(&variable.name), clean(&variable.value)));
    }
    for view in &config.views {
        page.gap();
        show(&mut page, view);
    }
    if let Some(go) = &config.go {
        let taken = if go.netgo { "its own resolver" } else { "the C library (cgo)" };
        page.field("go takes", &format!("{taken}, order {}: {}", clean(&go.order), clean(&go.because)));
    }
    page.finish()
}

fn libraries(config: &DnsConfig) -> String {
    match config.c_libraries.as_slice() {
        [] => "no C library found".to_owned(),
        found => found.iter().map(|library| clean(library)).collect::<Vec<_>>().join(" and "),
    }
}

fn manager(page: &mut Page, config: &DnsConfig) {
    let Some(manager) = &config.manager else { return };
    let who = match manager.kind() {
        DnsManagerKind::Unspecified | DnsManagerKind::None => "nobody known",
        DnsManagerKind::SystemdResolvedStub => "systemd-resolved (stub)",
        DnsManagerKind::SystemdResolvedUplink => "systemd-resolved (uplink file)",
        DnsManagerKind::NetworkManager => "NetworkManager",
        DnsManagerKind::Resolvconf => "resolvconf",
        DnsManagerKind::Docker => "Docker",
        DnsManagerKind::Kubernetes => "kubelet",
        DnsManagerKind::DhcpClient => "a DHCP client",
    };
    page.field("managed by", &format!("{who}: {}", clean(&manager.because)));
    if !manager.upstreams.is_empty() {
        let upstreams = manager.upstreams.iter().map(|upstream| clean(upstream)).collect::<Vec<_>>().join(" ");
        page.field("forwards to", &upstreams);
    }
    if !manager.dns_policy.is_empty() {
        page.field("dnsPolicy", &clean(&manager.dns_policy));
    }
    if manager.node_local {
        page.field("cache", "the server is a node-local DNS cache");
    }
}

fn show(page: &mut Page, view: &DnsView) {
    let join = |words: &[String]| words.iter().map(|word| clean(word)).collect::<Vec<_>>().join(" ");
    page.line(&paint(LABEL, personality(view.personality())));
    let servers = view.nameservers.iter().map(|server| {
        let scope = if server.scope.is_empty() { String::new() } else { format!("%{}", clean(&server.scope)) };
        format!("{}{scope}", clean(&server.address))
    });
    page.field("servers", &servers.collect::<Vec<_>>().join(" "));
    if !view.search.is_empty() {
        page.field("search", &join(&view.search));
    }
    let timeout = elapsed(text::micros(view.timeout.as_ref()));
    page.field("tries", &format!("ndots {}, timeout {timeout}, attempts {}", view.ndots, view.attempts));
    if !view.options.is_empty() {
        page.field("options", &join(&view.options));
    }
    page.field("sources", &join(&view.sources));
}

fn personality(personality: DnsPersonality) -> &'static str {
    match personality {
        DnsPersonality::Unspecified => "?",
        DnsPersonality::Glibc => "glibc",
        DnsPersonality::Musl => "musl",
        DnsPersonality::Go => "go",
        DnsPersonality::System => "system",
    }
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{DnsDirective, DnsGoChoice, DnsManager, DnsNameserver};

    use super::*;

    #[test]
    fn a_configuration_shows_who_manages_it_and_each_runtimes_view() {
        let view = DnsView {
            personality: DnsPersonality::Musl.into(),
            nameservers: vec![DnsNameserver { address: "127.0.0.53".into(), port: 53, scope: String::new() }],
            search: vec!["corp.example".into()],
            ndots: 1,
            timeout: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            attempts: 2,
            options: vec![],
            sources: vec!["files".into(), "dns".into()],
        };
        let config = DnsConfig {
            directives: vec![
                DnsDirective {
                    line: 3,
                    keyword: "nameserver".into(),
                    words: vec!["127.0.0.53".into()],
                    heeded_by: [DnsPersonality::Glibc, DnsPersonality::Musl, DnsPersonality::Go].map(Into::into).into(),
                },
                DnsDirective {
                    line: 4,
                    keyword: "options".into(),
                    words: vec!["edns0".into()],
                    heeded_by: [DnsPersonality::Glibc, DnsPersonality::Go].map(Into::into).into(),
                },
            ],
            nsswitch_hosts: vec!["files".into(), "dns".into()],
            views: vec![view],
            go: Some(DnsGoChoice { netgo: true, because: "nothing needs cgo".into(), order: "files,dns".into() }),
            manager: Some(DnsManager {
                kind: DnsManagerKind::SystemdResolvedStub.into(),
                because: "/etc/resolv.conf leads to stub-resolv.conf".into(),
                upstreams: vec!["192.0.2.53".into()],
                ..DnsManager::default()
            }),
            os: "Ubuntu 24.04 LTS".into(),
            c_libraries: vec!["glibc".into()],
            ..DnsConfig::default()
        };
        let evidence = Evidence { call: Some(Call::DnsConfig(config)), ..Evidence::default() };

        insta::assert_snapshot!(anstream::adapter::strip_str(&page(&evidence, 100)).to_string());
    }
}
