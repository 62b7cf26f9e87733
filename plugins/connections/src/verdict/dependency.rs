//! Clients that wait while the process itself waits for somebody else. A proxy of calls that are meant to last looks the same, so this is
//! a doubt.

use std::collections::BTreeMap;
use std::time::Duration;

use sonde_sdk::finding::supports;
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::Measure;

use super::{Verdict, count, counted};
use crate::observe::{Observations, Scope, owner};

/// Clients that wait, below which it may be one slow answer.
const CLIENTS: usize = 2;
/// An answer that takes so long is late.
const LATE: Duration = Duration::from_secs(2);

/// Judges it: every client that asked waits, and so does everything that was asked of one peer.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let own = match observed.scope {
        Scope::Host => return,
        Scope::Process(_) => &observed.looks[1].unacknowledged,
        Scope::Port(_) => match &observed.elsewhere {
            Some(answer) => answer,
            None => return,
        },
    };
    let clients = observed.looks[1].unacknowledged.sockets().iter().filter(|socket| observed.is_accepted(socket));
    let (waiting, served): (Vec<&Socket>, Vec<&Socket>) =
        clients.filter(|socket| socket.state == "ESTAB").partition(|socket| waits(socket, Side::Client));
    if waiting.len() < CLIENTS || !served.is_empty() {
        return;
    }
    let mut peers: BTreeMap<String, (Vec<&Socket>, usize)> = BTreeMap::new();
    for socket in own.sockets().iter().filter(|s| s.state == "ESTAB" && !observed.is_accepted_by_any(s)) {
        let peer = socket.peer.as_ref().map(ToString::to_string).unwrap_or_default();
        let (asked, all) = peers.entry(peer).or_default();
        *all += 1;
        asked.extend(Some(socket).filter(|socket| waits(socket, Side::Server)));
    }
    let Some((peer, (asked, _))) = peers.iter().find(|(_, (asked, all))| !asked.is_empty() && asked.len() == *all)
    else {
        return;
    };
    let whose = asked.first().and_then(|socket| owner(socket)).unwrap_or_else(|| "the process".to_owned());
    let sentence = format!(
        "{} of {whose} wait for an answer, and {whose} has waited for {peer} on {} for {} s or more",
        counted(waiting.len(), "client"),
        counted(asked.len(), "connection"),
        LATE.as_secs()
    );
    let cited = [observed.looks[1].unacknowledged.evidence, own.evidence];
    let finding = supports("app.dependency_hung")
        .about(peer)
        .because(&sentence)
        .citing(cited)
        .measuring(Measure::count("waiting clients", count(waiting.len())));
    verdict.doubt(sentence, finding);
    verdict.next.get_or_insert_with(|| format!("diagnose {peer}; calls that are meant to last look the same"));
}

#[derive(Clone, Copy)]
enum Side {
    /// It has asked us.
    Client,
    /// We have asked it.
    Server,
}

/// What was asked is read and acknowledged, and not answered for long.
fn waits(socket: &Socket, side: Side) -> bool {
    let (Some(flow), Some(info)) = (&socket.flow, &socket.info) else { return false };
    // Who never sent anything did so never, not since the connection began.
    let sent = if info.bytes_sent == 0 { u32::MAX } else { flow.last_data_sent_ms };
    let received = if info.bytes_received == 0 { u32::MAX } else { flow.last_data_received_ms };
    let (asked, answered) = match side {
        Side::Client => (received, sent),
        Side::Server => (sent, received),
    };
    asked < answered
        && asked != u32::MAX
        && Duration::from_millis(asked.into()) >= LATE
        && socket.receive_queue_bytes == 0
        && socket.send_queue_bytes == 0
        && info.unacked == 0
}
