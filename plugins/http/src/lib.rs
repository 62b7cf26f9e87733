//! The built-in check `http`: does the page come, in time and whole - and if not, is it the application, a proxy before
//! it, the credentials, the path, or the connection?
//!
//! This file only carries steps to the host; `plan` decides what to request and `verdict` what it means.

mod body;
mod case;
mod dead_end;
mod held;
mod location;
mod plan;
mod verdict;

use std::net::IpAddr;
use std::time::Duration;

use sonde_sdk::location::Place;
use sonde_sdk::prelude::*;
use sonde_sdk::proxy::Proxy;
use sonde_sdk::{deadline, grpc};

use case::{Case, Detour, End, Form, Get, Owner, Step, Wishes};
use location::Origin;

/// The check.
struct Http;

impl Check for Http {
    fn describe() -> Manifest {
        Manifest::new(
            "http",
            env!("CARGO_PKG_VERSION"),
            "Requests the target's page, a few times, and follows its redirects.",
        )
        .serving([TargetKind::Https, TargetKind::Http, TargetKind::Grpc, TargetKind::Grpcs])
        .taking(Parameter::new(
            "idle",
            ParameterType::Duration,
            "Also ask whether a connection can be used again after this pause.",
        ))
        .taking(Parameter::new(
            "timeouts",
            ParameterType::Text,
            "What the caller allows, as connect=1s,total=2s (dial, connect, tls, header, total), and who it is, as go, curl, java, python-requests, happy-eyeballs, in-order: which would fire first?",
        ))
        .taking(Parameter::new(
            "proxies",
            ParameterType::Text,
            "Also ask by way of the proxy that an environment names: own (the daemon's) or the id of a process.",
        ))
        .calling(["dial", "path", "system", "dns"])
        .after(["connect", "tls"])
        .deciding(CAUSES.iter().copied())
        .costing(CostClass::Moderate)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let (Some(host), Some(port)) = (target.host.as_deref(), target.port) else {
            return Ok(Outcome::skipped("the target has no host and port to request from"));
        };
        let allowance = timer::Allowance::of(budget);
        let origin = Origin {
            https: matches!(target.kind, TargetKind::Https | TargetKind::Grpcs),
            grpc: matches!(target.kind, TargetKind::Grpc | TargetKind::Grpcs),
            host: host.to_ascii_lowercase(),
            port,
        };
        let path = target.path.as_deref().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let wishes = wishes(&arguments, budget)?;
        let addresses = target.answering();
        if addresses.is_empty() && !target.addresses.is_empty() && wishes == Wishes::default() {
            return Ok(Outcome::skipped(verdict::NO_CONNECTION));
        }
        let answering = !addresses.is_empty();
        let silent = target.addresses.iter().filter(|address| answering && !addresses.contains(address)).cloned();
        let silent = silent.collect();
        // What the caller wishes to know can be known of a silent address too.
        let addresses = if addresses.is_empty() { &target.addresses } else { &addresses };
        let mut case = Case::new(origin, &path, addresses);
        case.wishes = wishes;
        case.answering = answering;
        case.silent = silent;
        for _ in 0..MOST_ROUNDS {
            let steps = plan::next(&case);
            let left = allowance.left();
            if steps.is_empty() || left.is_zero() {
                break;
            }
            let usual = budget.probe_timeout();
            for seen in wait::all(steps.into_iter().map(|step| take(&case, step, usual, left))).await {
                match seen {
                    Seen::Exchange(get, exchange) => case.exchanges.push((get, *exchange)),
                    Seen::Proxies(answer) => case.proxies = Some(answer),
                    Seen::Order(resolution) => case.order = Some(resolution),
                    Seen::Detour(detour) => case.detours.push(*detour),
                    Seen::Idled(get, pause, exchange) => case.idles.push((get, pause, *exchange)),
                    Seen::Handshake(address, dial) => case.handshakes.push((address, *dial)),
                    Seen::Mtu(address, result) => case.mtus.push((address, *result)),
                    Seen::Hold(address, attempt, dial) => case.holds.push((address, attempt, *dial)),
                    Seen::Beyond(place, exchange) => case.beyond.push((place, *exchange)),
                }
            }
        }
        Ok(verdict::judge(&case).report())
    }
}

sonde_sdk::export!(Http);

fn wishes(arguments: &Arguments, budget: Budget) -> Result<Wishes, String> {
    let idle: Option<Duration> = arguments.optional("idle")?;
    // Once, once more, and half of it, beside the requests themselves.
    if let Some(idle) = idle.filter(|idle| 2 * *idle + budget.probe_timeout() > budget.remaining()) {
        let left = budget.remaining().as_millis();
        return Err(format!(
            "argument idle is {idle:?}: twice that does not fit into the run's {left} ms; give it more"
        ));
    }
    let timeouts: Option<String> = arguments.optional("timeouts")?;
    let timeouts = timeouts.map(|text| deadline::Timeouts::parse(&text)).transpose();
    let proxies: Option<String> = arguments.optional("proxies")?;
    let proxies = proxies.map(|text| match text.as_str() {
        "own" => Ok(Owner::Daemon),
        pid => pid
            .parse()
            .ok()
            .filter(|pid| *pid != 0)
            .map(Owner::Process)
            .ok_or_else(|| format!("argument proxies is {pid:?}: it must be own, or the id of a process")),
    });
    let proxies = proxies.transpose()?;
    Ok(Wishes { idle, proxies, timeouts: timeouts.map_err(|problem| format!("argument timeouts: {problem}"))? })
}

