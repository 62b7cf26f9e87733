//! An open address, some of whose handshakes lose a packet: a path that loses, a link that damages, or one dead backend of several.
//!
//! A lost SYN heals by its repetition, which is the same flow: what is silent however often its flow repeats, beside later flows
//! that are answered at once, went to a backend that is dead. Silence that has come to stay is a queue that has filled up (see
//! `stuck`). Another port, whose RST comes from the kernel, tells the path's losses from a listener's; and a listener that only
//! loses what comes many at a time is a small one, and healthy.

use std::collections::BTreeSet;

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use super::stuck;
use crate::observe::{Path, has_lost, is_silent};

/// Failures among many, from which on they are no accident.
const REPEATED: usize = 2;
/// Losses on both ports together, from which on they are a share.
const SHARE: usize = 3;
/// Flows that stay silent through all their SYNs: at a loss of one packet in five, three of them are one chance in thousands.
pub(crate) const DEAD: usize = 3;
/// Handshakes that a share is told from.
const MANY: usize = 8;
/// One in so many lost handshakes is too many, however few were made.
const LARGE: usize = 4;
/// Handshakes one at a time, none of which may be lost.
pub(crate) const SINGLY: usize = 6;
/// Statistics of a link that count damaged or lost frames.
const DAMAGE: [&str; 4] = ["rx_errors", "rx_crc_errors", "rx_frame_errors", "rx_missed_errors"];

/// What the losses come to.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) drafts: Vec<Draft>,
    pub(super) remark: String,
    pub(super) broken: bool,
    pub(super) unclear: bool,
}

/// None where no handshake lost anything.
pub(super) fn judge(path: &Path) -> Option<Share> {
    let seen = Seen::of(path);
    if seen.lost.is_empty() || seen.is_a_burst(path) {
        return None;
    }
    Some(
        seen.dead_next_hop(path)
            .or_else(|| seen.dead_backend(path))
            .or_else(|| stuck::judge(path))
            .unwrap_or_else(|| seen.losses(path)),
    )
}

/// The dials by what became of them.
struct Seen {
    lost: Vec<EvidenceId>,
    silent: Vec<EvidenceId>,
    healed: usize,
    at_once: Vec<EvidenceId>,
    /// Of those, the ones that began after the first silence had ended.
    at_once_later: Vec<EvidenceId>,
    /// Of the other port.
    lost_elsewhere: Vec<EvidenceId>,
    answered_elsewhere: Vec<EvidenceId>,
}

