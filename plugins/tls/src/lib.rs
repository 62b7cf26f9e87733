//! The built-in check `tls`: does the handshake succeed, and is the certificate acceptable - and if not, is it the
//! certificate, the server, what the two cannot agree on, or something in between?
//!
//! This file only carries steps to the host; `plan` decides what to try and `verdict` what it means.

mod case;
mod date;
mod plan;
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
            .calling(["dial", "system"])
            .after(["connect"])
            .deciding(CAUSES.iter().copied())
            .costing(CostClass::Moderate)
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let (Some(host), Some(port)) = (target.host.as_deref(), target.port) else {
            return Ok(Outcome::skipped("the target has no host and port to shake hands with"));
        };
        let started = timer::now();
        let mut case = Case::new(host, port, target.kind == TargetKind::Https, &target.addresses);
        for _ in 0..MOST_ROUNDS {
            let steps = plan::next(&case);
            let left = budget.remaining().saturating_sub(timer::now().saturating_sub(started)).saturating_sub(RESERVE);
            if steps.is_empty() || left.is_zero() {
                break;
            }
            let patience = PATIENCE.min(left).min(budget.probe_timeout());
            for seen in wait::all(steps.into_iter().map(|step| take(&case, step, patience))).await {
                seen.put(&mut case);
            }
        }
        let judgement = verdict::judge(&case);
        report::all(&judgement.findings);
        Ok(judgement.outcome)
    }
}

sonde_sdk::export!(Tls);

/// What came of a step.
enum Seen {
    Handshake(Step, Box<dial::TlsDial>),
    Request(Step, Box<dial::HttpExchange>),
    Clock(system::ClockAnswer),
}

impl Seen {
    fn put(self, case: &mut Case) {
        match self {
            Self::Handshake(step, dial) => case.handshakes.push((step, *dial)),
            Self::Request(step, exchange) => case.requests.push((step, *exchange)),
            Self::Clock(answer) => case.clock = Some(answer),
        }
    }
}

/// Builds the call at once, so that the future owns what it needs.
fn take(case: &Case, step: Step, patience: Duration) -> impl Future<Output = Seen> + use<> {
    let call = match &step {
        Step::Tls { address, sni, alpn, .. } => {
            let name = if let Sni::Other(name) = sni { name } else { &case.host };
            let mut request = dial::TlsRequest::to(case.endpoint(address), name).within(patience);
            if *sni == Sni::Absent {
                request = request.without_sni();
            }
            if *alpn {
                request = request.offering(["h2", "http/1.1"]);
            }
            Call::Tls(request)
        }
        Step::Plain(address) => Call::Http(get(case, address, patience)),
        Step::Http(address) => Call::Http(get(case, address, patience).over_tls(&case.host)),
        Step::Clock => Call::Clock,
    };
    async move {
        match call {
            Call::Tls(request) => Seen::Handshake(step, Box::new(dial::tls(request).await)),
            Call::Http(request) => Seen::Request(step, Box::new(dial::http(request).await)),
            Call::Clock => Seen::Clock(system::clock().await),
        }
    }
}

enum Call {
    Tls(dial::TlsRequest),
    Http(dial::HttpRequest),
    Clock,
}

fn get(case: &Case, address: &str, patience: Duration) -> dial::HttpRequest {
    let host = if case.host.contains(':') { format!("[{}]", case.host) } else { case.host.clone() };
    dial::HttpRequest::get(case.endpoint(address), &host, "/")
        .header("user-agent", concat!("sonde/", env!("CARGO_PKG_VERSION")))
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
    "fw.dpi_reset",
    "host.clock_skew",
    "l3.pmtu_blackhole",
    "tcp.rst_linger0",
    "tcp.rst_unread_data",
];

/// One round of handshakes and two of follow-ups are the longest plan.
const MOST_ROUNDS: usize = 4;
/// Kept back to judge and report.
const RESERVE: Duration = Duration::from_millis(200);
/// Of one handshake: ten times what a slow one on a long way needs.
const PATIENCE: Duration = Duration::from_millis(2500);
