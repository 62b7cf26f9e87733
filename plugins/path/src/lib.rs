//! The built-in check `path`: how far do packets to the target come, how large may they be, how many come back?

mod verdict;

use std::time::Duration;

use sonde_sdk::dial::{EchoRequest, PathMtuRequest, TraceRequest};
use sonde_sdk::prelude::*;

use self::verdict::Path;

/// The check.
struct PathCheck;

impl Check for PathCheck {
    fn describe() -> Manifest {
        use ParameterType::{Integer, Text};
        Manifest::new(
            "path",
            env!("CARGO_PKG_VERSION"),
            "Traces the way to the target's port hop by hop, measures the path MTU, and counts echo replies.",
        )
        .serving([TargetKind::Https, TargetKind::Http, TargetKind::Tcp, TargetKind::Tls, TargetKind::Udp])
        .calling(["dial"])
        .after(["resolve"])
        .taking(Parameter::new("max-hops", Integer, "the highest TTL to try, 1 to 64").with_default("30"))
        .taking(Parameter::new("probes", Integer, "probes of each hop, 1 to 10").with_default("3"))
        .taking(Parameter::new("count", Integer, "echo requests, 1 to 1000").with_default("20"))
        .taking(Parameter::new("family", Text, "4 or 6: only addresses of it"))
        .deciding(verdict::CAUSES)
        .costing(CostClass::Heavy)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let asked = Asked::of(&target, &arguments)?;
        let time = budget.remaining().saturating_sub(RESERVE);
        let endpoints: Vec<Endpoint> = target.endpoints().filter(|endpoint| asked.takes(endpoint)).collect();
        if endpoints.is_empty() {
            let what =
                arguments.optional::<String>("family")?.map_or_else(String::new, |family| format!("IPv{family} "));
            return Ok(Outcome::skipped(format!("the target has no {what}address")));
        }
        let paths = wait::all(endpoints.into_iter().take(MOST).map(|endpoint| measure(endpoint, &asked, time))).await;
        let judgement = verdict::judge(&paths);
        report::all(&judgement.findings);
        Ok(judgement.outcome)
    }
}

sonde_sdk::export!(PathCheck);

/// What the caller wants.
struct Asked {
    udp: bool,
    max_hops: u8,
    probes: u8,
    count: u16,
    ipv6: Option<bool>,
}

impl Asked {
    fn of(target: &Target, arguments: &Arguments) -> Result<Self, String> {
        let bounded = |name: &str, most: i64| {
            let value: i64 = arguments.required(name)?;
            if (1..=most).contains(&value) { Ok(value) } else { Err(format!("{name} {value}: give 1 to {most}")) }
        };
        let ipv6 = match arguments.optional::<String>("family")?.as_deref() {
            None => None,
            Some("4") => Some(false),
            Some("6") => Some(true),
            Some(other) => return Err(format!("family {other:?}: give 4 or 6")),
        };
        Ok(Self {
            udp: target.kind == TargetKind::Udp,
            max_hops: u8::try_from(bounded("max-hops", 64)?).unwrap_or(64),
            probes: u8::try_from(bounded("probes", 10)?).unwrap_or(10),
            count: u16::try_from(bounded("count", 1000)?).unwrap_or(1000),
            ipv6,
        })
    }

    fn takes(&self, endpoint: &Endpoint) -> bool {
        self.ipv6.is_none_or(|ipv6| ipv6 == endpoint.is_ipv6())
    }
}

/// The three at one time; then, where SYNs die on the way, how far datagrams come.
async fn measure(endpoint: Endpoint, asked: &Asked, time: Duration) -> Path {
    let trace = TraceRequest::to(endpoint.clone()).up_to(asked.max_hops).probing(asked.probes).within(time / 2);
    let trace = if asked.udp { trace.over_udp() } else { trace };
    let ladder = PathMtuRequest::to(endpoint.clone()).within(time / 2);
    let ladder = if asked.udp { ladder.without_tcp() } else { ladder };
    let echo = EchoRequest::of(&endpoint.address).times(asked.count).within(time / 2);
    let (trace, mtu, echo) = wait::join3(dial::trace(trace), dial::path_mtu(ladder), dial::echo(echo)).await;
    let datagrams = if asked.udp || !verdict::dies(&trace) {
        None
    } else {
        let request = TraceRequest::to(endpoint.clone()).over_udp().up_to(asked.max_hops).probing(1);
        Some(dial::trace(request.within(time / 4)).await)
    };
    Path { endpoint, udp: asked.udp, trace, mtu, echo, datagrams }
}

/// Addresses of one target.
const MOST: usize = 4;

/// Kept back so that what is cut off is still judged.
const RESERVE: Duration = Duration::from_millis(500);
