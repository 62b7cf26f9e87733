//! The built-in check `transport`: do large UDP answers arrive, and, on request, do encrypted transports work?

mod verdict;

use std::time::Duration;

use sonde_sdk::dns::{Exchange, Query, Transport, qtype};
use sonde_sdk::prelude::*;

use verdict::Ladder;

/// The check.
struct TransportCheck;

impl Check for TransportCheck {
    fn describe() -> Manifest {
        use ParameterType::Text;
        Manifest::new(
            "transport",
            env!("CARGO_PKG_VERSION"),
            "Tries the ways a DNS answer can travel: large UDP answers and, on request, TLS, HTTPS and QUIC.",
        )
        .serving([TargetKind::Dns])
        .calling(["dns"])
        .after(["resolve"])
        .taking(Parameter::new("encrypted", Text, "some of tls,https,quic").with_default(""))
        .taking(Parameter::new("server-name", Text, "what the certificate must be valid for; the address when absent"))
        .deciding(verdict::CAUSES.iter().copied())
        .costing(CostClass::Moderate)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let Some(name) = target.host.clone() else { return Ok(Outcome::skipped("the target has no name")) };
        let encrypted = encrypted(&arguments.required::<String>("encrypted")?)?;
        let server_name = arguments.optional::<String>("server-name")?;
        let servers = match &target.server {
            Some(server) => vec![server.clone()],
            None => dns::config(None).await.nameservers.into_iter().take(MOST_SERVERS).collect(),
        };
        if servers.is_empty() {
            return Ok(Outcome::skipped("no name server is configured"));
        }
        let patience = budget.probe_timeout().min(PATIENCE);
        let wanted = target.qtype.unwrap_or(qtype::A);
        let ladders = servers.iter().map(|server| {
            let question = Query::new(server, &name, wanted).within(patience);
            climb(question, &encrypted, server_name.as_deref())
        });
        let ladders = wait::all(ladders).await;
        Ok(verdict::judge(&name, &ladders).report())
    }
}

sonde_sdk::export!(TransportCheck);

/// Tries one server, each rung only where the one before it makes it worth trying.
async fn climb(question: Query, encrypted: &[Transport], server_name: Option<&str>) -> Ladder {
    let server = question.server.address.clone();
    let base = dns::query(question.clone()).await;
    let large = if verdict::is_truncated(&base) {
        let mut large = vec![dns::query(question.clone().edns(LARGE)).await];
        if verdict::is_silent(&large[0]) {
            large.push(dns::query(question.clone().edns(LARGE)).await);
            // The small question once more: the server is still there, so that silence belongs to the size.
            large.push(dns::query(question.clone()).await);
        }
        large
    } else {
        Vec::new()
    };
    let mut tried = Vec::new();
    for &transport in encrypted {
        let mut question = question.clone().over(transport);
        question.server_name = server_name.map(str::to_owned);
        let exchange: Exchange = dns::query(question.clone()).await;
        let again = if verdict::is_refused_certificate(&exchange) || exchange.outcome.is_err() {
            Some(dns::query(question).await)
        } else {
            None
        };
        tried.push((transport, exchange, again));
    }
    Ladder { server, base, large, encrypted: tried }
}

fn encrypted(text: &str) -> Result<Vec<Transport>, String> {
    let transport = |word: &str| match word {
        "tls" => Ok(Transport::Tls),
        "https" => Ok(Transport::Https),
        "quic" => Ok(Transport::Quic),
        other => Err(format!("encrypted transport {other:?}: write some of tls,https,quic")),
    };
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(transport).collect()
}

/// The payload size that resolvers used before RFC 9715: beyond a usual MTU, so that the answer is fragmented.
const LARGE: u16 = 4096;
/// glibc's MAXNS.
const MOST_SERVERS: usize = 3;
/// A server that answered the small question at once is not late with the large one.
const PATIENCE: Duration = Duration::from_millis(1200);
