//! A port that is served on one address of several. That alone is healthy: it takes somebody who is refused at another one.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use super::Verdict;
use crate::observe::{Dial, Observations, Watched};

/// RSTs that this host's TCP sends for other reasons than a closed port.
const ABORTS: [&str; 5] = [
    "TcpExt.TCPAbortOnClose",
    "TcpExt.TCPAbortOnData",
    "TcpExt.TCPAbortOnLinger",
    "TcpExt.TCPAbortOnMemory",
    "TcpExt.TCPAbortOnTimeout",
];
/// Refusals from one look to the next: fewer are a scanner's.
const REFUSALS: i64 = 2;

/// Others are refused all the time, nobody gets through, and another address of this host refuses us.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let Some(first) = watched.first() else { return };
    let unserved = |d: &&Dial| !watched.iter().any(|w| w.now().serves(&d.address));
    let refused = |d: &&Dial| d.dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused && f.icmp.is_none());
    let ours: Vec<&Dial> = observed.dials.iter().filter(refused).collect();
    let Some(example) = ours.iter().copied().find(|d| unserved(d) && !is_loopback(d)) else { return };
    let Some([early, late]) = others_refused(observed, ours.len()) else { return };
    // Short connections are over between the looks: only the counter has seen them.
    let reached = observed.opened_by_others().is_none_or(|opened| opened > 0);
    if early < 1 || late < 1 || reached || !observed.is_left_alone() {
        return;
    }
    let name = first.name();
    let sentence = format!(
        "{name} is not served on {}, nobody is connected to it, and this host refuses {} connections meanwhile",
        example.address,
        early + late
    );
    let [one, two, three] = observed.snapshots();
    let finding = supports("tcp.listen_wrong_addr")
        .about(&name)
        .because(&sentence)
        .citing([one, two, three, example.dial.evidence])
        .measuring(Measure::count("Tcp.OutRsts", early + late));
    verdict.next =
        Some(format!("bind it to {} or to every address, if others are meant to reach it there", example.address));
    if early < REFUSALS || late < REFUSALS {
        verdict.doubt(sentence, finding);
        return;
    }
    verdict.findings.push(finding.proof().build());
    // They may want another port: named, but never with confidence.
    let cited: Vec<EvidenceId> = [observed.look(0), observed.look(2)].to_vec();
    verdict.findings.push(
        refutes("tcp.port_closed").about(&name).because("a socket does listen on the port").citing(cited).build(),
    );
    verdict.faults.push(sentence);
}

/// RSTs from each look to the next that neither our own refused dials nor aborted connections explain.
fn others_refused(observed: &Observations, ours: usize) -> Option<[i64; 2]> {
    let [mut early, mut late] = observed.growth("Tcp.OutRsts")?;
    for [first, second] in ABORTS.iter().filter_map(|name| observed.growth(name)) {
        early -= first;
        late -= second;
    }
    Some([early - i64::try_from(ours).unwrap_or(i64::MAX), late])
}

fn is_loopback(dial: &Dial) -> bool {
    dial.address.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}
