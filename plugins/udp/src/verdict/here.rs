//! What this host itself does to datagrams: connection tracking that takes no more flows, a filter before its own sockets, a
//! receive buffer without room.

use sonde_sdk::dial::UdpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure};
use sonde_sdk::way::{Explained, Met};

use super::{proven, unclear};
use crate::observe::{Path, holder, moved};

/// Percent of the maximum from which on the table counts as full: 95 is critical.
const FULL: i64 = 95;

/// EPERM beside a full table that counts drops.
pub(super) fn tracking(path: &Path) -> Option<Explained> {
    let counters = path.counters.as_ref()?;
    let (entries, most) = (counters.value("conntrack.entries")?, counters.value("conntrack.max")?);
    let drops = |name: &str| path.dials.iter().filter_map(|dial| moved(dial, name)).any(|n| n > 0);
    let full = most > 0 && entries.saturating_mul(100) >= most.saturating_mul(FULL);
    if !full || !(drops("conntrack.drop") || drops("conntrack.early_drop")) {
        return None;
    }
    let sentence = format!("connection tracking of this host is full ({entries} of {most}) and drops new flows");
    let why = "this kernel refuses at once, and connection tracking counts a drop with each";
    Some(
        proven(path, ("nf.conntrack_full", sentence), [counters.evidence], ("fw.drop_remote", why), path.evidence())
            .next("see `sysctl net.netfilter.nf_conntrack_max`, and `conntrack -L` for who fills the table"),
    )
}

/// A silent port of this very host: nothing said that the port is closed.
pub(super) fn silence(path: &Path) -> Explained {
    let at = &path.endpoint;
    let [read, full] =
        if at.is_ipv6() { ["Udp6.InDatagrams", "Udp6.RcvbufErrors"] } else { ["Udp.InDatagrams", "Udp.RcvbufErrors"] };
    let windows: Vec<Window> = path
        .dials
        .iter()
        .filter_map(|dial| {
            Some(Window {
                evidence: dial.evidence,
                sent: dial.sent.into(),
                undelivered: path.undelivered(dial)?,
                read: moved(dial, read)?,
                full: moved(dial, full)?,
                by_reverse_path: moved(dial, "TcpExt.IPReversePathFilter")?,
            })
        })
        .filter(|window| window.sent > 0)
        .collect();
    let [first, others @ ..] = windows.as_slice() else {
        return unclear(path, format!("{at} is this host, and gives no answer; {NEED_NOT}"));
    };
    let all = |holds: &dyn Fn(&Window) -> bool| windows.iter().all(holds);
    let others: Vec<EvidenceId> = others.iter().map(|window| window.evidence).collect();
    if let Some(case) = overflow(path) {
        return case;
    }
    // Whose datagrams are read, they were delivered: others were not.
    let met = path.met();
    if met != Met::Fewer && all(&|w| w.lost_as_many() && w.read < w.sent) && !others.is_empty() {
        let sentence = format!("this host's own input filter drops datagrams to {at}");
        let not_by_path = all(&|w| w.by_reverse_path == 0);
        let finding = supports("fw.drop_local_input").because(&sentence).citing([first.evidence]);
        let finding = finding.measuring(Measure::count("undelivered", first.undelivered));
        let next = "list this host's input rules: nft list ruleset, iptables -vnL INPUT";
        if !not_by_path || met != Met::AsMany {
            return unclear(path, sentence.clone()).with(finding.strong()).next(next);
        }
        return Explained::proven(at, "fw.drop_local_input", sentence.clone())
            .with(finding.proof())
            .with(
                refutes("l3.rp_filter_drop")
                    .proof()
                    .because("again as many packets are received and not delivered, and none counts as of a wrong path")
                    .citing(others),
            )
            .next(next);
    }
    if all(&|w| w.full >= w.sent) {
        let sentence =
            format!("datagrams to {at} arrive, and as many are dropped because some socket's receive buffer is full");
        // Without the socket's own count another one's may have moved.
        let finding = supports("udp.rcvbuf_overflow").strong().because(&sentence).citing([first.evidence]);
        return unclear(path, sentence).with(finding.measuring(Measure::count(full, first.full)));
    }
    let who = path.receivers(true).next().map_or_else(|| "a socket".to_owned(), holder);
    let how = if all(&|w| w.read >= w.sent) { "reads what arrives" } else { "takes what arrives" };
    unclear(path, format!("{at} is this host, {who} {how} and does not answer; {NEED_NOT}"))
        .next("send what the service's own client sends")
}

