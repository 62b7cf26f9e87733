//! The hello is sent and nothing comes back: the server, a path that loses by size or everything, or one that reads the name.

use sonde_sdk::connection::Connection;
use sonde_sdk::dial::{HttpExchange, TlsDial};
use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Endpoint, Phase, Reason};

use super::size;
use crate::case::{self, Case, End, Sni, Step};

/// Judges it, where no plain text came either.
pub(super) fn judge(case: &Case, at: &Endpoint, first: &TlsDial) -> Vec<Finding> {
    let seen = Seen::of(case, at, first);
    seen.everything_vanishes()
        .or_else(|| seen.by_name())
        .or_else(|| seen.large_hellos())
        .or_else(|| size::judge(case, at, first))
        .or_else(|| seen.large_answers())
        .unwrap_or_else(|| seen.stall())
}

/// What was tried beside the first hello.
struct Seen<'a> {
    case: &'a Case,
    at: &'a Endpoint,
    first: &'a TlsDial,
    /// The same hello again.
    again: Vec<&'a TlsDial>,
    /// Those that name another server, or none, and are answered by TLS.
    other_names: Vec<&'a TlsDial>,
    /// The hello of one packet.
    small: Option<&'a TlsDial>,
    plain: Option<&'a HttpExchange>,
    large: Option<&'a HttpExchange>,
}

impl<'a> Seen<'a> {
    fn of(case: &'a Case, at: &'a Endpoint, first: &'a TlsDial) -> Self {
        let later = || case.later(&at.address);
        Self {
            case,
            at,
            first,
            again: later().filter(|(sni, _)| **sni == Sni::Own).map(|(_, dial)| dial).collect(),
            other_names: later()
                .filter(|(sni, dial)| **sni != Sni::Own && case::spoke_tls(dial))
                .map(|(_, dial)| dial)
                .collect(),
            small: case.special(&Step::Small(at.address.clone())),
            plain: case.plain(&at.address),
            large: case.request(&Step::Large(at.address.clone())),
        }
    }

    /// Every one of the usual hellos is sent again and again, and never acknowledged.
    fn hellos_are_lost(&self) -> bool {
        !self.again.is_empty() && std::iter::once(&self.first).chain(&self.again).all(|dial| vanishes(dial))
    }

    /// What is small and arrived: a request, or the hello of one packet.
    fn small_ones(&self) -> Vec<u64> {
        let hello = self.small.filter(|dial| case::spoke_tls(dial) || case::acknowledged(&dial.connection));
        let request = self.plain.filter(|plain| arrives(plain));
        hello.map(|hello| hello.evidence).into_iter().chain(request.map(|request| request.evidence)).collect()
    }

    fn refuting(&self, cause: &str, why: &str, evidence: &[u64]) -> Finding {
        refutes(cause).proof().about(self.at).because(why).citing(evidence.iter().copied()).build()
    }

    /// The connection stands, and nothing that is sent on it is ever acknowledged, however small.
    fn everything_vanishes(&self) -> Option<Vec<Finding>> {
        let (small, plain) = (self.small?, self.plain?);
        let all = self.hellos_are_lost() && vanishes(small) && silent(plain) && lost(&plain.connection);
        // A greeting before TLS came through.
        if !all || !self.other_names.is_empty() || self.first.starttls.is_some() {
            return None;
        }
        let (at, witnesses) = (self.at, [small.evidence, plain.evidence]);
        Some(vec![
            supports("tcp.established_blackhole")
                .proof()
                .about(at)
                .because(format!("{at} accepts the connection, and then nothing that is sent on it arrives"))
                .citing([self.first.evidence])
                .build(),
            self.refuting(
                "http.server_slow",
                "a small request is not acknowledged either: nothing waits for the server",
                &witnesses,
            ),
            self.refuting("tls.handshake_stall", "a hello of one packet is not acknowledged either", &witnesses),
            self.refuting("l3.pmtu_blackhole", "what fits into one small packet is lost as well", &witnesses),
        ])
    }

