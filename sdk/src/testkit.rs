//! Answers and findings made by hand, to test a judgement natively.
//!
//! Each function gives the plainest record of its kind; change what the test is about with struct update syntax:
//!
//! ```
//! use sonde_sdk::testkit;
//! use sonde_sdk::types::{Endpoint, Reason};
//!
//! let dial = testkit::failed_dial(1, &Endpoint::new("192.0.2.1", 443), Reason::Refused);
//! assert_eq!(dial.evidence, testkit::evidence(1));
//! ```

mod dial;
mod dns;
mod history;
mod host;
mod path;
mod segment;
mod sockets;

pub use self::dial::{series, udp_dial};
pub use self::dns::{
    answer, edns, exchange, failed_resolution, resolution, resolver_config, resource, step, view, walk_result,
    walk_server, zone,
};

pub use self::history::{BEGAN, counted, history_answer, level, period};
pub use self::host::{
    cgroup_answer, cgroup_facts, environment_answer, host_answer, host_facts, process_answer, process_facts,
    sysctls_answer,
};
pub use self::segment::{arp_answer, conntrack_answer, gateways};
pub use self::sockets::{flow, process, socket, sockets_answer};

pub use self::path::{echo_result, exceeded, hop, path_mtu_result, round_trips, rung, silent_hop, trace_result};
use crate::check::{Budget, Target, TargetKind};
use crate::connection::{Certificate, Connection, Stamp, TcpInfo, TlsSession, Verification, VerificationProblem};
use crate::dial::{
    BodyEnd, BodyFraming, HttpExchange, HttpPhases, HttpResponse, ServerHello, TcpDial, TlsDial, TlsHelloDial,
};
use crate::report::{Finding, Stance, Strength};
use crate::sockets::{CensusAnswer, CensusGroup, CountersAnswer, Listener, ListenersAnswer};
use crate::system::{Family, Link, LinksAnswer, NeighbourAnswer, NeighbourEntry, Route, RouteAnswer, RouteKind};
use crate::types::{Counter, CounterDeltas, Endpoint, EvidenceId, Failure, IcmpError, Phase, Reason, Timing};

/// The id of the `n`th call; distinct for distinct `n`, never zero.
pub fn evidence(n: u64) -> EvidenceId {
    0x5000_0000_0000_0000 | (n + 1)
}

/// Begun at 0.
pub fn timing(elapsed_ms: u64) -> Timing {
    Timing { at_us: 0, elapsed_us: elapsed_ms * 1000 }
}

/// With the errno that belongs to the reason, no ICMP.
pub fn failure(phase: Phase, reason: Reason, elapsed_ms: u64) -> Failure {
    let (errno, name) = match &reason {
        Reason::Refused => (Some(111), Some("ECONNREFUSED")),
        Reason::Reset => (Some(104), Some("ECONNRESET")),
        Reason::NetworkUnreachable => (Some(101), Some("ENETUNREACH")),
        Reason::HostUnreachable => (Some(113), Some("EHOSTUNREACH")),
        Reason::NotPermitted => (Some(1), Some("EPERM")),
        Reason::AddressNotAvailable => (Some(99), Some("EADDRNOTAVAIL")),
        Reason::AddressInUse => (Some(98), Some("EADDRINUSE")),
        Reason::InvalidArgument => (Some(22), Some("EINVAL")),
        Reason::ProcessFileLimit => (Some(24), Some("EMFILE")),
        Reason::SystemFileLimit => (Some(23), Some("ENFILE")),
        Reason::NoBufferSpace => (Some(105), Some("ENOBUFS")),
        Reason::MessageTooBig => (Some(90), Some("EMSGSIZE")),
        _ => (None, None),
    };
    Failure {
        phase,
        detail: format!("{reason:?}"),
        reason,
        errno,
        errno_name: name.map(str::to_owned),
        icmp: None,
        elapsed_us: elapsed_ms * 1000,
    }
}

