//! Silence that is made in this host: its own rules drop the answers that come in, or the request before it leaves.

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::report::{Finding, Strength};
use sonde_sdk::types::Endpoint;

use crate::case::{Case, Get};
use crate::held::{self, Drops, Held};

/// What this host does to the request or its answer. Empty where it does nothing, or where other traffic may be what it drops.
pub(super) fn judge(case: &Case, get: &Get) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let drafts = match held::look(case, get) {
        Held::Unsent(exchanges) => unsent(&at, exchanges),
        Held::Dropped(drops) => dropped(&at, &drops),
        Held::Suspect(_) | Held::Open(..) | Held::Innocent => Vec::new(),
    };
    drafts.into_iter().map(Draft::build).collect()
}

/// The first window looks as if the answers ended here, and those that would tell are missing.
pub(super) fn suspicion(case: &Case, get: &Get) -> Option<Finding> {
    let first = match held::look(case, get) {
        Held::Suspect(first) => first,
        Held::Open(_, true) => held::counted(case, get, 1)?,
        _ => return None,
    };
    let sentence = "packets that come in meanwhile are dropped by this host: they may be the answers, or other traffic";
    let support = supports("fw.drop_local_input").strong().about(case.endpoint(&get.address)).because(sentence);
    Some(support.citing([first.evidence]).build())
}

/// Each time the request stays in this host's socket, with the server's window open and nothing under way.
fn unsent(at: &Endpoint, [first, again]: [&HttpExchange; 2]) -> Vec<Draft> {
    let refuted = |cause: &str, why: &str| refutes(cause).proof().about(at).because(why).citing([again.evidence]);
    let support = supports("fw.drop_local_output").proof().about(at).citing([first.evidence]).because(format!(
        "{at} accepts the connection, and then this host drops its own packets of the request: they stay unsent in its socket, \
         though the server's window is open"
    ));
    vec![
        support,
        refuted("fw.drop_remote", "asked again, the request does not leave this host"),
        refuted("tcp.established_blackhole", "asked again, nothing is under way that a path could lose"),
        refuted("app.not_responding", "asked again, the request does not leave this host"),
    ]
}

/// As many packets end here as the server would repeat its answer, each time it is asked and only then.
fn dropped(at: &Endpoint, drops: &Drops<'_>) -> Vec<Draft> {
    let ([first, again], [asked, unasked]) = (drops.asked, drops.packets);
    let support = supports("fw.drop_local_input")
        .about(at)
        .because(format!(
            "answers of {at} do come back, and a filter of this host drops them before any socket sees them: {asked} packets end \
             here each time it is asked, and {unasked} while it is not"
        ))
        .citing([first.evidence])
        .citing(drops.unasked.iter().map(|dial| dial.evidence));
    let refuted = |cause: &str, why: &str| refutes(cause).proof().about(at).because(why).citing([again.evidence]);
    let received = "asked again, packets come back to this host again, and only then";
    let strength = strength(again);
    let mut drafts = vec![support.strength(strength)];
    if strength == Strength::Proof {
        let why = "asked again, the counter of the reverse-path filter stands still";
        drafts.push(refuted("l3.rp_filter_drop", why));
    }
    let others = ["app.not_responding", "l3.pmtu_blackhole", "tcp.established_blackhole"];
    drafts.extend(others.map(|cause| refuted(cause, received)));
    drafts
}

/// What connection tracking cannot assign, and what should have come another way, is dropped by causes of their own.
fn strength(window: &HttpExchange) -> Strength {
    let moved = |name: &str| window.deltas.as_ref().and_then(|deltas| deltas.moved(name)) != Some(0);
    match (moved("TcpExt.IPReversePathFilter"), moved("conntrack.invalid")) {
        (false, false) => Strength::Proof,
        (false, true) => Strength::Strong,
        (true, _) => Strength::Weak,
    }
}