    /// Hellos that name the target stay without an answer, others pass: not their size, but what they say.
    fn by_name(&self) -> Option<Vec<Finding>> {
        let own = self.again.iter().copied().chain(self.small);
        let all = !self.again.is_empty() && own.clone().all(|dial| case::end(dial) == End::Stalled);
        if !all || self.other_names.is_empty() {
            return None;
        }
        let (at, host) = (self.at, &self.case.host);
        let passing: Vec<u64> = self.other_names.iter().map(|dial| dial.evidence).collect();
        let own: Vec<u64> = std::iter::once(self.first.evidence).chain(own.map(|dial| dial.evidence)).collect();
        // Neither says so itself: named, but without certainty.
        let lost = self.hellos_are_lost();
        if lost && !self.small.is_none_or(vanishes) {
            return None;
        }
        let (cause, look_alike, sentence, why) = if lost {
            (
                "fw.dpi_reset",
                "tls.sni_required",
                format!("packets of a handshake that name {host} vanish on the way to {at}, others pass"),
                "the hello is not even acknowledged, so the server does not have it",
            )
        } else {
            (
                "tls.sni_required",
                "tls.version_mismatch",
                format!("{at} does not answer a ClientHello that names {host}, and does answer others"),
                "with another server name, or none, the handshake goes on",
            )
        };
        let mut findings = vec![
            supports(cause).proof().about(at).because(sentence).citing(own).build(),
            refutes(look_alike).about(at).because(why).citing(passing.iter().copied()).build(),
        ];
        findings.push(self.refuting("l3.pmtu_blackhole", "a hello of the same size passes", &passing));
        Some(findings)
    }

    /// What spans packets is lost, and what fits into a small one arrives.
    fn large_hellos(&self) -> Option<Vec<Finding>> {
        let small = self.small_ones();
        let arrived = self.large.is_some_and(|large| !lost(&large.connection));
        if !self.hellos_are_lost() || small.is_empty() || arrived || !self.other_names.is_empty() {
            return None;
        }
        let at = self.at;
        let large = self.large.map(|large| large.evidence);
        let mut findings = vec![
            supports("l3.pmtu_blackhole")
                .proof()
                .about(at)
                .because(format!(
                    "full-sized packets to {at} are lost again and again without any ICMP message, small ones arrive"
                ))
                .citing(std::iter::once(self.first.evidence).chain(self.again.iter().map(|dial| dial.evidence)))
                .build(),
            self.refuting(
                "app.not_responding",
                "what is missing is the acknowledgement of large packets; small ones get theirs",
                &small,
            ),
            self.refuting("l3.packet_loss", "small packets arrive at once: the path loses by size alone", &small),
        ];
        if let Some(large) = large {
            findings.push(self.refuting("tls.large_hello", "a large request in plain text is lost as well", &[large]));
        }
        Some(findings)
    }

    /// The hello arrives, and its answer, which is large whatever the hello, does not; small answers do.
    fn large_answers(&self) -> Option<Vec<Finding>> {
        let answered = self.plain.filter(|plain| arrives(plain) && !silent(plain))?;
        let all = || std::iter::once(self.first).chain(self.again.iter().copied()).chain(self.small);
        let stalls = !self.again.is_empty()
            && all().all(|dial| case::end(dial) == End::Stalled && case::acknowledged(&dial.connection));
        if !stalls || self.case.full_sized_packets_pass(&self.at.address).is_some() {
            return None;
        }
        let at = self.at;
        let support = supports("l3.pmtu_blackhole").about(at).citing([self.first.evidence]);
        let hole = self.case.mtu(&at.address).and_then(|mtu| mtu.black_hole().map(|hole| (mtu.evidence, hole)));
        let Some((echoes, (passed, size))) = hole.filter(|(_, (passed, _))| self.reaches(*passed)) else {
            let why = "small answers come at once, and the one with the certificate never";
            let stall = self.support().citing(all().map(|dial| dial.evidence));
            return Some(vec![support.strong().because(why).build(), stall.strong().build()]);
        };
        let sentence =
            format!("of {at} packets of {passed} bytes come back, those of {size} and the server's certificate do not");
        let witnesses = [answered.evidence];
        Some(vec![
            support.proof().because(sentence).citing([echoes]).build(),
            self.refuting(
                "app.not_responding",
                "a request in plain text, whose answer is small, is answered at once",
                &witnesses,
            ),
            self.refuting(
                "tls.handshake_stall",
                "a request in plain text, whose answer is small, is answered at once",
                &witnesses,
            ),
        ])
    }