/// An ICMP error from a sender.
pub fn icmp(sender: &str, icmp_type: u8, code: u8) -> IcmpError {
    IcmpError { sender: Some(sender.to_owned()), icmp_type, code, mtu: None }
}

/// A quiet window in which these moved.
pub fn deltas(moved: &[(&str, i64)]) -> CounterDeltas {
    CounterDeltas { window: timing(1), quiet: true, moved: counters(moved) }
}

/// Counters by name.
pub fn counters(values: &[(&str, i64)]) -> Vec<Counter> {
    values.iter().map(|(name, value)| Counter { name: (*name).to_owned(), value: *value }).collect()
}

/// A snapshot.
pub fn counters_answer(n: u64, values: &[(&str, i64)]) -> CountersAnswer {
    CountersAnswer { evidence: evidence(n), timing: timing(0), taken_at_us: 0, outcome: Ok(counters(values)) }
}

/// An established connection with this round trip.
pub fn connection(rtt_us: u32) -> Connection {
    Connection {
        local: Some(Endpoint::new("192.0.2.100", 40_000)),
        connect: Timing { at_us: 0, elapsed_us: rtt_us.into() },
        wall_us: rtt_us.into(),
        scheduler_delay_us: 0,
        stamp: Stamp::AtOnce,
        uncertainty_us: 0,
        syn_retransmits: 0,
        info: Some(tcp_info(rtt_us)),
        phases: vec![],
        icmp_visible: true,
    }
}

/// Established, nothing unacknowledged.
pub fn tcp_info(rtt_us: u32) -> TcpInfo {
    TcpInfo {
        state: "ESTAB".to_owned(),
        rtt_us,
        rtt_variance_us: rtt_us / 2,
        min_rtt_us: rtt_us,
        snd_mss: 1448,
        rcv_mss: 536,
        pmtu: 1500,
        unacked: 0,
        lost: 0,
        retransmits: 0,
        total_retransmits: 0,
        backoff: 0,
        bytes_acked: 1,
        bytes_received: 0,
        bytes_sent: 0,
        bytes_retransmitted: 0,
        notsent_bytes: 0,
        snd_wnd: 65_535,
        rwnd_limited_us: 0,
        busy_us: 0,
        last_ack_received_ms: 0,
    }
}

/// Connected in this round trip.
pub fn dial(n: u64, _remote: &Endpoint, rtt_us: u32) -> TcpDial {
    TcpDial {
        evidence: evidence(n),
        timing: Timing { at_us: 0, elapsed_us: rtt_us.into() },
        connection: connection(rtt_us),
        outcome: Ok(()),
        deltas: None,
    }
}

/// Failed in the phase `connect`, at once (`timed-out`: after 1.3 s with one SYN retransmit).
pub fn failed_dial(n: u64, _remote: &Endpoint, reason: Reason) -> TcpDial {
    let silent = reason == Reason::TimedOut;
    let elapsed_ms = if silent { 1300 } else { 0 };
    TcpDial {
        evidence: evidence(n),
        timing: timing(elapsed_ms),
        connection: Connection {
            local: None,
            connect: timing(elapsed_ms),
            wall_us: elapsed_ms * 1000,
            scheduler_delay_us: 0,
            stamp: if silent { Stamp::Waiter } else { Stamp::AtOnce },
            uncertainty_us: 0,
            syn_retransmits: u32::from(silent),
            info: None,
            phases: vec![],
            icmp_visible: true,
        },
        outcome: Err(failure(Phase::Connect, reason, elapsed_ms)),
        deltas: None,
    }
}

