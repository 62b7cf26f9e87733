//! Messages of TCP dials and series.

use sonde_core::observation::dial as core;
use sonde_proto::v1;

use crate::convert::connection::connection;
use crate::convert::failure::{deltas, endpoint, failure};
use crate::convert::{address, duration};

pub(crate) fn tcp(request: &core::TcpRequest, dial: &core::TcpDial) -> v1::TcpDial {
    v1::TcpDial {
        connection: Some(connection(&dial.connection)),
        deltas: dial.deltas.as_ref().map(deltas),
        ..asked(request)
    }
}

pub(crate) fn series(request: &core::SeriesRequest, series: &core::TcpSeries) -> v1::TcpSeries {
    v1::TcpSeries {
        each: Some(asked(&request.each)),
        count: request.count,
        interval: Some(duration(request.interval)),
        at_once: request.at_once,
        timeout: Some(duration(request.timeout)),
        attempts: series.attempts.iter().map(attempt).collect(),
        connected: series.connected,
        syn_retransmits: series.syn_retransmits,
        spread: series.spread.map(spread),
        failures: series.failures.iter().map(group).collect(),
        deltas: series.deltas.as_ref().map(deltas),
    }
}

fn asked(request: &core::TcpRequest) -> v1::TcpDial {
    v1::TcpDial {
        remote: Some(endpoint(request.remote)),
        local_address: address(request.local_address),
        timeout: Some(duration(request.timeout)),
        connection: None,
        deltas: None,
        local_port: request.local_port.unwrap_or_default().into(),
        device: request.device.clone().unwrap_or_default(),
        keepalive: request.keepalive.map(keepalive),
        user_timeout: request.user_timeout.map(duration),
        hold: Some(duration(request.hold)),
        close: closing(request.close).into(),
    }
}

fn keepalive(keepalive: core::Keepalive) -> v1::Keepalive {
    v1::Keepalive {
        idle: Some(duration(keepalive.idle)),
        interval: Some(duration(keepalive.interval)),
        probes: keepalive.probes.into(),
    }
}

fn closing(closing: core::Closing) -> v1::Closing {
    match closing {
        core::Closing::Fin => v1::Closing::Fin,
        core::Closing::Rst => v1::Closing::Rst,
    }
}

fn attempt(attempt: &core::TcpAttempt) -> v1::TcpAttempt {
    v1::TcpAttempt {
        at: Some(duration(attempt.at)),
        connect: Some(duration(attempt.connect)),
        rtt: Some(duration(attempt.rtt)),
        local_port: attempt.local_port.into(),
        syn_retransmits: attempt.syn_retransmits.into(),
        failure: attempt.failure.map(Into::into),
    }
}

fn group(group: &core::TcpFailureGroup) -> v1::TcpFailureGroup {
    v1::TcpFailureGroup { first: Some(failure(&group.first)), count: group.count }
}

fn spread(spread: core::Spread) -> v1::Spread {
    v1::Spread {
        min: Some(duration(spread.min)),
        median: Some(duration(spread.median)),
        p99: Some(duration(spread.p99)),
        max: Some(duration(spread.max)),
        mean: Some(duration(spread.mean)),
        jitter: Some(duration(spread.jitter)),
    }
}
