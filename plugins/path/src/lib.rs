//! The built-in check `path`: how far do packets to the target come, how large may they be, how many come back?

mod verdict;

use std::time::Duration;

use sonde_sdk::path::{EchoRequest, PathMtuRequest, TraceRequest};
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
            "Traces the way to the target's port hop by hop, measures the path MTU, and counts echo replies; of 4 addresses at most.",
        )
        .serving([TargetKind::Https, TargetKind::Http, TargetKind::Tcp, TargetKind::Tls, TargetKind::Udp])
        .calling(["path"])
        .after(["resolve"])
        .taking(Parameter::new("max-hops", Integer, "the highest TTL to try, 1 to 64").with_default("30"))
        .taking(Parameter::new("probes", Integer, "probes of each hop, 1 to 10").with_default("3"))
        .taking(Parameter::new("count", Integer, "echo requests of each address, 1 to 1000").with_default("20"))
        .taking(Parameter::new("family", Text, "4 or 6: only addresses of it"))
        .deciding(verdict::CAUSES)
        .costing(CostClass::Heavy)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let asked = Asked::of(&target, &arguments)?;
        let time = budget.remaining().saturating_sub(RESERVE);
        let endpoints: Vec<Endpoint> = target.endpoints().filter(|endpoint| asked.takes(endpoint)).collect();
        let known = endpoints.len();
        if known == 0 {
            let what =
                arguments.optional::<String>("family")?.map_or_else(String::new, |family| format!("IPv{family} "));
            return Ok(Outcome::skipped(format!("the target has no {what}address")));
        }
        let pace = pace(asked.count, time)?;
        let measured = endpoints.into_iter().take(MOST).map(|endpoint| measure(endpoint, &asked, pace, time));
        let outcome = verdict::judge(&wait::all(measured).await).report();
        Ok(if known > MOST { outcome.noting("addresses", format!("{MOST} of {known} were measured")) } else { outcome })
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

/// How far apart the echo requests are, so that all of them are sent and the last can be answered before the call's time is up.
fn pace(count: u16, time: Duration) -> Result<Duration, String> {
    if time < LEAST {
        return Err("the run has too little time to trace anything: give it 2s or more".to_owned());
    }
    let call = time / 2;
    // Each may leave a little late, and what is late is not caught up.
    let sending = call.saturating_sub(LAST_ECHO.min(call / 2)) * 7 / 8;
    let pace = sending / u32::from(count);
    if pace < FASTEST {
        let most = sending.as_millis() / FASTEST.as_millis();
        return Err(format!("count {count} takes longer than the run: give at most {most}, or the run more time"));
    }
    Ok(pace.min(USUAL))
}

/// The three at one time; then, where SYNs die on the way, how far datagrams come.
async fn measure(endpoint: Endpoint, asked: &Asked, pace: Duration, time: Duration) -> Path {
    let trace = TraceRequest::to(endpoint.clone()).up_to(asked.max_hops).probing(asked.probes).within(time / 2);
    let trace = if asked.udp { trace.over_udp() } else { trace };
    let ladder = PathMtuRequest::to(endpoint.clone()).within(time / 2);
    let ladder = if asked.udp { ladder.without_tcp() } else { ladder };
    let echo = EchoRequest::of(&endpoint.address).times(asked.count).every(pace).within(time / 2);
    let (trace, mtu, echo) = wait::join3(path::trace(trace), path::path_mtu(ladder), path::echo(echo)).await;
    let datagrams = if asked.udp || !verdict::dies(&trace) {
        None
    } else {
        let request = TraceRequest::to(endpoint.clone()).over_udp().up_to(asked.max_hops).probing(1);
        Some(path::trace(request.within(time / 4)).await)
    };
    Path { endpoint, udp: asked.udp, trace, mtu, echo, datagrams }
}

/// Addresses of one target.
const MOST: usize = 4;

/// Kept back so that what is cut off is still judged.
const RESERVE: Duration = Duration::from_millis(500);

/// With less, nothing that comes from farther than the next room is heard.
const LEAST: Duration = Duration::from_millis(500);

/// Between two echo requests: as the SDK asks for them, and the least, at which routers and hosts begin to ration their answers.
const USUAL: Duration = Duration::from_millis(20);
const FASTEST: Duration = Duration::from_millis(5);

/// As long as the host waits for the last of them.
const LAST_ECHO: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_run_without_time_says_how_much_it_takes() {
        let problem = pace(20, Duration::ZERO).expect_err("there is no time");
        assert!(problem.ends_with("give it 2s or more"), "{problem}");
    }

    #[test]
    fn many_echoes_are_sent_faster_and_too_many_are_refused() {
        assert_eq!(pace(20, MS(29_500)), Ok(MS(20)));
        assert_eq!(pace(1000, MS(18_000)), Ok(MS(7)));
        assert_eq!(pace(20, LEAST), Ok(MS(125) * 7 / 8 / 20));
        let problem = pace(1000, MS(10_000)).expect_err("they take too long");
        assert!(problem.contains("count 1000") && problem.contains("at most 700"), "{problem}");
    }
}
