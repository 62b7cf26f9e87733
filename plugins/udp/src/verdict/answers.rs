//! Something answers. Of a service that echoes the datagrams are counted: what is lost, and by size or at all?

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::path::EchoResult;
use sonde_sdk::report::Finding;
use sonde_sdk::types::{EvidenceId, Measure};

use super::{Answering, Told};
use crate::observe::Path;
use crate::protocol::Reading;

/// Percent of datagrams; fewer are worth a word only.
const LOSS_PERCENT: u32 = 1;
/// A path that loses datagrams loses echo requests alike, give or take as many times.
const ALIKE: u32 = 4;
/// Losses in each series below which they are an accident.
const LOST: u32 = 2;

/// Judges an address that answered.
pub(super) fn judge(path: &Path) -> Told {
    if path.is_echoed() {
        return Told::Answers(echoes(path));
    }
    let (at, name) = (&path.endpoint, path.protocol.name());
    let bytes = path.answered().map(|dial| dial.answer_bytes).unwrap_or_default();
    let (sentence, unclear) = match path.reading() {
        Some(Reading::Valid(said)) => (format!("{at} answers {name}: {said}"), false),
        Some(Reading::Declined(word)) => (format!("{at} answers {name}, and declines to serve ({word})"), true),
        _ if path.protocol == crate::protocol::Protocol::Echo => {
            (format!("{at} answers with {bytes} bytes of its own"), false)
        }
        _ => (format!("{at} answers with {bytes} bytes that are not {name}"), true),
    };
    Told::Answers(Answering { findings: vec![], sentence, broken: false, unclear })
}

fn echoes(path: &Path) -> Answering {
    let dials = || path.dials.iter().chain(&path.series);
    let (sent, received) = dials().fold((0, 0), |(sent, received), dial| (sent + dial.sent, received + dial.received));
    let trip = path.series.iter().chain(&path.dials).find_map(|dial| dial.round_trips);
    let mut sentence = format!("{} echoes {received} of {sent} datagrams", path.endpoint);
    if let Some(trip) = trip {
        let micros = trip.median_us;
        sentence = format!("{sentence}, typically within {}.{:03} ms", micros / 1000, micros % 1000);
    }
    for (count, what) in [
        (dials().map(|d| d.duplicates).sum::<u32>(), "came twice"),
        (dials().map(|d| d.reordered).sum(), "came out of order"),
        (dials().map(|d| d.corrupted).sum(), "came back changed"),
    ] {
        if count > 0 {
            sentence = format!("{sentence}; {count} {what}");
        }
    }
    let mut answering = Answering { findings: vec![], sentence, broken: false, unclear: false };
    loss(path, &mut answering);
    size(path, &mut answering);
    answering
}

/// Some datagrams were not answered, in each of two series.
fn loss(path: &Path, answering: &mut Answering) {
    let [first, second] = path.series.as_slice() else { return };
    let lost = |dial: &sonde_sdk::dial::UdpDial| dial.sent.saturating_sub(dial.received);
    let (sent, gone) = (first.sent + second.sent, lost(first) + lost(second));
    if lost(first).min(lost(second)) < LOST || gone * 100 < sent * LOSS_PERCENT {
        return;
    }
    let at = &path.endpoint;
    let sentence = format!("{gone} of {sent} datagrams to {at} were not answered");
    let both = [first.evidence, second.evidence];
    let share = Measure::new("loss", f64::from(gone) * 100.0 / f64::from(sent.max(1)), "%");
    let by_path = supports("l3.packet_loss").about(at).measuring(share.clone());
    let lost_as_well = |pings: &EchoResult| pings.sent.saturating_sub(pings.received);
    // Many hosts answer only some echo requests a second: that is no loss of the path.
    let is_limited = |pings: &EchoResult| lost_as_well(pings) * sent > ALIKE * gone * pings.sent;
    let pings = path.pings.as_ref().filter(|pings| pings.received > 0 && !is_limited(pings));
    answering.sentence = format!("{}: {sentence}", answering.sentence);
    match pings.map(|pings| (pings, lost_as_well(pings))) {
        Some((pings, away)) if away >= LOST => {
            let sentence = format!(
                "{sentence}, and neither were {away} of {} echo requests to the host: the path loses packets",
                pings.sent
            );
            answering
                .findings
                .push(by_path.proof().because(sentence).citing(both.into_iter().chain([pings.evidence])).build());
            let answered: Vec<EvidenceId> =
                path.dials.iter().filter(|dial| dial.received > 0).map(|dial| dial.evidence).collect();
            answering.findings.push(not_all(path, answered));
            answering.broken = true;
        }
        Some((pings, _)) => {
            let because = format!(
                "{sentence}, while all {} echo requests to the host were: they are lost at the service",
                pings.sent
            );
            answering.findings.push(
                supports("udp.rcvbuf_overflow")
                    .strong()
                    .about(at)
                    .because(because)
                    .citing(both)
                    .measuring(share)
                    .build(),
            );
            answering.findings.push(
                refutes("l3.packet_loss")
                    .strong()
                    .about(at)
                    .because("the path to the host and back loses no echo request meanwhile")
                    .citing([pings.evidence])
                    .build(),
            );
            answering.unclear = true;
        }
        None => {
            answering.findings.push(by_path.strong().because(&sentence).citing(both).build());
            answering.findings.push(
                supports("udp.rcvbuf_overflow")
                    .about(at)
                    .because("a service that reads too slowly loses them in its receive buffer")
                    .citing(both)
                    .build(),
            );
            answering.unclear = true;
        }
    }
}

fn not_all(path: &Path, answered: Vec<EvidenceId>) -> Finding {
    refutes("fw.drop_remote")
        .proof()
        .about(&path.endpoint)
        .because("a filter drops all or none of a flow; of these datagrams most are answered")
        .citing(answered)
        .build()
}

/// Datagrams that fill a packet are not answered, and the ladder of packet sizes says where they end.
fn size(path: &Path, answering: &mut Answering) {
    let Some(large) = path.large.as_ref().filter(|large| large.received == 0 && large.sent > 0) else { return };
    let at = &path.endpoint;
    let Some((mtu, (passed, lost))) = path.mtu.as_ref().and_then(|mtu| Some((mtu, mtu.black_hole()?))) else {
        answering.sentence = format!("{}; of full-sized datagrams it echoes none", answering.sentence);
        return;
    };
    let sentence = format!(
        "datagrams that fill a packet to {at} are not answered: packets of {passed} bytes come through, those of {lost} vanish, and no router says why"
    );
    answering.findings.push(
        supports("l3.pmtu_blackhole")
            .proof()
            .about(at)
            .because(&sentence)
            .citing([mtu.evidence, large.evidence])
            .measuring(Measure::new("largest that passes", f64::from(passed), "By"))
            .build(),
    );
    answering.sentence = format!("{}; {sentence}", answering.sentence);
    answering.broken = true;
    let small = path.series.iter().filter(|dial| dial.sent > 0 && dial.received == dial.sent);
    let small: Vec<EvidenceId> = small.map(|dial| dial.evidence).collect();
    if !small.is_empty() {
        answering.findings.push(
            refutes("l3.packet_loss")
                .proof()
                .about(at)
                .because("every small datagram of a series came back: the path loses by size alone")
                .citing(small)
                .build(),
        );
    }
}
