//! `dns.query`.

use std::net::SocketAddr;
use std::time::Duration;

use sonde_core::observation::dns as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use super::answer;
use crate::bindings::sonde::check::dns as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

/// The longest DNS name (RFC 1035 section 3.1), and more than an address takes.
const SERVER_NAME_BYTES: usize = 255;

/// No DNS-over-HTTPS server documents a longer path.
const HTTP_PATH_BYTES: usize = 1 << 10;

/// RFC 7873 section 4.
const CLIENT_COOKIE_BYTES: usize = 8;

/// RFC 7873 section 4.
const SERVER_COOKIE_BYTES: std::ops::RangeInclusive<usize> = 8..=32;

/// RFC 8467 recommends 128.
const PADDING_BLOCK: std::ops::RangeInclusive<u16> = 1..=4096;

/// Raw EDNS options of one query.
const OPTIONS: usize = 16;

/// The data of all of them.
const OPTIONS_BYTES: usize = 4 << 10;

pub(super) async fn exchange(caller: &Caller, request: &wit::QueryRequest) -> wit::Exchange {
    let Answered { id, timing, answer: exchange } = match parsed(request, caller.remaining()) {
        Ok(query) => caller.call(query).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::Query::FUNCTION, core::Query::PHASE, problem);
            Answered { id, timing, answer: core::Exchange::failed(timing, failure) }
        }
    };
    wit::Exchange {
        evidence: id.0,
        timing: timing.into(),
        phases: exchange.phases.into(),
        local: exchange.local.map(Into::into),
        kernel_rtt_us: exchange.kernel_rtt.map(|rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)),
        strays: exchange.strays.into_iter().map(Into::into).collect(),
        stray_count: exchange.stray_count,
        icmp: exchange.icmp.into_iter().map(Into::into).collect(),
        session: exchange.session.map(Into::into),
        http_status: exchange.http_status,
        query_bytes: exchange.query_bytes,
        outcome: exchange.outcome.map(Into::into).map_err(Into::into),
        deltas: exchange.deltas.map(Into::into),
    }
}

