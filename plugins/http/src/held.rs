//! What this host has to do with a request that waits in vain: whether its answer came here and ended here, and whether it left
//! at all.
//!
//! Names no cause. The counters are of the whole namespace and of quiet windows, so that what ends here is compared with times in
//! which nothing is asked; what a socket keeps unsent is its own.

use sonde_sdk::connection::Connection;
use sonde_sdk::dial::{HttpExchange, TcpDial};
use sonde_sdk::types::CounterDeltas;
use sonde_sdk::way;

use crate::case::{self, Case, End, Form, Get, Step};

/// What this host does to a request or its answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held<'a> {
    /// It is not known yet; this would tell more. True: what was seen speaks for drops.
    Open(Step, bool),
    /// Other probes, other traffic at times, or a lack of counters leave a suspicion.
    Suspect(&'a HttpExchange),
    /// Each time the request stays in the socket; two of them.
    Unsent([&'a HttpExchange; 2]),
    /// Packets end here whenever it is asked, and not otherwise.
    Dropped(Drops<'a>),
    /// Nothing.
    Innocent,
}

/// Windows in which packets ended here, and those without.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drops<'a> {
    pub(crate) asked: [&'a HttpExchange; 2],
    pub(crate) unasked: [&'a TcpDial; 2],
    /// The fewest of a window with a request, and the most of one without.
    pub(crate) packets: [i64; 2],
}

/// Of a request that is waited for in vain.
pub(crate) fn look<'a>(case: &'a Case, get: &Get) -> Held<'a> {
    let Some(first) = case.find(get).filter(|first| waits(first)) else { return Held::Innocent };
    let is_ipv6 = case.endpoint(&get.address).is_ipv6();
    let ended = |deltas: Option<&CounterDeltas>| ended_here(deltas, is_ipv6);
    let ends = |exchange: &HttpExchange| waits(exchange) && ended(exchange.deltas.as_ref()) >= Some(REPEATS);
    let Some(asked) = counted(case, get, 1) else { return Held::Open(window(get, 1), false) };
    if [first, asked].iter().all(|exchange| waits(exchange) && keeps_unsent(&exchange.connection)) {
        return Held::Unsent([first, asked]);
    }
    let fewest = ended(asked.deltas.as_ref()).filter(|_| ends(asked));
    let Some(fewest) = fewest else { return Held::Innocent };
    let Some(idle) = case.hold(&get.address, 0) else { return Held::Open(pause(get, 0), true) };
    let Some(before) = ended(idle.deltas.as_ref()) else { return Held::Suspect(asked) };
    if before.saturating_mul(STANDS_OUT) > fewest {
        return Held::Innocent;
    }
    let Some(again) = counted(case, get, 2) else { return Held::Open(window(get, 2), true) };
    let Some(fewest) = ended(again.deltas.as_ref()).filter(|_| ends(again)).map(|lost| lost.min(fewest)) else {
        return Held::Innocent;
    };
    let Some(later) = case.hold(&get.address, 1) else { return Held::Open(pause(get, 1), true) };
    match ended(later.deltas.as_ref()).map(|lost| lost.max(before)) {
        None => Held::Suspect(asked),
        // Where all that comes is dropped, the ends of earlier dials are repeated too, now and then.
        Some(most) if most.saturating_mul(STANDS_OUT) > fewest => Held::Suspect(asked),
        Some(most) => Held::Dropped(Drops { asked: [asked, again], unasked: [idle, later], packets: [fewest, most] }),
    }
}

/// The counted request, by its attempt.
pub(crate) fn counted<'a>(case: &'a Case, get: &Get, attempt: u8) -> Option<&'a HttpExchange> {
    case.find(&Get { form: Form::Counted, attempt, ..get.clone() })
}

fn window(get: &Get, attempt: u8) -> Step {
    Step::Get(Get { form: Form::Counted, attempt, ..get.clone() })
}

fn pause(get: &Get, attempt: u8) -> Step {
    Step::Hold(get.address.clone(), attempt)
}

/// Packets that came during a window and that IP neither delivered nor forwarded; none where the window was shared.
fn ended_here(deltas: Option<&CounterDeltas>, is_ipv6: bool) -> Option<i64> {
    way::undelivered(is_ipv6, |name| deltas?.moved(name))
}

/// The kernel holds bytes that it may send, none being under way: whatever it hands to the network fails in this host. Of a path
/// that loses packets, they would be sent and unacknowledged.
fn keeps_unsent(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| {
        info.notsent_bytes > 0 && info.unacked == 0 && info.snd_wnd >= info.notsent_bytes && info.backoff > 0
    })
}

fn waits(exchange: &HttpExchange) -> bool {
    matches!(case::end(exchange), End::Silent | End::Stuck)
}

/// An answer that nobody acknowledges is sent again after 200 ms at the soonest, and then after twice as long each time: four
/// packets come in [`crate::WINDOW`]. A path of a long round trip spares one.
const REPEATS: i64 = 3;
/// So many times more ends here when it is asked.
const STANDS_OUT: i64 = 4;
