//! Packets that vanish on the way, told by their size and direction: all of them, the large ones to the server, or the large
//! ones from it.

use sonde_sdk::connection::Connection;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::path::{MtuConclusion, MtuMethod};
use sonde_sdk::report::Finding;

use super::silence::{acknowledged, patience, waits};
use crate::body;
use crate::case::{self, Case, End, Form, Get, SLOW_US};

/// Small requests arrive, one of several full-sized packets does not.
pub(super) fn large_requests(case: &Case, get: &Get) -> Option<Vec<Finding>> {
    let at = case.endpoint(&get.address);
    let large = case.formed(get, Form::Padded).filter(|large| lost(&large.connection) && waits(large))?;
    let small = acknowledged(case, get);
    if small.is_empty() {
        return None;
    }
    Some(vec![
        supports("l3.pmtu_blackhole")
            .proof()
            .about(&at)
            .because(format!(
                "small requests to {at} are acknowledged, full-sized packets are lost without any ICMP message"
            ))
            .citing([large.evidence])
            .build(),
        refutes("app.not_responding")
            .proof()
            .about(&at)
            .because("what is missing is the acknowledgement of large packets; those of small ones come at once")
            .citing(small.iter().copied())
            .build(),
        refutes("tcp.peer_zero_window").proof().about(&at).because("the server's window is open").citing(small).build(),
    ])
}

/// The connection stands, and nothing that is sent on it is ever acknowledged, however small.
pub(super) fn everything(case: &Case, get: &Get) -> Option<Vec<Finding>> {
    let small: Vec<&HttpExchange> = case.repeats(get).chain(case.formed(get, Form::Head)).collect();
    let vanished = |exchange: &&HttpExchange| {
        let retried = exchange.connection.info.as_ref().is_some_and(|info| info.backoff >= 2);
        // A SYN that had to be repeated speaks of a path that loses some of everything.
        case::end(exchange) == End::Silent
            && lost(&exchange.connection)
            && retried
            && exchange.connection.syn_retransmits == 0
    };
    let (first, again) = small.split_first()?;
    if again.is_empty() || !small.iter().all(vanished) {
        return None;
    }
    let at = case.endpoint(&get.address);
    let again: Vec<u64> = again.iter().map(|exchange| exchange.evidence).collect();
    let by_repeat =
        |cause: &str, why: &str| refutes(cause).proof().about(&at).because(why).citing(again.iter().copied()).build();
    Some(vec![
        supports("tcp.established_blackhole")
            .proof()
            .about(&at)
            .because(format!(
                "{at} accepts the connection, and then no packet of the request arrives, however often it is repeated"
            ))
            .citing([first.evidence])
            .build(),
        by_repeat("http.server_slow", "asked again, the request is not acknowledged, so the server does not have it"),
        by_repeat("app.not_responding", "asked again, the request is not acknowledged, so the server does not have it"),
        by_repeat("l3.pmtu_blackhole", "a small request is lost as well"),
    ])
}

/// Asked in small segments the page comes at once, each time; in the usual ones never, however long it is waited for.
pub(super) fn by_segments(case: &Case, get: &Get) -> Option<Vec<Finding>> {
    let usual: Vec<&HttpExchange> = case.repeats(get).chain(case.formed(get, Form::Padded)).collect();
    let in_small = Get { form: Form::Small, attempt: 0, ..get.clone() };
    let small: Vec<&HttpExchange> = case.repeats(&in_small).collect();
    let comes = |exchange: &&HttpExchange| {
        matches!(case::end(exchange), End::Answered(_)) && case::wait_us(exchange).is_some_and(|wait| wait < SLOW_US)
    };
    let vanishes = usual.len() > 2 && usual.iter().all(|exchange| waits(exchange));
    if !vanishes || small.len() < 2 || !small.iter().all(comes) || whole(case, get).is_some() {
        return None;
    }
    let at = case.endpoint(&get.address);
    let ids = |of: &[&HttpExchange]| of.iter().map(|exchange| exchange.evidence).collect::<Vec<u64>>();
    let because = format!(
        "{at} answers for {} at once where segments are small, and in those of the usual size no answer arrives: large packets vanish \
         on the way back without any ICMP message",
        get.path
    );
    Some(vec![
        supports("l3.pmtu_blackhole").proof().about(&at).because(because).citing(ids(&usual)).build(),
        refutes("app.not_responding")
            .proof()
            .about(&at)
            .because("the same request is answered at once, each time, as soon as the segments are small")
            .citing(ids(&small))
            .build(),
    ])
}

