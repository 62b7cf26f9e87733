//! What was recorded, as the judgement reads it.

use sonde_sdk::history::{HistoryAnswer, Point, Recording, Series};
use sonde_sdk::types::EvidenceId;

use crate::whose::Whose;

/// Counters, by what they tell apart. Each group is a question of its own.
pub(crate) const ACCEPT: &[&str] = &["TcpExt.ListenOverflows", "TcpExt.ListenDrops"];
pub(crate) const SYN: &[&str] = &["TcpExt.TCPReqQFullDrop", "TcpExt.TCPReqQFullDoCookies", "TcpExt.SyncookiesSent"];
pub(crate) const TRAFFIC: &[&str] = &[
    "Tcp.ActiveOpens",
    "Tcp.InSegs",
    "Tcp.OutSegs",
    "Tcp.RetransSegs",
    "TcpExt.TCPLostRetransmit",
    "TcpExt.TCPSynRetrans",
    "TcpExt.PruneCalled",
    "TcpExt.TCPRcvQDrop",
    "Udp.InDatagrams",
];
pub(crate) const LIMITS: &[&str] = &[
    "TcpExt.TCPTimeWaitOverflow",
    "TcpExt.TCPMemoryPressures",
    "TcpExt.TCPAbortOnMemory",
    "TcpExt.IPReversePathFilter",
    "conntrack.entries",
    "conntrack.max",
    "conntrack.drop",
    "conntrack.early_drop",
];
pub(crate) const DATAGRAMS: &[&str] = &["Udp.RcvbufErrors", "Udp.InErrors", "Udp6.RcvbufErrors", "Udp6.InErrors"];

/// Read for what is asked over UDP alone.
pub(crate) const UDP: &[&str] = &["Udp.OutDatagrams", "Udp.InDatagrams", "Udp.NoPorts", "Icmp.InDestUnreachs"];

/// A gauge, which has a value in every point there is: a counter's points without growth are left out. Asked for with each group.
pub(crate) const EVERY_POINT: &str = "Tcp.CurrEstab";

/// One recorded time.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// It ends now: what is over is no fault any more.
    pub(crate) live: bool,
    /// Of the listener that is asked for.
    pub(crate) port: Option<u16>,
    pub(crate) whose: Whose,
    pub(crate) accepts: HistoryAnswer,
    pub(crate) syns: HistoryAnswer,
    pub(crate) traffic: HistoryAnswer,
    pub(crate) limits: HistoryAnswer,
    pub(crate) datagrams: HistoryAnswer,
    /// Queues of listeners.
    pub(crate) listeners: HistoryAnswer,
    /// Sockets by state.
    pub(crate) states: HistoryAnswer,
    /// In TIME-WAIT, by peer and its port; of the peer alone that is asked for.
    pub(crate) peers: HistoryAnswer,
    /// Half open, by peer.
    pub(crate) sources: HistoryAnswer,
    /// In CLOSE-WAIT, of the port or the peer that is asked for, else of all.
    pub(crate) closing: HistoryAnswer,
}

/// How a counter grew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// In all.
    pub(crate) sum: f64,
    /// In its busiest minute; where points are longer than that, a minute's part of the busiest.
    pub(crate) minute: f64,
    /// In a second of its busiest point. Less than a second is no rate.
    pub(crate) rate: f64,
    /// The ends of the first and the last step in which it grew, in Unix microseconds.
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
}

impl Past {
    /// It went on until the end of what is recorded.
    pub(crate) fn is_ongoing(&self, last_us: i64) -> bool {
        let Some(recording) = self.accepts.recording() else { return false };
        let step = i64::try_from(recording.step_us).unwrap_or(i64::MAX);
        let recent = step.saturating_mul(3).max(RECENT_US);
        recording.covered.to_us.saturating_sub(last_us) <= recent
    }

    /// How long what is recorded is, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.accepts.recording().map_or(0.0, |recording| recording.covered.seconds())
    }
}

/// How a counter of an answer grew; none where it did not.
pub(crate) fn growth(answer: &HistoryAnswer, name: &str) -> Option<Growth> {
    let series = answer.series(&[name])?;
    let (first, last) = (series.points.first()?, series.points.last()?);
    let spans = Spans::of(answer)?;
    let rate = |point: &Point| point.value / (seconds(spans.of_point(point.at_us)).max(1.0));
    Some(Growth {
        sum: series.growth(),
        minute: busiest_minute(series, &spans),
        rate: series.points.iter().map(rate).fold(0.0, f64::max),
        first_us: first.at_us,
        last_us: last.at_us,
    })
}

/// By how much a counter grew; 0 where it did not.
pub(crate) fn sum(answer: &HistoryAnswer, name: &str) -> f64 {
    growth(answer, name).map_or(0.0, |growth| growth.sum)
}

/// The calls that answered.
pub(crate) fn evidence(answers: &[&HistoryAnswer]) -> Vec<EvidenceId> {
    answers.iter().map(|answer| answer.evidence).collect()
}

