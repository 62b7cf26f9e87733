//! What was recorded, as the judgement reads it.

use sonde_sdk::history::{HistoryAnswer, Series};
use sonde_sdk::types::EvidenceId;

/// Counters, by what they tell apart. Each group is a question of its own.
pub(crate) const ACCEPT: &[&str] = &["TcpExt.ListenOverflows", "TcpExt.ListenDrops"];
pub(crate) const SYN: &[&str] = &["TcpExt.TCPReqQFullDrop", "TcpExt.TCPReqQFullDoCookies", "TcpExt.SyncookiesSent"];
pub(crate) const TRAFFIC: &[&str] = &[
    "Tcp.ActiveOpens",
    "Tcp.InSegs",
    "Tcp.OutSegs",
    "Tcp.RetransSegs",
    "TcpExt.TCPLostRetransmit",
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

/// One recorded time.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// It ends now: what is over is no fault any more.
    pub(crate) live: bool,
    /// What a point of the answers spans, in microseconds.
    pub(crate) point_us: u64,
    /// Of the listener that is asked for.
    pub(crate) port: Option<u16>,
    pub(crate) accepts: HistoryAnswer,
    pub(crate) syns: HistoryAnswer,
    pub(crate) traffic: HistoryAnswer,
    pub(crate) limits: HistoryAnswer,
    pub(crate) datagrams: HistoryAnswer,
    /// Queues of listeners.
    pub(crate) listeners: HistoryAnswer,
    /// Sockets by state.
    pub(crate) states: HistoryAnswer,
    /// In TIME-WAIT, by peer and its port.
    pub(crate) peers: HistoryAnswer,
    /// Half open, by peer.
    pub(crate) sources: HistoryAnswer,
    /// In CLOSE-WAIT, of the port that is asked for, else of all.
    pub(crate) closing: HistoryAnswer,
}

/// How a counter grew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// In all.
    pub(crate) sum: f64,
    /// In its busiest minute.
    pub(crate) minute: f64,
    /// In its busiest step.
    pub(crate) peak: f64,
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
    let peak = series.peak()?.value;
    Some(Growth {
        sum: series.growth(),
        minute: busiest_minute(series),
        peak,
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

fn busiest_minute(series: &Series) -> f64 {
    let (mut sum, mut most, mut begin) = (0.0, 0.0_f64, 0);
    for point in &series.points {
        sum += point.value;
        while let Some(oldest) = series.points.get(begin).filter(|oldest| point.at_us - oldest.at_us >= MINUTE_US) {
            sum -= oldest.value;
            begin += 1;
        }
        most = most.max(sum);
    }
    most
}

const MINUTE_US: i64 = 60_000_000;

/// Growth so long before the end goes on.
const RECENT_US: i64 = 15_000_000;

#[cfg(test)]
mod tests {
    use sonde_sdk::testkit::{counted, history_answer};

    use super::*;

    #[test]
    fn the_busiest_minute_is_found() {
        let answer =
            history_answer(1, vec![counted("a", &[(0, 5.0), (70, 10.0), (100, 20.0), (129, 1.0), (131, 2.0)])]);

        let grown = growth(&answer, "a").expect("it grew");

        assert!((grown.minute - 31.0).abs() < 1e-9 && (grown.sum - 38.0).abs() < 1e-9, "{grown:?}");
        assert!((grown.peak - 20.0).abs() < 1e-9, "{grown:?}");
        assert_eq!(growth(&answer, "b"), None);
    }
}