/// The socket that takes the datagrams has dropped as many as were sent meanwhile, and is full before and after: one that is read now
/// and then drops what others send.
fn overflow(path: &Path) -> Option<Explained> {
    let [before, after] = path.sockets.as_slice() else { return None };
    let meanwhile = path.dials.get(1..).unwrap_or_default();
    let sent: u32 = meanwhile.iter().map(|dial| dial.sent).sum();
    let (socket, dropped) = path.receivers(true).find_map(|socket| {
        let earlier = before.sockets().iter().find(|earlier| earlier.cookie == socket.cookie)?;
        let (then, now) = (earlier.memory.as_ref()?, socket.memory.as_ref()?);
        let is_full = then.is_receive_full() && now.is_receive_full();
        is_full.then(|| (socket, now.drops.wrapping_sub(then.drops)))
    })?;
    if sent == 0 || dropped < sent {
        return None;
    }
    let at = &path.endpoint;
    let room = socket.memory.as_ref().map(|memory| memory.receive_buffer_bytes).unwrap_or_default();
    let sentence = format!(
        "{} does not read what arrives on {at}: its receive buffer of {room} bytes is full, and {dropped} datagrams were dropped there while {sent} were sent",
        holder(socket)
    );
    let mut case = proven(
        path,
        ("udp.rcvbuf_overflow", sentence),
        [before.evidence, after.evidence],
        (
            "l3.packet_loss",
            "the datagrams did arrive: nothing else of this host dropped them, and no port was said to be closed",
        ),
        meanwhile.iter().map(|dial| dial.evidence),
    );
    if let Some(finding) = case.findings.first_mut() {
        finding.measures.push(Measure::count("drops", dropped.into()));
    }
    Some(case.next(format!("see `ss -aunmp sport = :{}`, and what its process waits for", at.port)))
}

/// Answers come back from elsewhere, and this host drops them.
pub(super) fn answers(path: &Path) -> Option<Explained> {
    let met = path.met();
    if !path.is_silent() || !path.ends_here(2) || met == Met::Fewer {
        return None;
    }
    let at = &path.endpoint;
    let windows: Vec<&UdpDial> = path.dials.iter().filter(|dial| path.undelivered(dial).is_some()).collect();
    let [first, others @ ..] = windows.as_slice() else { return None };
    let by_path = windows.iter().all(|dial| moved(dial, "TcpExt.IPReversePathFilter").is_some_and(|n| n > 0));
    let (cause, look_alike, why, next) = if by_path && !at.is_ipv6() {
        let why = "strict reverse-path filtering drops them: a reply would take another way";
        let next = "see `sysctl net.ipv4.conf.all.rp_filter` and this host's routes";
        ("l3.rp_filter_drop", "fw.drop_local_input", why, next)
    } else {
        let why = "a filter of this host drops them before any socket sees them";
        let next = "list this host's input rules: nft list ruleset, iptables -vnL INPUT";
        ("fw.drop_local_input", "l3.rp_filter_drop", why, next)
    };
    let sentence = format!("answers to the datagrams to {at} do come back, and {why}");
    let lost = path.undelivered(first).unwrap_or_default();
    let finding =
        supports(cause).because(&sentence).citing([first.evidence]).measuring(Measure::count("undelivered", lost));
    if met != Met::AsMany {
        let doubt = supports("fw.drop_remote")
            .because("they may be other traffic, and the datagrams unanswered")
            .citing(path.evidence());
        let told = unclear(path, format!("{at} gives no answer, and packets that come in are dropped by this host"));
        return Some(told.with(finding.strong()).with(doubt).next(next));
    }
    let counter = if by_path { "grows with each window again" } else { "does not explain them" };
    let again = others.iter().map(|dial| dial.evidence);
    let burst =
        path.burst.iter().flat_map(|burst| [burst.dial.evidence, burst.idle[0].evidence, burst.idle[1].evidence]);
    Some(
        Explained::proven(at, cause, sentence.clone())
            .with(finding.proof())
            .with(
                refutes(look_alike)
                    .proof()
                    .because(format!("repeated, the counter of the reverse-path filter {counter}"))
                    .citing(again),
            )
            .with(
                refutes("fw.drop_remote")
                    .strong()
                    .because(
                        "a burst of datagrams is met with as many packets that are dropped here: they were answered",
                    )
                    .citing(burst),
            )
            .next(next),
    )
}

/// What moved in one quiet window.
struct Window {
    evidence: EvidenceId,
    sent: i64,
    undelivered: i64,
    read: i64,
    full: i64,
    by_reverse_path: i64,
}

impl Window {
    /// About as many packets ended in this host's IP as were sent. Many more are not ours, and ours need not be among them.
    fn lost_as_many(&self) -> bool {
        (self.sent..=self.sent.saturating_mul(2)).contains(&self.undelivered)
    }
}

/// A UDP service owes nobody an answer.
pub(super) const NEED_NOT: &str = "a UDP service need not answer what it does not know";