impl Seen {
    fn of(path: &Path) -> Self {
        let ids = |dials: &mut dyn Iterator<Item = &TcpDial>| dials.map(|d| d.evidence).collect::<Vec<_>>();
        let dials = || path.dials.iter();
        let others = || path.controls.iter().map(|c| &c.dial);
        let answered =
            |d: &&TcpDial| d.outcome.is_ok() || d.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused);
        Self {
            lost: ids(&mut dials().filter(|d| has_lost(d))),
            silent: ids(&mut dials().filter(|d| is_silent(d))),
            healed: dials().filter(|d| d.outcome.is_ok() && has_lost(d)).count(),
            at_once: ids(&mut dials().filter(|d| d.outcome.is_ok() && !has_lost(d))),
            at_once_later: ids(&mut path.after_silence().filter(|d| d.outcome.is_ok() && !has_lost(d))),
            lost_elsewhere: ids(&mut others().filter(|d| d.connection.syn_retransmits > 0)),
            answered_elsewhere: ids(&mut others().filter(answered)),
        }
    }

    /// What was lost came together with others; one at a time, nothing is.
    fn is_a_burst(&self, path: &Path) -> bool {
        let one_at_a_time = path.singly.len() >= SINGLY && !path.singly.iter().any(has_lost);
        one_at_a_time && self.lost_elsewhere.is_empty()
    }

    /// The route has several next hops, and one of them does not answer: the flows that it gets never leave this host.
    fn dead_next_hop(&self, path: &Path) -> Option<Share> {
        let gateways = path.known.gateways.as_ref().filter(|_| !self.silent.is_empty())?;
        let (entry, route) = gateways.silent_of_several(path.endpoint.is_ipv6()).next()?;
        let remark = format!(
            "{} of {} connections to {} are silent: of the next hops of {} the gateway {} on {} does not answer ARP or ND ({})",
            self.silent.len(),
            path.dials.len(),
            path.endpoint,
            route.destination,
            entry.address,
            entry.device,
            entry.state,
        );
        let proof = supports("l2.gateway_unresolved")
            .proof()
            .because(&remark)
            .citing(self.silent.iter().copied().chain([gateways.neighbours.evidence]))
            .measuring(Measure::count("silent", count(self.silent.len())));
        let not_a_peer = refutes("l2.neighbor_unresolved")
            .proof()
            .because(format!("{} lies behind gateways, and others of them lead there", path.endpoint.address))
            .citing(self.at_once.iter().copied().chain([gateways.routes.evidence]));
        let not_the_path = refutes("l3.packet_loss")
            .strong()
            .because("the connections that are silent are those that wait for that gateway's address in this host")
            .citing([gateways.neighbours.evidence, gateways.routes.evidence]);
        Some(Share { drafts: vec![proof, not_a_peer, not_the_path], remark, broken: true, unclear: false })
    }

    /// One of several backends behind the address.
    fn dead_backend(&self, path: &Path) -> Option<Share> {
        let answered_and_lost = !self.answered_elsewhere.is_empty() && !self.lost_elsewhere.is_empty();
        if self.silent.len() < DEAD || self.healed > 0 || self.at_once_later.len() < DEAD || answered_and_lost {
            return None;
        }
        let (backend, flows) = backend(path, &self.silent).unzip();
        let remark = format!(
            "{} of {} connections to {} stay silent through all their repetitions, and the others are accepted at once{}",
            self.silent.len(),
            path.dials.len(),
            path.endpoint,
            backend.map(|backend| format!("; the silent ones went to {backend}")).unwrap_or_default(),
        );
        let proof = supports("lb.backend_blackholed")
            .proof()
            .because(&remark)
            .citing(self.silent.iter().copied().chain(flows.unwrap_or_default()))
            .measuring(Measure::count("silent", count(self.silent.len())));
        let not_filtered = refutes("fw.drop_remote")
            .proof()
            .because("a filter drops every SYN to the port; other connections were accepted in between")
            .citing(self.at_once_later.iter().copied());
        let not_lost = refutes("l3.packet_loss")
            .strong()
            .because(
                "a loss heals when the SYN is repeated; none of these did, and none of the others had to be repeated",
            )
            .citing(self.at_once.iter().chain(&self.answered_elsewhere).copied());
        Some(Share { drafts: vec![proof, not_filtered, not_lost], remark, broken: true, unclear: false })
    }

    fn losses(&self, path: &Path) -> Share {
        let all = path.dials.len();
        let remark = format!("{} of {all} handshakes with {} lost a packet", self.lost.len(), path.endpoint);
        let total = self.lost.len() + self.lost_elsewhere.len();
        let share = all >= MANY && total >= SHARE && self.at_once.len() >= REPEATED;
        if !share || self.lost_elsewhere.is_empty() || self.answered_elsewhere.len() < REPEATED {
            // A listener that drops some SYNs looks the same where no other port is seen to lose any.
            let finding = supports("l3.packet_loss").because(&remark).citing(self.lost.iter().copied());
            let repeated = self.lost.len() >= REPEATED;
            let finding = if repeated { finding.strong() } else { finding };
            // Of many handshakes a few may be lost; where it is a quarter, nobody would call the port healthy.
            let large = self.lost.len() * LARGE >= all;
            return Share { drafts: vec![finding], remark, broken: false, unclear: repeated && (share || large) };
        }
        let lost = || self.lost.iter().chain(&self.lost_elsewhere).copied();
        let at_once = refutes("fw.drop_remote")
            .proof()
            .because(format!("{} handshakes with the same port succeed at once", self.at_once.len()))
            .citing(self.at_once.iter().copied());
        if let Some((device, name, grown, dumps)) = damage(path) {
            let sentence =
                format!("{device} counts {grown} more {name} while handshakes with {} lose packets", path.endpoint);
            let proof = supports("l2.nic_errors")
                .proof()
                .because(&sentence)
                .citing(dumps)
                .measuring(Measure::count(name, grown));
            let consequence = refutes("l3.packet_loss")
                .strong()
                .because(format!("the losses begin at this host's own {device}"))
                .citing(lost());
            return Share { drafts: vec![proof, consequence], remark: sentence, broken: true, unclear: false };
        }
        let proof = supports("l3.packet_loss").proof().because(&remark).citing(lost());
        let mut drafts = vec![proof, at_once];
        if let Some((before, after)) = &path.around
            && before.outcome.is_ok()
            && after.outcome.is_ok()
        {
            drafts.push(
                refutes("l2.nic_errors")
                    .strong()
                    .because("this host's own interface counts no damaged or missed frame meanwhile")
                    .citing([before.evidence, after.evidence]),
            );
        }
        Share { drafts, remark, broken: true, unclear: false }
    }
}

/// The one backend that all silent flows went to and no answered one, where connection tracking tells.
fn backend(path: &Path, silent: &[EvidenceId]) -> Option<(String, Vec<EvidenceId>)> {
    let mut gone = BTreeSet::new();
    let mut served = BTreeSet::new();
    let mut cited = vec![];
    for dial in &path.dials {
        let Some((evidence, flow)) = path.flow(dial.evidence).filter(|(_, flow)| flow.is_translated()) else {
            continue;
        };
        if silent.contains(&dial.evidence) {
            gone.insert(flow.backend().to_string());
            cited.push(evidence);
        } else {
            served.insert(flow.backend().to_string());
        }
    }
    let only = gone.pop_first()?;
    (gone.is_empty() && !served.contains(&only)).then_some((only, cited))
}

/// The link towards the address counted damaged frames while the sample was taken.
fn damage(path: &Path) -> Option<(String, &'static str, i64, [EvidenceId; 2])> {
    let (before, after) = path.around.as_ref()?;
    let device = path.route().and_then(|(_, route)| route.device.clone())?;
    let statistic = |answer: &sonde_sdk::system::LinksAnswer, name| {
        answer.outcome.as_ref().ok()?.iter().find(|link| link.name == device)?.statistic(name)
    };
    DAMAGE.into_iter().find_map(|name| {
        let grown = statistic(after, name)? - statistic(before, name)?;
        (grown > 0).then(|| (device.clone(), name, grown, [before.evidence, after.evidence]))
    })
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