/// What the points of an answer span.
struct Spans<'a> {
    recording: &'a Recording,
    /// One for each point there is.
    every: &'a [Point],
}

impl<'a> Spans<'a> {
    fn of(answer: &'a HistoryAnswer) -> Option<Self> {
        let every = answer.series(&[EVERY_POINT]).map_or(&[][..], |series| series.points.as_slice());
        Some(Self { recording: answer.recording()?, every })
    }

    /// In microseconds: from the end of the point before it, or of a gap between them. A step where there is no such point.
    fn of_point(&self, at_us: i64) -> i64 {
        let Ok(place) = self.every.binary_search_by_key(&at_us, |point| point.at_us) else {
            return i64::try_from(self.recording.step_us).unwrap_or(i64::MAX);
        };
        let before = place.checked_sub(1).and_then(|place| self.every.get(place));
        let begin = before.map_or(self.recording.covered.from_us, |point| point.at_us);
        let gaps = self.recording.gaps.iter().map(|gap| gap.to_us).filter(|end| (begin..at_us).contains(end));
        at_us.saturating_sub(gaps.fold(begin, i64::max))
    }
}

fn busiest_minute(series: &Series, spans: &Spans<'_>) -> f64 {
    let (mut sum, mut span_us, mut most, mut begin) = (0.0, 0, 0.0_f64, 0);
    for point in &series.points {
        sum += point.value;
        span_us += spans.of_point(point.at_us);
        while let Some(oldest) = series.points.get(begin).filter(|oldest| point.at_us - oldest.at_us >= MINUTE_US) {
            sum -= oldest.value;
            span_us -= spans.of_point(oldest.at_us);
            begin += 1;
        }
        most = most.max(sum * seconds(MINUTE_US) / seconds(span_us.max(MINUTE_US)));
    }
    most
}

#[expect(clippy::cast_precision_loss, reason = "periods are days at most")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

const MINUTE_US: i64 = 60_000_000;

/// Growth so long before the end goes on.
const RECENT_US: i64 = 15_000_000;

#[cfg(test)]
mod tests {
    use sonde_sdk::testkit::{BEGAN, counted, history_answer, level, period};

    use super::*;

    #[test]
    fn the_busiest_minute_is_found() {
        let answer =
            history_answer(1, vec![counted("a", &[(0, 5.0), (70, 10.0), (100, 20.0), (129, 1.0), (131, 2.0)])]);

        let grown = growth(&answer, "a").expect("it grew");

        assert!((grown.minute - 31.0).abs() < 1e-9 && (grown.sum - 38.0).abs() < 1e-9, "{grown:?}");
        assert!((grown.rate - 20.0).abs() < 1e-9, "{grown:?}");
        assert_eq!(growth(&answer, "b"), None);
    }

    /// A recording in points of so many seconds, in each of which `a` grew so much where it grew at all.
    fn coarse(point: i64, points: i64, growth: &[(i64, f64)]) -> HistoryAnswer {
        let every: Vec<(i64, f64)> = (1..=points).map(|n| (n * point, 3.0)).collect();
        let grown: Vec<(i64, f64)> = growth.iter().map(|(n, value)| (n * point, *value)).collect();
        let mut answer = history_answer(1, vec![level(&[EVERY_POINT], &every), counted("a", &grown)]);
        if let Ok(recording) = &mut answer.outcome {
            recording.covered = period(0, points * point);
        }
        answer
    }

    #[test]
    fn a_rate_is_by_what_a_point_really_spans() {
        let minutes = growth(&coarse(60, 600, &[(5, 120.0), (300, 600.0)]), "a").expect("it grew");
        let longer = growth(&coarse(600, 60, &[(1, 1_200.0)]), "a").expect("it grew");

        assert!((minutes.rate - 10.0).abs() < 1e-9 && (minutes.minute - 600.0).abs() < 1e-9, "{minutes:?}");
        assert!((longer.rate - 2.0).abs() < 1e-9 && (longer.minute - 120.0).abs() < 1e-9, "{longer:?}");
        assert_eq!(longer.first_us, (BEGAN + 600) * 1_000_000);
    }

    #[test]
    fn two_points_are_never_more_than_the_minute_they_stand_for() {
        let grown = growth(&coarse(40, 15, &[(4, 80.0), (5, 80.0)]), "a").expect("it grew");

        assert!((grown.minute - 120.0).abs() < 1e-9, "{grown:?}");
    }

    #[test]
    fn a_gap_is_no_part_of_the_point_behind_it() {
        let mut answer = coarse(60, 10, &[(5, 120.0)]);
        if let Ok(recording) = &mut answer.outcome {
            recording.gaps = vec![period(250, 290)];
        }

        let grown = growth(&answer, "a").expect("it grew");

        assert!((grown.rate - 12.0).abs() < 1e-9, "{grown:?}");
    }
}