/// The request arrives and its answer does not: does the page hang, or do large packets vanish on the way back?
pub(super) fn large_answers(case: &Case, get: &Get) -> Option<Vec<Finding>> {
    let all: Vec<&HttpExchange> = case.repeats(get).collect();
    let (first, again) = all.split_first()?;
    let hangs = !again.is_empty() && all.iter().all(|exchange| waits(exchange)) && !acknowledged(case, get).is_empty();
    if !hangs || whole(case, get).is_some() || body::trickles(case, get) {
        return None;
    }
    let at = case.endpoint(&get.address);
    let prompt = |head: &&HttpExchange| {
        matches!(case::end(head), End::Answered(_)) && case::wait_us(head).is_some_and(|wait| wait < SLOW_US)
    };
    let head = case.formed(get, Form::Head).filter(prompt);
    let hole = case.mtu(&get.address).and_then(|mtu| mtu.black_hole().map(|hole| (mtu.evidence, hole)));
    let hole = hole.filter(|(_, (passed, _))| reaches(&first.connection, at.is_ipv6(), *passed));
    let support = supports("l3.pmtu_blackhole").about(&at).citing([first.evidence]);
    let Some((echoes, (passed, size))) = hole else {
        // The page itself may hang where its head does not: nothing tells the two apart.
        let taken = supports("app.not_responding")
            .about(&at)
            .because(format!(
                "{at} takes the request for {}, but does not answer within {}",
                get.path,
                patience(case, get)
            ))
            .citing(all.iter().map(|exchange| exchange.evidence));
        let sentence = format!("{at} answers in small packets at once, and the page of {} does not come", get.path);
        let undecided = vec![support.strong().because(sentence).build(), taken.strong().build()];
        return head.filter(|_| case::end(first) == End::Silent).map(|_| undecided);
    };
    let sentence =
        format!("of {at} packets of {passed} bytes come back, those of {size} and the page of {} do not", get.path);
    let refutation = refutes("app.not_responding").about(&at).citing([echoes]);
    Some(vec![
        support.proof().because(sentence).citing([echoes]).build(),
        match head {
            Some(head) => refutation
                .proof()
                .because("asked for the head of the page alone, which is small, it answers at once")
                .citing([head.evidence]),
            // Not every server answers HEAD; the hole is there, and hides the answer if there is one.
            None => refutation
                .because("an answer of full-sized packets would not come through")
                .citing(again.iter().map(|exchange| exchange.evidence)),
        }
        .build(),
    ])
}

/// The probe that shows full-sized packets to come back, if one does: an echo, or what the server sent before, as to set up TLS.
pub(super) fn whole(case: &Case, get: &Get) -> Option<u64> {
    // Replies over IPv4 are sent without DF, and come through a small MTU in fragments.
    let echoed = echoes(case, get).filter(|_| case.endpoint(&get.address).is_ipv6());
    let full = |exchange: &&HttpExchange| {
        let info = exchange.connection.info.as_ref();
        info.is_some_and(|info| info.rcv_mss > SMALL_SEGMENT && info.rcv_mss + TIMESTAMP_OPTION >= info.snd_mss)
    };
    echoed.or_else(|| case.repeats(get).skip(1).find(full).map(|exchange| exchange.evidence))
}

/// The echoes, where those of all sizes come back.
pub(super) fn echoes(case: &Case, get: &Get) -> Option<u64> {
    let mtu = case.mtu(&get.address)?;
    let echo = mtu.method == Some(MtuMethod::IcmpEcho) && mtu.conclusion == MtuConclusion::Measured;
    // What a router refuses on the way there was not tried on the way back.
    (echo && mtu.notices().next().is_none()).then_some(mtu.evidence)
}

/// Segments of this connection are larger than what passes: its MSS was not made to fit.
fn reaches(connection: &Connection, is_ipv6: bool, passed: u32) -> bool {
    let headers = if is_ipv6 { 60 } else { 40 };
    connection.info.as_ref().is_some_and(|info| info.snd_mss + headers + TIMESTAMP_OPTION > passed)
}

/// Sent, sent again, and not acknowledged, with the server's window open.
pub(super) fn lost(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| {
        info.unacked > 0 && (info.backoff > 0 || info.retransmits > 0 || info.lost > 0) && info.snd_wnd > 0
    })
}

/// What Linux takes a peer's segments for before it has seen any (`TCP_MSS_DEFAULT`).
const SMALL_SEGMENT: u32 = 536;
/// Which the MSS that the kernel tells has left out.
const TIMESTAMP_OPTION: u32 = 12;
