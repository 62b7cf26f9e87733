//! The built-in check `tls`: does the handshake succeed, and is the certificate acceptable - and if not, is it the
//! certificate, the server, what the two cannot agree on, or something in between?
//!
//! This file only carries steps to the host; `plan` decides what to try and `verdict` what it means.

mod case;
mod chain;
mod issuer;
mod plan;
mod starttls;
mod verdict;

use std::time::Duration;

use sonde_sdk::prelude::*;

use case::{Case, Sni, Step};

/// The check.
struct Tls;

impl Check for Tls {
    fn describe() -> Manifest {
        Manifest::new("tls", env!("CARGO_PKG_VERSION"), "Shakes hands with the target and verifies its certificate.")
            .serving([TargetKind::Https, TargetKind::Tls, TargetKind::Grpcs])
            .calling(["dial", "path", "system"])
            .taking(
                Parameter::new("starttls", ParameterType::Text, "auto, none, postgres, mysql, smtp, imap or ldap")
                    .with_default("auto"),
            )
            .after(["connect"])
            .deciding(CAUSES.iter().copied())
            .costing(CostClass::Moderate)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let (Some(host), Some(port)) = (target.host.as_deref(), target.port) else {
            return Ok(Outcome::skipped("the target has no host and port to shake hands with"));
        };
        let (protocol, finds) = starttls::parsed(&arguments.required::<String>("starttls")?)?;
        let addresses = target.answering();
        if addresses.is_empty() && !target.addresses.is_empty() {
            return Ok(Outcome::skipped(verdict::NO_CONNECTION));
        }
        let allowance = timer::Allowance::of(budget);
        let mut case = Case::new(host, port, target.kind == TargetKind::Https, &addresses);
        // HTTP begins with TLS, or has none.
        case.starttls = protocol;
        case.finds_starttls = finds && !case.https;
        for _ in 0..MOST_ROUNDS {
            let steps = plan::next(&case);
            let left = allowance.left();
            if steps.is_empty() || left.is_zero() {
                break;
            }
            let patience = PATIENCE.min(left).min(budget.probe_timeout());
            for seen in wait::all(steps.into_iter().map(|step| take(&case, step, patience))).await {
                seen.put(&mut case);
            }
        }
        Ok(verdict::judge(&case).report())
    }
}

sonde_sdk::export!(Tls);

/// What came of a step.
enum Seen {
    Handshake(Step, Box<dial::TlsDial>),
    Hello(Step, Box<dial::TlsHelloDial>),
    Request(Step, Box<dial::HttpExchange>),
    Mtu(Step, Box<path::PathMtuResult>),
    Clock(system::ClockAnswer),
}

impl Seen {
    fn put(self, case: &mut Case) {
        match self {
            Self::Handshake(step, dial) => case.put(step, *dial),
            Self::Hello(step, dial) => case.hellos.push((step, *dial)),
            Self::Request(step, exchange) => case.requests.push((step, *exchange)),
            Self::Mtu(step, result) => case.mtus.push((step, *result)),
            Self::Clock(answer) => case.clock = Some(answer),
        }
    }
}

