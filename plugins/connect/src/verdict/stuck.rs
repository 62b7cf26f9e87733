//! A port that accepts until its places are used up, and then never again: nobody takes the connections out of its accept queue.
//!
//! From here a filter that lets only so many connections pass looks the same, so nothing is proven.

use sonde_sdk::finding::supports;
use sonde_sdk::types::EvidenceId;

use super::shares::{DEAD, Share};
use crate::observe::{Path, answered_by_host, has_lost, is_silent};

/// Accepted at first, silent ever since, while the host goes on answering.
pub(super) fn judge(path: &Path) -> Option<Share> {
    let later: Vec<EvidenceId> = path.after_silence().map(|d| d.evidence).collect();
    let stays = path.after_silence().all(is_silent);
    let healed = path.dials.iter().any(|d| d.outcome.is_ok() && has_lost(d));
    let alive: Vec<EvidenceId> = path
        .controls
        .iter()
        .filter(|c| answered_by_host(&c.dial) && c.dial.connection.syn_retransmits == 0)
        .map(|c| c.dial.evidence)
        .collect();
    if later.len() < DEAD || !stays || healed || alive.len() < DEAD {
        return None;
    }
    let accepted = path.dials.iter().filter(|d| d.outcome.is_ok()).count();
    let remark = format!(
        "{} accepted {accepted} connections and then none of {} more, while the host answers on another port",
        path.endpoint,
        later.len()
    );
    let cited = || later.iter().chain(&alive).copied();
    let full = supports("tcp.accept_queue_overflow")
        .strong()
        .because(format!("{remark}: its accept queue has filled up, and nothing empties it"))
        .citing(cited());
    let hung =
        supports("app.not_responding").because("a server that takes nothing from its queue looks so").citing(cited());
    let filter = supports("fw.drop_remote").because("a filter that counts connections looks the same").citing(cited());
    Some(Share { drafts: vec![full, hung, filter], remark, broken: false, unclear: true })
}