/// A certificate of this subject, valid between these Unix seconds.
pub fn certificate(subject: &str, issuer: &str, not_before: i64, not_after: i64) -> Certificate {
    Certificate {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        serial_hex: "01".to_owned(),
        not_before,
        not_after,
        dns_names: vec![],
        addresses: vec![],
        is_ca: false,
        key: "EC P-256".to_owned(),
        signature_algorithm: "ecdsa-with-SHA256".to_owned(),
        sha256_hex: "00".repeat(32),
        self_signed: subject == issuer,
        subject_key_id_hex: String::new(),
        authority_key_id_hex: String::new(),
        issuer_urls: vec![],
        ocsp_urls: vec![],
        crl_urls: vec![],
        must_staple: false,
        der: vec![],
    }
}

/// TLS 1.3 with this chain, verified as said.
pub fn session(chain: Vec<Certificate>, verification: Verification) -> TlsSession {
    TlsSession {
        version: Some("TLSv1.3".to_owned()),
        cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
        group: Some("X25519MLKEM768".to_owned()),
        alpn: None,
        chain,
        verification,
        verification_detail: String::new(),
        verification_depth: None,
        problems: match verification {
            Verification::Accepted | Verification::NotReached => vec![],
            verification => vec![VerificationProblem { verification, depth: 0, detail: String::new() }],
        },
        issuer_in_store: false,
        trusted_roots: 140,
        staple: None,
        client_certificate_requested: false,
        client_certificate_authorities: vec![],
        plaintext: None,
        plaintext_protocol: None,
        verified_at: 0,
    }
}

/// A handshake that completed.
pub fn tls_dial(n: u64, session: TlsSession) -> TlsDial {
    TlsDial {
        evidence: evidence(n),
        timing: timing(2),
        connection: connection(500),
        starttls: None,
        handshake: Some(timing(1)),
        session: Some(session),
        outcome: Ok(()),
        deltas: None,
    }
}

/// A hello from which the server chose this version and an old cipher suite.
pub fn tls_hello_dial(n: u64, version: &str) -> TlsHelloDial {
    TlsHelloDial {
        evidence: evidence(n),
        timing: timing(2),
        connection: connection(500),
        starttls: None,
        handshake: Some(timing(1)),
        chosen: Some(ServerHello {
            version: version.to_owned(),
            cipher: "TLS_RSA_WITH_AES_128_CBC_SHA".to_owned(),
            cipher_number: 0x002f,
        }),
        plaintext: None,
        outcome: Ok(()),
    }
}

/// HTTP/1.1 with this status, no body.
pub fn http_exchange(n: u64, status: u16) -> HttpExchange {
    HttpExchange {
        evidence: evidence(n),
        timing: timing(3),
        connection: connection(500),
        phases: HttpPhases {
            connect: Some(timing(0)),
            tunnel: None,
            tls: None,
            send: Some(timing(0)),
            wait: Some(timing(1)),
            receive: Some(timing(0)),
        },
        session: None,
        tunnel: None,
        http2: None,
        response: Some(HttpResponse {
            version: "HTTP/1.1".to_owned(),
            status,
            headers: vec![],
            content_length: Some(0),
            body_framing: BodyFraming::Length,
            body_end: BodyEnd::Complete,
            body_bytes: 0,
            body_complete: true,
            body_prefix: vec![],
            trailers: vec![],
        }),
        not_http: None,
        outcome: Ok(()),
        sequels: vec![],
        deltas: None,
    }
}

/// A listener with an empty queue and a sleeping process with 10 of 1,024 files open.
pub fn listener(address: &str, port: u16) -> Listener {
    Listener {
        address: address.to_owned(),
        port,
        v6only: false,
        queued: 0,
        backlog: 128,
        syn_received: 0,
        uid: 1000,
        inode: 1,
        process: Some(process(4242, "server")),
        device: None,
        workers: vec![],
    }
}

/// A listener table.
pub fn listeners_answer(n: u64, listeners: Vec<Listener>) -> ListenersAnswer {
    ListenersAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(listeners) }
}

