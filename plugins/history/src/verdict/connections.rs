//! Connections in great number: TIME-WAIT towards one peer, CLOSE-WAIT that only grows, segments sent again.

use sonde_sdk::history::Series;
use sonde_sdk::report::Strength;
use sonde_sdk::types::{Endpoint, Measure};

use super::{FEW, Trouble, course, weight_of};
use crate::moment::clock;
use crate::past::{Past, evidence, growth, sum};
use crate::whose::Whose;

/// In TIME-WAIT towards one destination.
const STORM: f64 = 10_000.0;
/// The usual port range, 32768 to 60999, and a little less: beyond it connections may fail already.
const ALL_PORTS: f64 = 28_000.0;
/// In CLOSE-WAIT, more than at the begin.
const LEAKED: f64 = 50.0;
/// A leak lasts.
const LEAK_US: i64 = 60_000_000;
/// Segments, below which a share of them says nothing.
const SEGMENTS: f64 = 10_000.0;
/// Sent again, of all.
const LOSS: f64 = 0.01;

/// Judges the connections.
pub(super) fn judge(past: &Past) -> Vec<Trouble> {
    [overflow(past), storm(past), leak(past), loss(past)].into_iter().flatten().collect()
}

fn overflow(past: &Past) -> Option<Trouble> {
    if past.port.is_some() {
        return None;
    }
    let grown = growth(&past.limits, "TcpExt.TCPTimeWaitOverflow").filter(|grown| grown.sum >= FEW)?;
    let waiting = past.states.series(&["TIME-WAIT"]).and_then(Series::peak).map_or(0.0, |point| point.value);
    Some(Trouble {
        cause: "tcp.timewait_overflow",
        strength: weight_of(&grown),
        subject: "TIME-WAIT".to_owned(),
        sentence: format!(
            "{:.0} sockets were killed early because the TIME-WAIT table is full, at {waiting:.0}: {}",
            grown.sum,
            course(&grown)
        ),
        evidence: evidence(&[&past.limits]),
        ruled_out: vec![(
            "tcp.timewait_storm",
            format!("its sockets do not last: the table holds {waiting:.0}, and no more"),
            evidence(&[&past.states]),
        )],
        measures: vec![Measure::new("in all", grown.sum, "1")],
        last_us: grown.last_us,
    })
}

fn storm(past: &Past) -> Option<Trouble> {
    if past.port.is_some() {
        return None;
    }
    let groups = past.peers.recording()?.series.iter().filter(|series| series.key.iter().all(|key| !key.is_empty()));
    let (series, peak) =
        groups.filter_map(|series| Some((series, series.peak()?))).max_by(|a, b| a.1.value.total_cmp(&b.1.value))?;
    let onset = series.onset(STORM)?;
    let [address, port] = series.key.as_slice() else { return None };
    let peer = Endpoint::new(address, port.parse().ok()?).to_string();
    let last = series.points.iter().rev().find(|point| point.value >= STORM)?;
    let opened = sum(&past.traffic, "Tcp.ActiveOpens");
    let proven = peak.value < ALL_PORTS && opened > 0.0;
    Some(Trouble {
        cause: "tcp.timewait_storm",
        strength: if proven { Strength::Proof } else { Strength::Strong },
        sentence: format!(
            "up to {:.0} sockets in TIME-WAIT towards {peer} ({}): more than {STORM:.0} from {} on",
            peak.value,
            slope(series),
            clock(onset.at_us)
        ),
        subject: peer,
        evidence: evidence(&[&past.peers]),
        ruled_out: if proven {
            let why = format!("ports were left, and {opened:.0} connections were opened meanwhile");
            vec![("host.ephemeral_ports_connect", why, evidence(&[&past.traffic]))]
        } else {
            vec![]
        },
        measures: vec![Measure::new("TIME-WAIT", peak.value, "1")],
        last_us: last.at_us,
    })
}

/// How fast a level rose at most, over ten seconds or more.
fn slope(series: &Series) -> String {
    let mut most = 0.0_f64;
    let mut begin = 0;
    for (place, point) in series.points.iter().enumerate() {
        while series
            .points
            .get(begin + 1)
            .is_some_and(|next| begin + 1 < place && point.at_us - next.at_us >= 10_000_000)
        {
            begin += 1;
        }
        if let Some(first) = series.points.get(begin).filter(|first| point.at_us - first.at_us >= 10_000_000) {
            #[expect(clippy::cast_precision_loss, reason = "periods are days at most")]
            let seconds = (point.at_us - first.at_us) as f64 / 1e6;
            most = most.max((point.value - first.value) / seconds);
        }
    }
    format!("+{most:.0}/s at most")
}

fn leak(past: &Past) -> Option<Trouble> {
    let key = past.port.map_or_else(|| "CLOSE-WAIT".to_owned(), |port| port.to_string());
    let series = past.closing.series(&[&key])?;
    let (first, last) = (series.points.first()?, series.points.last()?);
    if last.value - first.value < LEAKED || last.at_us - first.at_us < LEAK_US || !only_grows(series) {
        return None;
    }
    let begin = series.points.iter().rev().take_while(|point| point.value > first.value).last()?;
    let subject = match (&past.whose, past.port) {
        (Whose::Peer(peer), _) => peer.endpoint.to_string(),
        (_, Some(port)) => format!(":{port}"),
        (_, None) => "CLOSE-WAIT".to_owned(),
    };
    Some(Trouble {
        cause: "tcp.close_wait_leak",
        strength: Strength::Proof,
        sentence: format!(
            "sockets in CLOSE-WAIT only grew, from {:.0} to {:.0}, since {}: their peers closed, the process does not",
            first.value,
            last.value,
            clock(begin.at_us)
        ),
        subject,
        evidence: evidence(&[&past.closing]),
        ruled_out: vec![(
            "tcp.fin_wait_stuck",
            "it is this side that has not closed: the sockets are in CLOSE-WAIT, not in FIN-WAIT".to_owned(),
            evidence(&[&past.states]),
        )],
        measures: vec![Measure::new("CLOSE-WAIT", last.value, "1")],
        last_us: last.at_us,
    })
}

/// It never falls by more than a twentieth of what it was.
fn only_grows(series: &Series) -> bool {
    let mut most = 0.0_f64;
    series.points.iter().all(|point| {
        most = most.max(point.value);
        point.value >= most * 0.95
    })
}

fn loss(past: &Past) -> Option<Trouble> {
    if past.port.is_some() {
        return None;
    }
    let again = growth(&past.traffic, "Tcp.RetransSegs")?;
    let sent = sum(&past.traffic, "Tcp.OutSegs");
    let lost = sum(&past.traffic, "TcpExt.TCPLostRetransmit");
    if sent < SEGMENTS || again.sum < sent * LOSS || lost < FEW {
        return None;
    }
    // Counters alone do not say whose path it is.
    Some(Trouble {
        cause: "l3.packet_loss",
        strength: Strength::Weak,
        subject: "paths".to_owned(),
        sentence: format!(
            "{:.1} % of the segments were sent again, {lost:.0} of them more than once: {}",
            again.sum / sent * 100.0,
            course(&again)
        ),
        evidence: evidence(&[&past.traffic]),
        ruled_out: vec![],
        measures: vec![Measure::new("sent again", again.sum / sent * 100.0, "%")],
        last_us: again.last_us,
    })
}