/// What came of a step.
enum Seen {
    Exchange(Get, Box<dial::HttpExchange>),
    Proxies(system::ProxiesAnswer),
    Order(dns::Resolution),
    Detour(Box<Detour>),
    Idled(Get, Duration, Box<dial::HttpExchange>),
    Handshake(String, Box<dial::TlsDial>),
    Mtu(String, Box<path::PathMtuResult>),
    Hold(String, u8, Box<dial::TcpDial>),
    Beyond(Place, Box<dial::HttpExchange>),
}

/// How long a request is waited for: `usual`, less of the first, and much more of one that was silent before.
fn patience(case: &Case, get: &Get, usual: Duration) -> Duration {
    let first = Get { attempt: 0, ..get.clone() };
    match (get.form, get.attempt) {
        (Form::Usual, 0) => FIRST.min(usual),
        (Form::Usual, 1) if case.find(&first).is_some_and(|e| matches!(case::end(e), End::Silent | End::Stuck)) => {
            verdict::LAST
        }
        (Form::Counted, 1..) => WINDOW.min(usual),
        _ => usual,
    }
}

/// Builds the call at once, so that the future owns what it needs.
fn take(case: &Case, step: Step, usual: Duration, left: Duration) -> impl Future<Output = Seen> + use<> {
    let longest = left.min(usual);
    let latest = left.saturating_sub(LAST_WORDS);
    let pause = if let Step::Later(_, pause) = &step { *pause } else { Duration::ZERO };
    let call = match step {
        Step::Get(get) | Step::Later(get, _) => {
            let request = request(case, &get).within(patience(case, &get, usual).min(latest));
            Call::Http(get, request)
        }
        Step::Idle(get, pause) => {
            let request = request(case, &get).within(pause + longest).again_after(pause);
            Call::Idle(get, pause, request)
        }
        Step::Proxies(owner) => Call::Proxies(match owner {
            Owner::Daemon => None,
            Owner::Process(pid) => Some(pid),
        }),
        Step::Order => {
            Call::Order(dns::ResolveRequest::of(&case.origin.host, dns::Personality::System).within(longest))
        }
        Step::Via(get, proxy) => {
            let host = if case.origin.host.contains(':') {
                format!("[{}]", case.origin.host)
            } else {
                case.origin.host.clone()
            };
            let request = request(case, &get).within(longest).proxied_to(&format!("{host}:{}", case.origin.port));
            Call::Via(get, proxy, request)
        }
        Step::Tls(address) => {
            let request =
                dial::TlsRequest::to(case.endpoint(&address), &case.origin.host).within(GREETING.min(longest));
            Call::Tls(address, request)
        }
        Step::Beyond(address, place, _) => {
            let request = page_of(Endpoint::new(&address, place.port), &place.authority(), &place.path);
            let request = if place.https { request.over_tls(&place.host) } else { request };
            Call::Beyond(place, request.within(FIRST.min(longest)))
        }
        Step::Mtu(address) => {
            let request = path::PathMtuRequest::to(case.endpoint(&address))
                .attempting(2)
                .without_tcp()
                .within(verdict::LAST.min(latest));
            Call::Mtu(address, request)
        }
        Step::Hold(address, attempt) => {
            let request = dial::TcpRequest::to(case.endpoint(&address)).within(GREETING.min(longest));
            Call::Hold(address, attempt, request.holding((WINDOW / 2).min(longest)).resetting().with_deltas())
        }
    };
    async move {
        if !pause.is_zero() {
            timer::sleep(pause).await;
        }
        match call {
            Call::Http(get, request) => Seen::Exchange(get, Box::new(dial::http(request).await)),
            Call::Order(request) => Seen::Order(dns::resolve(request).await),
            Call::Proxies(pid) => Seen::Proxies(system::proxies(pid).await),
            Call::Via(get, proxy, request) => Seen::Detour(Box::new(detour(get, proxy, request).await)),
            Call::Idle(get, pause, request) => Seen::Idled(get, pause, Box::new(dial::http(request).await)),
            Call::Tls(address, request) => Seen::Handshake(address, Box::new(dial::tls(request).await)),
            Call::Mtu(address, request) => Seen::Mtu(address, Box::new(path::path_mtu(request).await)),
            Call::Hold(address, attempt, request) => Seen::Hold(address, attempt, Box::new(dial::tcp(request).await)),
            Call::Beyond(place, request) => Seen::Beyond(place, Box::new(dial::http(request).await)),
        }
    }
}