/// Groups of sockets by their keys.
pub fn census_answer(n: u64, groups: &[(&[&str], u64)]) -> CensusAnswer {
    let groups: Vec<_> = groups
        .iter()
        .map(|(key, count)| CensusGroup {
            key: key.iter().map(|k| (*k).to_owned()).collect(),
            count: *count,
            receive_queue_bytes: 0,
            send_queue_bytes: 0,
        })
        .collect();
    CensusAnswer {
        evidence: evidence(n),
        timing: timing(0),
        total: groups.iter().map(|g| g.count).sum(),
        outcome: Ok(groups),
    }
}

/// A unicast route by `eth0`.
pub fn route(gateway: Option<&str>) -> Route {
    Route {
        kind: RouteKind::Unicast,
        family: Family::Ipv4,
        gateway: gateway.map(str::to_owned),
        device: Some("eth0".to_owned()),
        source: Some("192.0.2.100".to_owned()),
        prefix: None,
        mtu: None,
        metric: None,
        table: Some(254),
    }
}

/// A route lookup that succeeded.
pub fn route_answer(n: u64, route: Route) -> RouteAnswer {
    RouteAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(route) }
}

/// A neighbour entry on `eth0`.
pub fn neighbour_answer(n: u64, address: &str, state: &str) -> NeighbourAnswer {
    let known = !matches!(state, "FAILED" | "INCOMPLETE" | "NONE");
    NeighbourAnswer {
        evidence: evidence(n),
        timing: timing(0),
        outcome: Ok(NeighbourEntry {
            address: address.to_owned(),
            device: "eth0".to_owned(),
            state: state.to_owned(),
            link_address: known.then(|| "02:00:00:00:00:01".to_owned()),
        }),
    }
}

/// A link that is up, with carrier.
pub fn link(name: &str, addresses: &[&str]) -> Link {
    Link {
        name: name.to_owned(),
        index: 2,
        up: true,
        carrier: true,
        loopback: name == "lo",
        mtu: 1500,
        addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        statistics: vec![],
        kind: None,
        master: None,
    }
}

/// A dump of the links.
pub fn links_answer(n: u64, links: Vec<Link>) -> LinksAnswer {
    LinksAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(links) }
}

/// A target of this kind with these addresses.
pub fn target(kind: TargetKind, host: &str, port: u16, addresses: &[&str]) -> Target {
    Target {
        text: format!("{host}:{port}"),
        kind,
        host: Some(host.to_owned()),
        port: Some(port),
        path: None,
        qtype: None,
        server: None,
        pid: None,
        addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        silent: vec![],
        period: None,
    }
}

/// 15 s in all, 3.5 s for a probe.
pub fn budget() -> Budget {
    Budget { remaining_us: 15_000_000, probe_timeout_us: 3_500_000 }
}

/// The causes that some finding supports with this strength or more.
pub fn supported(findings: &[Finding], at_least: Strength) -> Vec<&str> {
    causes(findings, Stance::Supports, at_least)
}

/// The causes that some finding refutes.
pub fn refuted(findings: &[Finding]) -> Vec<&str> {
    causes(findings, Stance::Refutes, Strength::Weak)
}

/// A cause that the rules of evidence let stand: a proof, and a refutation that cites evidence which the proof does not.
///
/// It does not know the catalogue: whether the refuted cause is a look-alike is for the caller to see.
pub fn is_proven(findings: &[Finding], cause: &str) -> bool {
    findings.iter().filter(|f| f.stance == Stance::Supports && f.strength == Strength::Proof && f.cause == cause).any(
        |proof| {
            findings
                .iter()
                .filter(|f| f.stance == Stance::Refutes && f.cause != cause)
                .any(|refutation| refutation.evidence.iter().any(|id| !proof.evidence.contains(id)))
        },
    )
}

fn causes(findings: &[Finding], stance: Stance, at_least: Strength) -> Vec<&str> {
    let mut causes: Vec<&str> =
        findings.iter().filter(|f| f.stance == stance && f.strength >= at_least).map(|f| f.cause.as_str()).collect();
    causes.sort_unstable();
    causes.dedup();
    causes
}