    /// Segments of this connection are larger than what passes: its MSS was not made to fit.
    fn reaches(&self, passed: u32) -> bool {
        let headers = if self.at.is_ipv6() { 60 } else { 40 };
        let info = self.first.connection.info.as_ref();
        info.is_some_and(|info| info.snd_mss + headers + TIMESTAMP_OPTION > passed)
    }

    fn support(&self) -> Draft {
        let at = self.at;
        supports("tls.handshake_stall")
            .about(at)
            .because(format!("{at} takes the connection and the ClientHello, but never answers it"))
            .citing([self.first.evidence])
    }

    /// Nothing points to the path.
    fn stall(&self) -> Vec<Finding> {
        let at = self.at;
        let healed = self.again.iter().any(|dial| case::spoke_tls(dial));
        if lost(&self.first.connection) {
            let lost = supports("l3.pmtu_blackhole")
                .about(at)
                .because("the ClientHello is retransmitted and not acknowledged, although the connection stands")
                .citing([self.first.evidence]);
            let lost = if healed || !self.other_names.is_empty() { lost } else { lost.strong() };
            return vec![lost.build(), self.support().build()];
        }
        let others = self.case.later(&at.address).map(|(_, dial)| dial).chain(self.small);
        let stalled = others.filter(|dial| case::end(dial) == End::Stalled && case::acknowledged(&dial.connection));
        let plain = self.plain.filter(|plain| silent(plain) && case::acknowledged(&plain.connection));
        let witnesses: Vec<u64> = stalled.map(|dial| dial.evidence).chain(plain.map(|plain| plain.evidence)).collect();
        if healed || witnesses.is_empty() {
            return vec![if healed { self.support() } else { self.support().strong() }.build()];
        }
        let refutation = match self.case.full_sized_packets_pass(&at.address) {
            Some(echoes) => self.refuting(
                "l3.pmtu_blackhole",
                "asked again, everything sent is acknowledged, and full-sized packets come to it and back",
                &witnesses.into_iter().chain([echoes]).collect::<Vec<u64>>(),
            ),
            None => self.refuting(
                "l3.pmtu_blackhole",
                "asked again, in other words and sizes too, everything sent is acknowledged and nothing is lost",
                &witnesses,
            ),
        };
        vec![self.support().proof().build(), refutation]
    }
}

/// It is sent again and again and never acknowledged, on a path that lost no SYN.
fn vanishes(dial: &TlsDial) -> bool {
    case::end(dial) == End::Stalled && lost(&dial.connection) && dial.connection.syn_retransmits == 0
}

/// Sent at least three times, and not acknowledged, with the server's window open.
fn lost(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| info.unacked > 0 && info.backoff >= 2 && info.snd_wnd > 0)
}

/// The request reached the peer: it was acknowledged, or the peer did something about it.
fn arrives(request: &HttpExchange) -> bool {
    let ended = request.outcome.as_ref().is_err_and(|failure| {
        !failure.is_our_own()
            && failure.reason != Reason::TimedOut
            && !matches!(failure.phase, Phase::Socket | Phase::Connect)
    });
    request.outcome.is_ok() || request.response.is_some() || ended || case::acknowledged(&request.connection)
}

fn silent(request: &HttpExchange) -> bool {
    request.response.is_none()
        && request.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut && f.phase != Phase::Connect)
}

/// Which the MSS that the kernel tells has left out.
const TIMESTAMP_OPTION: u32 = 12;
