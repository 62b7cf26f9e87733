//! The questions to the recorder.

use sonde_sdk::history::{GroupFilter, GroupKey, HistoryAnswer};
use sonde_sdk::prelude::*;
use sonde_sdk::types::Endpoint;

use crate::past::{self, Past};
use crate::whose::{Datagrams, Peer, Whose, nameless};

/// What was recorded for the target; where that is nothing, what there is to say.
pub(crate) async fn past(target: &Target) -> Result<Past, Outcome> {
    let live = target.period.is_none();
    let period = target.period.unwrap_or(LATELY);
    let accepts = history::counters(period, names(past::ACCEPT), POINTS).await;
    if let Err(failure) = &accepts.outcome {
        let said = failure.detail.clone();
        return Err(if live && failure.is_our_own() { Outcome::skipped(said) } else { Outcome::unclear(said) });
    }
    let whose = whose(target, period).await?;
    let of = scope(target, &whose);
    let (syns, traffic, limits, datagrams) = wait::join4(
        history::counters(period, names(past::SYN), POINTS),
        history::counters(period, names(past::TRAFFIC), POINTS),
        history::counters(period, names(past::LIMITS), POINTS),
        history::counters(period, names(past::DATAGRAMS), POINTS),
    )
    .await;
    let (listeners, states, peers, sources) = wait::join4(
        history::listeners(period, of.port, POINTS),
        history::sockets(period, vec![GroupKey::State], GroupFilter::all(), POINTS),
        history::sockets(
            period,
            vec![GroupKey::PeerAddress, GroupKey::PeerPort],
            of.filter.clone().in_states(["TIME-WAIT"]),
            POINTS,
        ),
        history::sockets(period, vec![GroupKey::PeerAddress], GroupFilter::all().in_states(["SYN-RECV"]), POINTS),
    )
    .await;
    let closing = of.filter.in_states(["CLOSE-WAIT"]);
    let closing = match of.port {
        None => history::sockets(period, vec![GroupKey::State], closing, POINTS).await,
        Some(port) => history::sockets(period, vec![GroupKey::LocalPort], closing.local_port(port), POINTS).await,
    };
    Ok(Past {
        live,
        port: of.port,
        whose,
        accepts,
        syns,
        traffic,
        limits,
        datagrams,
        listeners,
        states,
        peers,
        sources,
        closing,
    })
}

/// Which sockets are asked for.
struct Scope {
    /// Of a listener.
    port: Option<u16>,
    filter: GroupFilter,
}

fn scope(target: &Target, whose: &Whose) -> Scope {
    match whose {
        Whose::Namespace => Scope { port: target.port, filter: GroupFilter::all() },
        Whose::Process(_) | Whose::Datagrams(_) => Scope { port: None, filter: GroupFilter::all() },
        Whose::Peer(peer) => Scope { port: None, filter: towards(&peer.endpoint) },
    }
}

async fn whose(target: &Target, period: Period) -> Result<Whose, Outcome> {
    if matches!(target.kind, TargetKind::Udp | TargetKind::Dns) {
        let counted = history::counters(period, names(past::UDP), POINTS).await;
        return Ok(Whose::Datagrams(Box::new(Datagrams { target: target.text.clone(), counted })));
    }
    match (target.pid, target.port) {
        (Some(pid), _) => Ok(Whose::Process(pid)),
        (None, Some(port)) if target.kind != TargetKind::Listener => {
            let Some(address) = target.addresses.first() else {
                let host = target.host.as_deref().unwrap_or(&target.text);
                return Err(nameless(host, port, &at_port(period, port).await));
            };
            let endpoint = Endpoint::new(address, port);
            let states = history::sockets(period, vec![GroupKey::State], towards(&endpoint), POINTS).await;
            let by = vec![GroupKey::State, GroupKey::PeerAddress];
            let groups = history::sockets(period, by, GroupFilter::all(), POINTS).await;
            Ok(Whose::Peer(Box::new(Peer { endpoint, states, groups })))
        }
        _ => Ok(Whose::Namespace),
    }
}

/// Peers at a port, those with the most connections first.
async fn at_port(period: Period, port: u16) -> Vec<String> {
    let filter = GroupFilter::all().peer_port(port);
    let answer: HistoryAnswer = history::sockets(period, vec![GroupKey::PeerAddress], filter, POINTS).await;
    let series = answer.recording().map_or(&[][..], |recording| recording.series.as_slice());
    series.iter().filter_map(|series| series.key.first()).filter(|peer| !peer.is_empty()).take(SHOWN).cloned().collect()
}

fn towards(peer: &Endpoint) -> GroupFilter {
    GroupFilter::all().peer_address(&peer.address).peer_port(peer.port)
}

/// With the gauge that tells what each point spans.
fn names(names: &[&str]) -> Vec<String> {
    names.iter().chain([&past::EVERY_POINT]).map(|name| (*name).to_owned()).collect()
}

/// The last ten minutes.
const LATELY: Period = Period { from_us: -600_000_000, to_us: 0 };

/// A point for each second of ten minutes.
const POINTS: u32 = 600;

/// Peers in a sentence.
const SHOWN: usize = 8;
