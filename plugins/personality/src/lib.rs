//! The built-in check `personality`: do programs with different resolvers come to different results with the target's name, here?

mod verdict;

use std::time::Duration;

use sonde_sdk::dns::{Personality, Resolution, ResolveRequest};
use sonde_sdk::prelude::*;

use verdict::{Case, Round};

/// The check.
struct PersonalityCheck;

impl Check for PersonalityCheck {
    fn describe() -> Manifest {
        use TargetKind::{Dns, Grpc, Grpcs, Http, Https, Tcp, Tls};
        Manifest::new(
            "personality",
            env!("CARGO_PKG_VERSION"),
            "Looks the name up as glibc, musl and Go would, and compares what their users would read.",
        )
        .serving([Dns, Https, Http, Tcp, Tls, Grpc, Grpcs])
        .calling(["dns"])
        .after(["resolve", "connect", "tls", "http"])
        .taking(Parameter::new("timeout", ParameterType::Duration, "where each lookup is cut off").with_default("3s"))
        .deciding(verdict::CAUSES.iter().copied())
        .costing(CostClass::Moderate)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let allowance = timer::Allowance::of(budget);
        let name = target.host.clone().filter(|host| host.parse::<std::net::IpAddr>().is_err());
        let Some(name) = name else { return Ok(Outcome::skipped("the target has no name to look up")) };
        if target.server.is_some()
            || target.qtype.is_some_and(|qtype| !matches!(qtype, dns::qtype::A | dns::qtype::AAAA))
        {
            return Ok(Outcome::skipped("no runtime's resolver would ask this"));
        }
        let config = dns::config(Some(&name)).await;
        let words = &config.nsswitch_hosts;
        if !words.is_empty() && !words.iter().any(|word| word == "dns" || word == "resolve") {
            return Ok(Outcome::skipped("nsswitch.conf keeps glibc from asking DNS, which resolve judges"));
        }
        let servers: Vec<Endpoint> = config.nameservers.iter().map(|address| Endpoint::new(address, 53)).collect();
        let Some(first) = servers.first() else { return Ok(Outcome::skipped("no name server is configured")) };
        let question = dns::Query::to(first.clone(), &name, dns::qtype::A).within(ALIVE);
        let race = question.race(&servers).await;
        if race.winner.is_none() && race.others.iter().all(|exchange| exchange.outcome.is_err()) {
            return Ok(Outcome::skipped("no name server answers, so every resolver fails alike"));
        }
        let longest = arguments.required::<Duration>("timeout")?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let left = allowance.left();
            if left.is_zero() {
                break;
            }
            rounds.push(round(&name, longest.min(left)).await);
            if !verdict::differs(rounds.last().unwrap_or(&Vec::new())) {
                break;
            }
        }
        Ok(verdict::judge(&Case { name, config, rounds }).report())
    }
}

sonde_sdk::export!(PersonalityCheck);

/// Every personality at the same time, as programs on one host would.
async fn round(name: &str, cut_off: Duration) -> Round {
    let lookups = [Personality::Glibc, Personality::Musl, Personality::Go].map(|personality| {
        let request = ResolveRequest::of(name, personality).within(cut_off);
        async move { (personality, dns::resolve(request).await) }
    });
    wait::all(lookups).await.into_iter().collect::<Vec<(Personality, Resolution)>>()
}

/// A difference is only believed when it repeats.
const ROUNDS: usize = 2;
/// Of the one query that tells whether there is anything to compare.
const ALIVE: Duration = Duration::from_millis(800);
