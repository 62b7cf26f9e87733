//! A silent dial whose window shows that this host itself may be the reason: is it so each time, and only while we dial?

use std::time::Duration;

use sonde_sdk::dial::{TcpDial, tcp, tcp_repeat};
use sonde_sdk::sockets::{CountersAnswer, counters};
use sonde_sdk::system::{LinksAnswer, links};
use sonde_sdk::timer::{self, Allowance};
use sonde_sdk::wait;
use sonde_sdk::way::Met;

use super::{FIRST, dial};
use crate::observe::{Burst, Path, Span, answers_are_dropped_here, answers_are_reset_here, some_fail_here};

/// Shorter than the time after which a peer repeats its answer.
const MOMENT: Duration = Duration::from_millis(400);
const SYNS: u32 = 8;

/// The counters and the links as they are now.
pub(super) async fn snapshot() -> (CountersAnswer, LinksAnswer) {
    wait::join(counters(), links()).await
}

/// Since an earlier snapshot.
pub(super) async fn since(before: (CountersAnswer, LinksAnswer)) -> Span {
    let after = snapshot().await;
    Span { counters: [before.0, after.0], links: [before.1, after.1] }
}

/// One more dial in a quiet window, with the links around it.
pub(super) async fn watch(path: &mut Path, allowance: Allowance) {
    if !allowance.has(FIRST) {
        return;
    }
    let before = snapshot().await;
    let dial = tcp(dial(&path.endpoint, FIRST, allowance).with_deltas()).await;
    path.beside.push((dial.evidence, since(before).await));
    path.dials.push(dial);
}

/// Looks again where the windows so far say that this host is the reason. True: they still do, and nothing else need be asked.
pub(super) async fn follow(path: &mut Path, allowance: Allowance) -> bool {
    let ipv6 = path.endpoint.is_ipv6();
    let fails = |d: &TcpDial| some_fail_here(d);
    let dropped = |d: &TcpDial| answers_are_dropped_here(d, ipv6);
    if ![&fails as &dyn Fn(&TcpDial) -> bool, &dropped, &answers_are_reset_here].iter().any(|s| path.windows().all(s))
        && !ends_before_ip(path)
    {
        return false;
    }
    watch(path, allowance).await;
    if path.is_open() || !path.is_silent() {
        return true;
    }
    if path.in_each_window(fails) {
        path.counters = Some(counters().await);
        return true;
    }
    let (dropped, reset) = (path.in_each_window(dropped), path.in_each_window(answers_are_reset_here));
    if !dropped && !reset && !ends_before_ip(path) {
        return false;
    }
    if !path.is_local() && allowance.has(FIRST) {
        path.burst = Some(burst(path, allowance).await);
    }
    // Met with less, it says that the silence has another reason.
    dropped && path.burst_is_dropped() != Met::Fewer
        || reset && path.burst_is_reset() != Met::Fewer
        || path.burst_ends_before_ip() == Met::AsMany
}

/// Frames come in that IP does not see, in every window of which the links are known.
fn ends_before_ip(path: &Path) -> bool {
    let lost: Vec<i64> = path.windows().filter_map(|d| Some(path.frames(d)?.1)).collect();
    !path.is_local() && !lost.is_empty() && lost.iter().all(|n| *n > 0)
}

/// Many SYNs at once, for a moment, and the same moment without.
async fn burst(path: &Path, allowance: Allowance) -> Burst {
    let before = snapshot().await;
    let each = dial(&path.endpoint, MOMENT, allowance).with_deltas();
    let series = tcp_repeat(each.times(SYNS).at_once(SYNS).within(MOMENT * 2)).await;
    let span = since(before).await;
    let before = snapshot().await;
    timer::sleep(MOMENT).await;
    Burst { series, span, idle: since(before).await }
}
