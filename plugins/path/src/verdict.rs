//! What the trace, the ladder and the echoes of each address say together. Pure.

mod reach;
mod size;

use sonde_sdk::check::Outcome;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::path::{EchoResult, MtuConclusion, PathMtuResult, TraceResult};
use sonde_sdk::report::{Stance, Strength};
use sonde_sdk::types::{Endpoint, Reason};

/// What it can support or refute.
pub(crate) const CAUSES: [&str; 8] = [
    "fw.drop_remote",
    "fw.reject_icmp",
    "l3.routing_loop",
    "l3.pmtu_blackhole",
    "l3.packet_loss",
    "l3.host_down",
    "l3.icmp_unreachable",
    "tcp.port_closed",
];

/// What was seen of the way to one address.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) endpoint: Endpoint,
    /// The trace is made of datagrams.
    pub(crate) udp: bool,
    pub(crate) trace: TraceResult,
    pub(crate) mtu: PathMtuResult,
    pub(crate) echo: EchoResult,
    /// A second trace, of datagrams, where the SYNs die.
    pub(crate) datagrams: Option<TraceResult>,
}

impl Path {
    /// Something of the host itself came back, other than on the port in question.
    fn is_alive(&self) -> bool {
        self.echo.received > 0 || self.datagrams.as_ref().is_some_and(|trace| trace.reached.is_some())
    }
}

/// The probes die on the way: nobody says why.
pub(crate) fn dies(trace: &TraceResult) -> bool {
    trace.reached.is_none()
        && trace.looping().is_none()
        && matches!(&trace.outcome, Err(failure) if failure.reason == Reason::TimedOut)
}

/// Judges all addresses.
pub(crate) fn judge(paths: &[Path]) -> Judgement {
    let mut findings = Vec::new();
    let mut sentences = Vec::new();
    let (mut broken, mut silent, mut undecided, mut skipped) = (false, false, false, 0);
    for path in paths {
        if let Err(failure) = &path.trace.outcome
            && failure.is_our_own()
        {
            skipped += 1;
            sentences.push(format!("{}: {}", path.endpoint, failure.detail));
            continue;
        }
        let found = [reach::judge(path), size::judge(path)].concat();
        let proven = found.iter().any(|f| f.stance == Stance::Supports && f.strength == Strength::Proof);
        broken |= proven;
        silent |= !proven && path.trace.reached.is_none();
        undecided |= path.mtu.conclusion == MtuConclusion::Unclear;
        sentences.push(format!("{}: {}", path.endpoint, sentence(path)));
        findings.extend(found);
    }
    let summary = sentences.join("; ");
    let outcome = match (broken, silent, undecided) {
        _ if skipped == paths.len() => Outcome::skipped(summary),
        (true, ..) => Outcome::broken(summary),
        (false, true, _) => Outcome::unclear(summary).next(
            "run `sonde diagnose` on the target itself, or `sonde path` from a host nearer to it, to see whether the packets arrive",
        ),
        (false, false, true) => Outcome::unclear(summary)
            .next("run it again with more time: sizes were lost at random, or the time was up, and whether large packets pass is open"),
        (false, false, false) => Outcome::works(summary),
    };
    Judgement { findings, outcome }
}

fn sentence(path: &Path) -> String {
    let way = match (path.trace.reached, &path.trace.outcome) {
        (Some(ttl), _) => format!("{ttl} {}", if ttl == 1 { "hop" } else { "hops" }),
        (None, Err(failure)) => match path.trace.looping() {
            Some(router) => format!("the packets circle: {router} comes by again"),
            None => failure.detail.clone(),
        },
        (None, Ok(())) => "nothing is known of the way".to_owned(),
    };
    let size = match (path.mtu.black_hole(), path.mtu.mtu_bytes) {
        (Some((passed, lost)), _) if size::hurts(path, passed) => {
            format!(", packets of {passed} bytes pass and of {lost} vanish")
        }
        (Some((passed, lost)), _) => {
            format!(", packets of {passed} bytes pass and of {lost} vanish, which TCP's segments are too small for")
        }
        (None, _) if path.mtu.conclusion == MtuConclusion::Unclear => ", path MTU unclear".to_owned(),
        (None, Some(mtu)) => format!(", path MTU {mtu}"),
        // Where echo is filtered, as is common, nothing is wrong; but nothing is known either.
        (None, None) => match &path.mtu.outcome {
            Err(failure) if failure.is_our_own() => format!(", path MTU not measured: {}", failure.detail),
            _ => ", path MTU not measured, for nothing answers the sizes".to_owned(),
        },
    };
    let loss = match path.echo.loss() {
        Some(loss) if loss > 0.0 && path.echo.received > 0 => {
            format!(", {} of {} echoes came back", path.echo.received, path.echo.sent)
        }
        _ => String::new(),
    };
    format!("{way}{size}{loss}")
}

#[cfg(test)]
mod tests;
