//! The built-in check `dns-resolve`: what a runtime's resolver would do with a name here. It judges nothing; its evidence is what
//! `sonde dns resolve` shows.

use std::time::Duration;

use sonde_sdk::dns::{Family, Personality, ResolveRequest};
use sonde_sdk::prelude::*;

/// The check.
struct DnsResolve;

impl Check for DnsResolve {
    fn describe() -> Manifest {
        use ParameterType::{Integer, Text};
        Manifest::new(
            "dns-resolve",
            env!("CARGO_PKG_VERSION"),
            "Resolves a name as glibc, musl, Go or this host's libc would.",
        )
        .serving([TargetKind::Host, TargetKind::Dns])
        .calling(["dns"])
        .taking(Parameter::new("name", Text, "as an application would pass it; that of a dns:// target when absent"))
        .taking(Parameter::new("as", Text, "some of glibc,musl,go,system").with_default("glibc,musl,go,system"))
        .taking(Parameter::new("family", Text, "any, ipv4 or ipv6").with_default("any"))
        .taking(Parameter::new("pid", Integer, "whose environment; that of the vantage when absent"))
        .taking(Parameter::new("timeout", ParameterType::Duration, "of each lookup; the run's budget when absent"))
        .costing(CostClass::Heavy)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let name = arguments
            .optional::<String>("name")?
            .or(target.host)
            .ok_or("argument \"name\" is missing: give name=NAME")?;
        let family = family(&arguments.required::<String>("family")?)?;
        let longest = budget.remaining().saturating_sub(RESERVE);
        let timeout = arguments.optional::<Duration>("timeout")?.unwrap_or(longest).min(longest);
        let pid = arguments.optional("pid")?;
        let lookups = personalities(&arguments.required::<String>("as")?)?.into_iter().map(|personality| {
            let request = ResolveRequest {
                name: name.clone(),
                family,
                personality,
                pid,
                timeout_us: u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX),
            };
            dns::resolve(request)
        });
        let resolutions = wait::all(lookups).await;
        let found = resolutions.iter().filter(|resolution| !resolution.addresses.is_empty()).count();
        let summary = format!("{found} of {} find addresses for {name}", resolutions.len());
        Ok(if found == resolutions.len() { Outcome::works(summary) } else { Outcome::broken(summary) })
    }
}

sonde_sdk::export!(DnsResolve);

fn family(text: &str) -> Result<Family, String> {
    match text {
        "any" => Ok(Family::Any),
        "ipv4" => Ok(Family::Ipv4),
        "ipv6" => Ok(Family::Ipv6),
        other => Err(format!("family {other:?}: write any, ipv4 or ipv6")),
    }
}

/// In the order given, each once.
fn personalities(text: &str) -> Result<Vec<Personality>, String> {
    let mut chosen = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let personality = match word {
            "glibc" => Personality::Glibc,
            "musl" => Personality::Musl,
            "go" => Personality::Go,
            "system" => Personality::System,
            other => return Err(format!("personality {other:?}: write some of glibc,musl,go,system")),
        };
        if chosen.contains(&personality) {
            return Err(format!("personality {word:?} is given twice: give it once"));
        }
        chosen.push(personality);
    }
    if chosen.is_empty() {
        Err("argument \"as\" is empty: write some of glibc,musl,go,system".to_owned())
    } else {
        Ok(chosen)
    }
}

/// Kept back so that a lookup that is cut off is still reported.
const RESERVE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personalities_are_taken_in_the_order_given() {
        assert_eq!(personalities("go, glibc"), Ok(vec![Personality::Go, Personality::Glibc]));
    }

    #[test]
    fn an_unknown_personality_a_repeated_one_and_none_are_refused() {
        assert!(personalities("go,uclibc").expect_err("unknown").contains("uclibc"));
        assert!(personalities("go,go").expect_err("repeated").contains("twice"));
        assert!(personalities(" ,").is_err());
    }

    #[test]
    fn a_family_is_one_of_three() {
        assert_eq!(family("ipv6"), Ok(Family::Ipv6));
        assert!(family("ipv5").expect_err("unknown").contains("ipv5"));
    }
}