enum Call {
    Http(Get, dial::HttpRequest),
    Idle(Get, Duration, dial::HttpRequest),
    Proxies(Option<u32>),
    Order(dns::ResolveRequest),
    Via(Get, Proxy, dial::HttpRequest),
    Tls(String, dial::TlsRequest),
    Mtu(String, path::PathMtuRequest),
    Hold(String, u8, dial::TcpRequest),
    Beyond(Place, dial::HttpRequest),
}

/// Looks the proxy up as a program here would, and asks by way of it.
async fn detour(get: Get, proxy: Proxy, mut request: dial::HttpRequest) -> Detour {
    let address = if proxy.host.parse::<IpAddr>().is_ok() {
        Some(proxy.host.clone())
    } else {
        dns::resolve(dns::ResolveRequest::of(&proxy.host, dns::Personality::Glibc)).await.addresses.first().cloned()
    };
    let exchange = match address {
        Some(address) => {
            request.remote = Endpoint::new(&address, proxy.port);
            Some(dial::http(request).await)
        }
        None => None,
    };
    Detour { get, proxy, exchange }
}

fn request(case: &Case, get: &Get) -> dial::HttpRequest {
    let (remote, host) = (case.endpoint(&get.address), case.origin.header());
    let mut request = if case.origin.grpc {
        grpc::health(remote, &host, get.path.trim_start_matches('/'))
    } else {
        page_of(remote, &host, &get.path)
    };
    if case.origin.https {
        request = request.over_tls(&case.origin.host);
    }
    if !get.cookies.is_empty() {
        request = request.header("cookie", &get.cookies);
    }
    match get.form {
        Form::Usual => request,
        Form::Padded => request.header("x-sonde-padding", &"x".repeat(PADDING)),
        Form::Http1 => request.speaking(dial::HttpProtocol::Http1),
        Form::Small => request.in_segments_of(SMALL_SEGMENT),
        Form::Head => request.method("HEAD"),
        Form::Counted => request.with_deltas(),
    }
}

fn page_of(remote: Endpoint, host: &str, path: &str) -> dial::HttpRequest {
    dial::HttpRequest::get(remote, host, path)
        .header("user-agent", concat!("sonde/", env!("CARGO_PKG_VERSION")))
        .header("accept", "*/*")
}

/// Causes that this check can support or refute.
const CAUSES: &[&str] = &[
    "http.unauthorized",
    "http.not_found",
    "http.rate_limited",
    "http.server_error",
    "http.bad_gateway",
    "http.unavailable",
    "http.gateway_timeout",
    "http.header_too_large",
    "http.redirect_loop",
    "http.tls_required",
    "http.not_http",
    "http.empty_reply",
    "http.truncated_body",
    "http.server_slow",
    "http.slow_body",
    "http.keepalive_race",
    "http.lb_idle_timeout",
    "http.h2_stream_limit",
    "http.pool_exhausted",
    "http.proxy_env",
    "fw.drop_remote",
    "fw.drop_local_input",
    "fw.drop_local_output",
    "fw.reject_icmp",
    "app.deadline_budget",
    "lb.backend_erroring",
    "lb.backend_refused",
    "lb.backend_blackholed",
    "tcp.port_closed",
    "app.not_responding",
    "app.dependency_hung",
    "tcp.rst_linger0",
    "tcp.rst_unread_data",
    "tcp.peer_zero_window",
    "tcp.established_blackhole",
    "tcp.accept_queue_overflow",
    "tcp.small_window",
    "tls.default_cert_served",
    "tls.handshake_stall",
    "tls.cert_expired",
    "tls.cert_not_yet_valid",
    "tls.intermediate_expired",
    "tls.name_mismatch",
    "tls.plaintext_peer",
    "tls.revoked",
    "tls.self_signed",
    "tls.unknown_ca",
    "tls.weak_key",
    "host.clock_skew",
    "fw.dpi_reset",
    "l3.fallback_budget",
    "l3.packet_loss",
    "l3.pmtu_blackhole",
    "l3.rp_filter_drop",
];

/// The openings, the redirects, and rounds of follow-ups.
const MOST_ROUNDS: usize = 11 + case::MOST_REDIRECTS;
/// Of the first request.
const FIRST: Duration = Duration::from_millis(2500);
/// Of what is counted while a server is silent: an answer that nobody acknowledges is repeated three times in it.
const WINDOW: Duration = Duration::from_millis(1600);
/// Of a run, so that it has a verdict when its time is up.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Of the handshake that only asks whether a port speaks TLS at all.
const GREETING: Duration = Duration::from_secs(1);
/// With its headers below the 576 bytes that every host takes (RFC 1122), options and a tunnel's header included.
const SMALL_SEGMENT: u16 = 400;
/// Fills two segments of any common size, and stays below the header limits of common servers (8 KiB).
const PADDING: usize = 3000;