fn parsed(request: &wit::QueryRequest, longest: Duration) -> Result<core::Query, String> {
    let transport: core::Transport = request.transport.into();
    Ok(core::Query {
        server: types::remote(&request.server)?,
        transport,
        name: super::name(&request.name)?,
        qtype: request.qtype,
        qclass: request.qclass,
        flags: answer::flags_of(request.flags),
        edns: request.edns.as_ref().map(edns).transpose()?,
        server_name: request.server_name.as_deref().map(|name| server_name(transport, name)).transpose()?,
        http_path: request.http_path.as_deref().map(|path| http_path(transport, path)).transpose()?,
        http_method: match request.http_method {
            wit::HttpMethod::Get => core::HttpMethod::Get,
            wit::HttpMethod::Post => core::HttpMethod::Post,
        },
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn server_name(transport: core::Transport, name: &str) -> Result<String, String> {
    if matches!(transport, core::Transport::Udp | core::Transport::Tcp) {
        return Err(format!(
            "nothing is verified over {}; leave server-name out, or use tls, https or quic",
            transport.as_str()
        ));
    }
    if name.is_empty() {
        return Err("the server name is empty; leave it out to verify the server's address".to_owned());
    }
    types::word("server name", name, SERVER_NAME_BYTES)
}

fn http_path(transport: core::Transport, path: &str) -> Result<String, String> {
    if transport != core::Transport::Https {
        return Err(format!("{} knows no path; leave http-path out, or use https", transport.as_str()));
    }
    let shown = || crate::text::tidy(path, 64);
    if !path.starts_with('/') {
        return Err(format!("the path {:?} does not begin with '/'; write it like /dns-query", shown()));
    }
    if path.chars().any(|c| !c.is_ascii_graphic() || c == '#') {
        return Err(format!("the path {:?} has characters that no path has; encode them as %XX", shown()));
    }
    types::word("path", path, HTTP_PATH_BYTES)
}

fn edns(request: &wit::EdnsRequest) -> Result<core::EdnsRequest, String> {
    if request.options.len() > OPTIONS {
        return Err(format!("{} EDNS options are given; at most {OPTIONS} are allowed", request.options.len()));
    }
    let bytes: usize = request.options.iter().map(|option| option.data.len()).sum();
    if bytes > OPTIONS_BYTES {
        return Err(format!("the EDNS options have {bytes} bytes; at most {OPTIONS_BYTES} are allowed"));
    }
    if let Some(block) = request.padding_block.filter(|block| !PADDING_BLOCK.contains(block)) {
        let (least, most) = PADDING_BLOCK.into_inner();
        return Err(format!("a query cannot be padded to multiples of {block} bytes; give {least} to {most}"));
    }
    Ok(core::EdnsRequest {
        udp_size: request.udp_size,
        version: request.version,
        dnssec_ok: request.dnssec_ok,
        nsid: request.nsid,
        client_subnet: request.client_subnet.as_ref().map(client_subnet).transpose()?,
        cookie: request.cookie.as_ref().map(cookie).transpose()?,
        padding_block: request.padding_block,
        options: request
            .options
            .iter()
            .map(|option| core::EdnsOption { code: option.code, data: option.data.clone() })
            .collect(),
    })
}

fn client_subnet(subnet: &wit::ClientSubnet) -> Result<core::ClientSubnet, String> {
    let shown = || crate::text::tidy(&subnet.prefix, 64);
    let prefix: ipnet::IpNet = subnet
        .prefix
        .parse()
        .map_err(|_| format!("{:?} is no prefix; write it like 192.0.2.0/24 or 2001:db8::/56", shown()))?;
    if prefix.trunc() != prefix {
        return Err(format!("{:?} has bits beyond its prefix; write it as {}", shown(), prefix.trunc()));
    }
    if subnet.scope != 0 {
        return Err(format!("the scope {} is for a server to give; a query has 0 (RFC 7871)", subnet.scope));
    }
    Ok(core::ClientSubnet { prefix, scope: 0 })
}

fn cookie(cookie: &wit::Cookie) -> Result<core::Cookie, String> {
    if cookie.client.len() != CLIENT_COOKIE_BYTES {
        return Err(format!("a client cookie of {} bytes; it has {CLIENT_COOKIE_BYTES}", cookie.client.len()));
    }
    if !cookie.server.is_empty() && !SERVER_COOKIE_BYTES.contains(&cookie.server.len()) {
        return Err(format!("a server cookie of {} bytes; it has none, or 8 to 32", cookie.server.len()));
    }
    Ok(core::Cookie { client: cookie.client.clone(), server: cookie.server.clone() })
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
        core::Exchange::failed(timing, failure)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types as wit_types;

    const SECOND: Duration = Duration::from_secs(1);

    fn request(transport: wit::Transport) -> wit::QueryRequest {
        wit::QueryRequest {
            server: wit_types::Endpoint { address: "192.0.2.53".to_owned(), port: 53 },
            transport,
            name: "www.example.".to_owned(),
            qtype: 1,
            qclass: 1,
            flags: wit::HeaderFlags::RECURSION_DESIRED | wit::HeaderFlags::CHECKING_DISABLED,
            edns: None,
            server_name: None,
            http_path: None,
            http_method: wit::HttpMethod::Post,
            timeout_us: 5_000_000,
            deltas: false,
        }
    }

    fn opt() -> wit::EdnsRequest {
        wit::EdnsRequest {
            udp_size: 1232,
            version: 0,
            dnssec_ok: true,
            nsid: true,
            client_subnet: None,
            cookie: None,
            padding_block: None,
            options: Vec::new(),
        }
    }

    fn problem(request: &wit::QueryRequest) -> String {
        parsed(request, SECOND).expect_err("makes no sense")
    }

    fn with(edns: wit::EdnsRequest) -> wit::QueryRequest {
        wit::QueryRequest { edns: Some(edns), ..request(wit::Transport::Udp) }
    }

    #[test]
    fn a_query_keeps_all_that_was_asked_for() {
        let subnet = wit::ClientSubnet { prefix: "2001:db8::/56".to_owned(), scope: 0 };
        let cookie = wit::Cookie { client: vec![1; 8], server: vec![2; 16] };
        let edns = wit::EdnsRequest {
            client_subnet: Some(subnet),
            cookie: Some(cookie),
            padding_block: Some(128),
            options: vec![wit::EdnsOption { code: 65_001, data: vec![3] }],
            ..opt()
        };
        let asked = wit::QueryRequest {
            edns: Some(edns),
            server_name: Some("dns.example".to_owned()),
            http_path: Some("/q".to_owned()),
            ..request(wit::Transport::Https)
        };
        let query = parsed(&asked, SECOND).expect("makes sense");
        let edns = query.edns.expect("asked for");

        assert!(query.flags.recursion_desired && query.flags.checking_disabled && !query.flags.authoritative);
        assert_eq!((query.transport, query.timeout), (core::Transport::Https, SECOND));
        assert_eq!((query.server_name.as_deref(), query.http_path.as_deref()), (Some("dns.example"), Some("/q")));
        assert_eq!(edns.client_subnet.expect("given").prefix.to_string(), "2001:db8::/56");
        assert_eq!(edns.cookie.expect("given").server.len(), 16);
        assert_eq!((edns.dnssec_ok, edns.nsid, edns.padding_block, edns.options.len()), (true, true, Some(128), 1));
    }

    #[test]
    fn what_a_transport_has_no_use_for_is_refused() {
        let named = Some("dns.example".to_owned());
        let udp = wit::QueryRequest { server_name: named, ..request(wit::Transport::Udp) };
        assert!(problem(&udp).contains("nothing is verified over udp"), "{}", problem(&udp));
        let tls = wit::QueryRequest { http_path: Some("/q".to_owned()), ..request(wit::Transport::Tls) };
        assert!(problem(&tls).contains("tls knows no path"), "{}", problem(&tls));
    }

    #[test]
    fn a_path_begins_with_a_slash_and_is_bounded() {
        for path in ["dns-query", "/a b", "/a#b", "/\u{1b}", "/é", &format!("/{}", "a".repeat(HTTP_PATH_BYTES))] {
            problem(&wit::QueryRequest { http_path: Some(path.to_owned()), ..request(wit::Transport::Https) });
        }
    }

    #[test]
    fn a_prefix_with_host_bits_is_shown_as_it_should_be() {
        let subnet = |prefix: &str, scope| Some(wit::ClientSubnet { prefix: prefix.to_owned(), scope });
        let text = problem(&with(wit::EdnsRequest { client_subnet: subnet("192.0.2.7/24", 0), ..opt() }));
        assert!(text.ends_with("write it as 192.0.2.0/24"), "{text}");
        problem(&with(wit::EdnsRequest { client_subnet: subnet("192.0.2.0", 0), ..opt() }));
        problem(&with(wit::EdnsRequest { client_subnet: subnet("192.0.2.0/24", 24), ..opt() }));
    }

    #[test]
    fn cookies_have_the_lengths_of_the_wire() {
        for (client, server) in [(7, 0), (9, 0), (8, 7), (8, 33)] {
            let cookie = Some(wit::Cookie { client: vec![0; client], server: vec![0; server] });
            problem(&with(wit::EdnsRequest { cookie, ..opt() }));
        }
    }

    #[test]
    fn options_are_bounded_in_number_and_bytes() {
        let option = |bytes: usize| wit::EdnsOption { code: 65_001, data: vec![0; bytes] };
        problem(&with(wit::EdnsRequest { options: vec![option(0); OPTIONS + 1], ..opt() }));
        problem(&with(wit::EdnsRequest { options: vec![option(OPTIONS_BYTES), option(1)], ..opt() }));
        problem(&with(wit::EdnsRequest { padding_block: Some(0), ..opt() }));
    }
}
