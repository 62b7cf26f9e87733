//! Messages of the interface `path`.

use sonde_core::observation::path as core;
use sonde_proto::v1;

use super::duration;
use super::failure::{endpoint, failure, icmp, reply, round_trips};

pub(super) fn trace(request: &core::TraceRequest, trace: &core::Trace) -> v1::Trace {
    v1::Trace {
        remote: Some(endpoint(request.remote)),
        transport: match request.transport {
            core::TraceTransport::Tcp => v1::TraceTransport::Tcp,
            core::TraceTransport::Udp => v1::TraceTransport::Udp,
        }
        .into(),
        max_hops: request.max_hops.into(),
        probes_per_hop: request.probes_per_hop.into(),
        probe_timeout: Some(duration(request.probe_timeout)),
        timeout: Some(duration(request.timeout)),
        hops: trace.hops.iter().map(hop).collect(),
        reached: trace.reached.map(Into::into),
        icmp_visible: trace.icmp_visible,
    }
}

fn hop(hop: &core::Hop) -> v1::Hop {
    v1::Hop { ttl: hop.ttl.into(), probes: hop.probes.iter().map(probe).collect() }
}

fn probe(probe: &core::HopProbe) -> v1::HopProbe {
    let mut message =
        v1::HopProbe { at: Some(duration(probe.at)), rtt: probe.rtt.map(duration), ..v1::HopProbe::default() };
    let answer = match &probe.answer {
        core::ProbeAnswer::Answered => v1::ProbeAnswer::Answered,
        core::ProbeAnswer::Reset => v1::ProbeAnswer::Reset,
        core::ProbeAnswer::Icmp(error) => {
            message.icmp = Some(icmp(error));
            v1::ProbeAnswer::Icmp
        }
        core::ProbeAnswer::Silent => v1::ProbeAnswer::Silent,
        core::ProbeAnswer::Unsent(why) => {
            message.failure = Some(failure(why));
            v1::ProbeAnswer::Unsent
        }
    };
    message.set_answer(answer);
    message
}

pub(super) fn path_mtu(request: &core::PathMtuRequest, found: &core::PathMtu) -> v1::PathMtu {
    v1::PathMtu {
        remote: Some(endpoint(request.remote)),
        sizes_bytes: request.sizes.clone(),
        attempts: request.attempts.into(),
        tcp: request.tcp,
        timeout: Some(duration(request.timeout)),
        method: match found.method {
            None => v1::MtuMethod::Unspecified,
            Some(core::MtuMethod::IcmpEcho) => v1::MtuMethod::IcmpEcho,
            Some(core::MtuMethod::Udp) => v1::MtuMethod::Udp,
        }
        .into(),
        rungs: found.rungs.iter().map(rung).collect(),
        conclusion: match found.conclusion {
            core::MtuConclusion::Measured => v1::MtuConclusion::Measured,
            core::MtuConclusion::BlackHole => v1::MtuConclusion::BlackHole,
            core::MtuConclusion::Unanswered => v1::MtuConclusion::Unanswered,
            core::MtuConclusion::Unclear => v1::MtuConclusion::Unclear,
        }
        .into(),
        mtu_bytes: found.mtu.unwrap_or_default(),
        lost_from_bytes: found.lost_from.unwrap_or_default(),
        link_mtu_bytes: found.link_mtu.unwrap_or_default(),
        route_mtu_bytes: found.route_mtu.unwrap_or_default(),
        mss_bytes: found.mss.unwrap_or_default(),
        tcp_pmtu_bytes: found.tcp_pmtu.unwrap_or_default(),
    }
}

fn rung(rung: &core::Rung) -> v1::Rung {
    let mut message = v1::Rung {
        size_bytes: rung.size,
        at: Some(duration(rung.at)),
        attempts: rung.attempts.into(),
        rtt: rung.rtt.map(duration),
        ..v1::Rung::default()
    };
    let outcome = match &rung.outcome {
        core::RungOutcome::Answered => v1::RungOutcome::Answered,
        core::RungOutcome::TooBig(error) => {
            message.icmp = Some(icmp(error));
            v1::RungOutcome::TooBig
        }
        core::RungOutcome::TooBigHere(mtu) => {
            message.local_mtu_bytes = mtu.unwrap_or_default();
            v1::RungOutcome::TooBigHere
        }
        core::RungOutcome::Silent => v1::RungOutcome::Silent,
        core::RungOutcome::Unsent(why) => {
            message.failure = Some(failure(why));
            v1::RungOutcome::Unsent
        }
    };
    message.set_outcome(outcome);
    message
}

pub(super) fn echo(request: &core::EchoRequest, echo: &core::Echo) -> v1::Echo {
    v1::Echo {
        address: request.address.to_string(),
        count: request.count.into(),
        interval: Some(duration(request.interval)),
        payload_bytes: request.payload_bytes.into(),
        timeout: Some(duration(request.timeout)),
        sent: echo.sent,
        received: echo.received,
        duplicates: echo.duplicates,
        reordered: echo.reordered,
        corrupted: echo.corrupted,
        round_trips: echo.round_trips.map(round_trips),
        replies: echo.replies.iter().map(reply).collect(),
        icmp: echo.icmp.as_ref().map(icmp),
    }
}