/// Builds the call at once, so that the future owns what it needs.
fn take(case: &Case, step: Step, patience: Duration) -> impl Future<Output = Seen> + use<> {
    let call = match &step {
        Step::Tls { address, sni, alpn, .. } => {
            let name = if let Sni::Other(name) = sni { name } else { &case.host };
            let mut request = first(case, address, name, *alpn, patience);
            if *sni == Sni::Absent {
                request = request.without_sni();
            }
            Call::Tls(request)
        }
        Step::Small(address) => Call::Tls(first(case, address, &case.host, case.https, patience).with_small_hello()),
        Step::Starttls(address, protocol) => {
            Call::Tls(first(case, address, &case.host, case.https, patience).starting_from(Some(*protocol)))
        }
        Step::Known(address) => {
            let request = first(case, address, &case.host, case.https, patience);
            Call::Tls(match issuer::fetched(case) {
                Some((_, der)) => request.knowing(der.to_vec()),
                None => request,
            })
        }
        Step::Hello(address) => {
            let request = dial::TlsHelloRequest::to(case.endpoint(address), &case.host).within(patience);
            Call::Hello(request.starting_from(case.starttls))
        }
        Step::Issuer => match issuer_request(case, patience) {
            Some(request) => Call::Http(request),
            None => Call::Clock,
        },
        Step::Large(address) => {
            Call::Http(get(case, address, patience).header("x-sonde-padding", &"0".repeat(PADDING)))
        }
        Step::Plain(address) => Call::Http(get(case, address, patience)),
        Step::Http(address) => Call::Http(get(case, address, patience).over_tls(&case.host)),
        Step::Mtu(address) => {
            let request = path::PathMtuRequest::to(case.endpoint(address)).attempting(2).without_tcp();
            Call::Mtu(request.within(patience))
        }
        Step::Clock => Call::Clock,
    };
    async move {
        match call {
            Call::Hello(request) => Seen::Hello(step, Box::new(dial::tls_hello(request).await)),
            Call::Tls(request) => Seen::Handshake(step, Box::new(dial::tls(request).await)),
            Call::Http(request) => Seen::Request(step, Box::new(dial::http(request).await)),
            Call::Mtu(request) => Seen::Mtu(step, Box::new(path::path_mtu(request).await)),
            Call::Clock => Seen::Clock(system::clock().await),
        }
    }
}

enum Call {
    Tls(dial::TlsRequest),
    Hello(dial::TlsHelloRequest),
    Http(dial::HttpRequest),
    Mtu(path::PathMtuRequest),
    Clock,
}

/// What the first handshake asks for.
fn first(case: &Case, address: &str, name: &str, alpn: bool, patience: Duration) -> dial::TlsRequest {
    let request = dial::TlsRequest::to(case.endpoint(address), name).within(patience).starting_from(case.starttls);
    if alpn { request.offering(["h2", "http/1.1"]) } else { request }
}

fn issuer_request(case: &Case, patience: Duration) -> Option<dial::HttpRequest> {
    let first = plan::suspect(case).and_then(|address| case.first(address))?;
    let place = issuer::place(case, first)?;
    let request = dial::HttpRequest::get(place.remote, &place.host, &place.path);
    Some(request.header("user-agent", AGENT).reading_at_most(4096).within(patience))
}

fn get(case: &Case, address: &str, patience: Duration) -> dial::HttpRequest {
    let host = if case.host.contains(':') { format!("[{}]", case.host) } else { case.host.clone() };
    dial::HttpRequest::get(case.endpoint(address), &host, "/")
        .header("user-agent", AGENT)
        .reading_at_most(4096)
        .within(patience)
}

/// Causes that this check can support or refute.
const CAUSES: &[&str] = &[
    "tls.cert_expired",
    "tls.intermediate_expired",
    "tls.cert_not_yet_valid",
    "tls.cert_expiring_soon",
    "tls.name_mismatch",
    "tls.default_cert_served",
    "tls.sni_required",
    "tls.self_signed",
    "tls.unknown_ca",
    "tls.chain_incomplete",
    "tls.revoked",
    "tls.weak_key",
    "tls.version_mismatch",
    "tls.cipher_mismatch",
    "tls.alpn_mismatch",
    "tls.plaintext_peer",
    "tls.client_cert_required",
    "tls.handshake_stall",
    "tls.large_hello",
    "fw.dpi_reset",
    "host.clock_skew",
    "fw.drop_remote",
    "l3.pmtu_blackhole",
    "l3.packet_loss",
    "tcp.established_blackhole",
    "tcp.accept_queue_overflow",
    "lb.backend_blackholed",
    "http.server_slow",
    "app.not_responding",
    "tcp.rst_linger0",
    "tcp.rst_unread_data",
];

/// One round of handshakes, one of STARTTLS and three of follow-ups are the longest plan.
const MOST_ROUNDS: usize = 6;
const AGENT: &str = concat!("sonde/", env!("CARGO_PKG_VERSION"));
/// With it a request is larger than a hello that spans packets.
const PADDING: usize = 2000;
/// Of one handshake: ten times what a slow one on a long way needs.
const PATIENCE: Duration = Duration::from_millis(2500);
