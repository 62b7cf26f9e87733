//! Records of the interface `dns`.

use super::{evidence, timing};
use crate::dns::{
    Answer, Edns, Exchange, ExtendedError, GoChoice, HeaderFlags, Lameness, Manager, ManagerKind, Nameserver,
    Personality, QueryPhases, Resolution, ResolveError, ResolverConfig, Resource, Security, Step, StepOutcome,
    Transport, View, WalkResult, WalkServer, Zone, qtype,
};
use crate::types::{Endpoint, Failure, Timing};

/// An answer with this code and these records.
pub fn answer(rcode: u16, answers: Vec<Resource>) -> Answer {
    Answer {
        id: 1,
        opcode: 0,
        rcode,
        flags: HeaderFlags::RECURSION_DESIRED | HeaderFlags::RECURSION_AVAILABLE,
        question: None,
        answers,
        authorities: vec![],
        additionals: vec![],
        edns: None,
        size_bytes: 64,
    }
}

/// An OPT record with these extended errors, without texts.
pub fn edns(info_codes: &[u16]) -> Edns {
    let error = |info_code: &u16| ExtendedError { info_code: *info_code, extra_text: String::new() };
    Edns {
        udp_size: 1232,
        version: 0,
        dnssec_ok: false,
        extended_errors: info_codes.iter().map(error).collect(),
        nsid: None,
        client_subnet: None,
        cookie: None,
        padding_bytes: None,
        tcp_keepalive: None,
        options: vec![],
    }
}

/// A record with a TTL of 60 s.
pub fn resource(name: &str, rtype: u16, rdata: &str) -> Resource {
    Resource { name: name.to_owned(), rtype, rclass: 1, ttl: 60, rdata: rdata.to_owned() }
}

/// An exchange that took 1 ms, or the failure's time.
pub fn exchange(n: u64, outcome: Result<Answer, Failure>) -> Exchange {
    let timing = outcome.as_ref().err().map_or(timing(1), |f| Timing { at_us: 0, elapsed_us: f.elapsed_us });
    Exchange {
        evidence: evidence(n),
        timing,
        phases: QueryPhases { connect: None, tls: None, send: None, wait: Some(timing), receive: None },
        local: Some(Endpoint::new("192.0.2.100", 40_000)),
        kernel_rtt_us: None,
        strays: vec![],
        stray_count: 0,
        icmp: vec![],
        session: None,
        http_status: None,
        query_bytes: 40,
        outcome,
        deltas: None,
    }
}

/// These servers, and the defaults of resolv.conf(5).
pub fn resolver_config(n: u64, nameservers: &[&str]) -> ResolverConfig {
    let personalities = [Personality::Glibc, Personality::Musl, Personality::Go];
    ResolverConfig {
        evidence: evidence(n),
        nameservers: nameservers.iter().map(|s| (*s).to_owned()).collect(),
        search: vec![],
        ndots: 1,
        timeout_s: 5,
        attempts: 2,
        options: vec![],
        directives: vec![],
        nsswitch_hosts: vec!["files".to_owned(), "dns".to_owned()],
        hosts_addresses: vec![],
        hosts_lines: vec![],
        environment: vec![],
        environment_pid: Some(4242),
        views: personalities.into_iter().map(|personality| view(personality, nameservers)).collect(),
        go: GoChoice { netgo: true, because: "nothing needs cgo".to_owned(), order: "files,dns".to_owned() },
        manager: Manager {
            kind: ManagerKind::None,
            because: "resolv.conf is a plain file".to_owned(),
            upstreams: vec![],
            dns_policy: None,
            node_local: false,
        },
        os: None,
        c_libraries: vec!["glibc".to_owned()],
        problem: None,
    }
}

/// What a personality makes of these servers and nothing else.
pub fn view(personality: Personality, nameservers: &[&str]) -> View {
    let server = |address: &&str| Nameserver { address: (*address).to_owned(), port: 53, scope: None };
    View {
        personality,
        nameservers: nameservers.iter().map(server).collect(),
        search: vec![],
        ndots: 1,
        timeout_us: 5_000_000,
        attempts: 2,
        options: vec![],
        sources: vec!["files".to_owned(), "dns".to_owned()],
    }
}

/// A query for A over UDP to port 53 that took 1 ms.
pub fn step(server: &str, name: &str, outcome: StepOutcome) -> Step {
    Step {
        at_us: 0,
        elapsed_us: 1000,
        server: Endpoint::new(server, 53),
        transport: Transport::Udp,
        name: name.to_owned(),
        qtype: qtype::A,
        outcome,
        addresses: vec![],
    }
}

/// These addresses from DNS, without steps.
pub fn resolution(n: u64, addresses: &[&str]) -> Resolution {
    Resolution {
        evidence: evidence(n),
        timing: timing(1),
        steps: vec![],
        source: "dns".to_owned(),
        addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        error: None,
        canonical_name: None,
        go: None,
        failure: None,
    }
}

/// The runtime's user reads this.
pub fn failed_resolution(n: u64, code: &str, text: &str) -> Resolution {
    let error = ResolveError { code: code.to_owned(), text: text.to_owned() };
    Resolution { source: String::new(), error: Some(error), ..resolution(n, &[]) }
}

/// A server that serves its zone, asked in 1 ms.
pub fn walk_server(name: &str, address: &str, outcome: Result<Answer, Failure>) -> WalkServer {
    let lameness = if outcome.is_ok() { Lameness::None } else { Lameness::Silent };
    WalkServer {
        name: name.to_owned(),
        address: Some(address.to_owned()),
        lameness,
        elapsed_us: 1000,
        outcome: Some(outcome),
        serial: Some(1),
    }
}

/// An unsigned zone whose parent and child name the same servers.
pub fn zone(name: &str, servers: Vec<WalkServer>) -> Zone {
    let mut names: Vec<String> = servers.iter().map(|server| server.name.clone()).collect();
    names.dedup();
    Zone {
        name: name.to_owned(),
        parent_servers: names.clone(),
        child_servers: names,
        servers,
        signed: false,
        security: Security::Insecure,
        security_detail: "no DS at the parent".to_owned(),
    }
}

/// A walk that ended with this answer, unsigned.
pub fn walk_result(n: u64, zones: Vec<Zone>, answer: Option<Answer>) -> WalkResult {
    WalkResult {
        evidence: evidence(n),
        timing: timing(10),
        queries: u32::try_from(zones.iter().map(|zone| zone.servers.len()).sum::<usize>()).unwrap_or(u32::MAX),
        zones,
        answer,
        disagreements: vec![],
        security: Security::Insecure,
        security_code: None,
        security_detail: "the chain ends at an unsigned delegation".to_owned(),
        continues_at: None,
        failure: None,
    }
}
