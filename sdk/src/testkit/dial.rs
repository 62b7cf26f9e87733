//! Series of dials and of datagrams made by hand.

use super::{echo_result, evidence, failure, timing};
use crate::dial::{Spread, TcpAttempt, TcpFailureGroup, TcpSeries, UdpDial};
use crate::path::EchoResult;
use crate::types::{Endpoint, Phase, Reason};

/// As many attempts as `handshakes`, one a millisecond: connected in so many microseconds, or timed out after 1.3 s.
pub fn series(n: u64, handshakes: &[Option<u32>]) -> TcpSeries {
    let attempts = handshakes.iter().zip(0_u64..).map(|(handshake, index)| TcpAttempt {
        at_us: index * 1000,
        connect_us: handshake.map_or(1_300_000, u64::from),
        rtt_us: handshake.unwrap_or(0),
        local_port: 40_000,
        syn_retransmits: u8::from(handshake.is_none()),
        failure: handshake.is_none().then_some(0),
    });
    let connected: Vec<u64> = handshakes.iter().flatten().map(|handshake| u64::from(*handshake)).collect();
    let lost = handshakes.len() - connected.len();
    let lost = u32::try_from(lost).unwrap_or(u32::MAX);
    let group = TcpFailureGroup { first: failure(Phase::Connect, Reason::TimedOut, 1300), count: lost };
    TcpSeries {
        evidence: evidence(n),
        timing: timing(handshakes.len() as u64),
        attempts: attempts.collect(),
        connected: u32::try_from(connected.len()).unwrap_or(u32::MAX),
        syn_retransmits: lost,
        spread: spread(connected),
        failures: if lost > 0 { vec![group] } else { vec![] },
        outcome: Ok(()),
        deltas: None,
    }
}

fn spread(mut connected: Vec<u64>) -> Option<Spread> {
    let differences: u64 = connected.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum();
    let jitter_us = differences.checked_div(connected.len() as u64 - u64::from(!connected.is_empty())).unwrap_or(0);
    connected.sort_unstable();
    let rank = |percent: usize| connected.get((connected.len() * percent).div_ceil(100).max(1) - 1).copied();
    Some(Spread {
        min_us: *connected.first()?,
        median_us: rank(50)?,
        p99_us: rank(99)?,
        max_us: *connected.last()?,
        mean_us: connected.iter().sum::<u64>() / connected.len() as u64,
        jitter_us,
    })
}

/// So many numbered datagrams and answers, 1 ms each; timed out where none came.
pub fn udp_dial(n: u64, _remote: &Endpoint, sent: u16, received: u16) -> UdpDial {
    let EchoResult { evidence, timing, sent, received, round_trips, replies, outcome, .. } =
        echo_result(n, sent, received);
    UdpDial {
        evidence,
        timing,
        local: Some(Endpoint::new("192.0.2.100", 40_000)),
        sent,
        unsent: 0,
        received,
        duplicates: 0,
        reordered: 0,
        corrupted: 0,
        round_trips,
        replies,
        answer: None,
        answer_bytes: 0,
        icmp_errors: 0,
        icmp: None,
        outcome,
        deltas: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_counts_its_losses() {
        let series = series(1, &[Some(100), None, Some(300), Some(200)]);
        assert_eq!((series.connected, series.loss()), (3, Some(0.25)));
        let spread = series.spread.expect("some connected");
        assert_eq!((spread.min_us, spread.median_us, spread.max_us, spread.jitter_us), (100, 200, 300, 150));
        assert_eq!(series.failures[0].count, 1);
    }
}
