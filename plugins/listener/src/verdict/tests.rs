//! Faults seen from the listener's side, and busy healthy listeners that look like them.

mod bound;
mod closing;
mod conflict;
mod connections;
mod filtered;
mod half_open;
mod process;
mod queue;
mod rejected;
mod unseen;
mod way_back;
mod whole_host;

use sonde_sdk::check::Conclusion;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::Strength;
use sonde_sdk::sockets::{self, CensusAnswer, CensusGroup, Listener, SocketTimer, SocketsAnswer};
use sonde_sdk::system;
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Endpoint, Reason, Timing};

use super::judge;
use crate::observe::{Dial, Look, Observations};

const OWN: &str = "192.0.2.100";

/// A census group: state, peer address, peer port, unread bytes.
type Socket<'a> = (&'a str, &'a str, &'a str, u64);

fn census(n: u64, sockets: &[Socket]) -> CensusAnswer {
    let groups: Vec<CensusGroup> = sockets
        .iter()
        .map(|(state, address, port, unread)| CensusGroup {
            key: [state, address, port].map(|k| (*k).to_string()).to_vec(),
            count: 1,
            receive_queue_bytes: *unread,
            send_queue_bytes: 0,
        })
        .collect();
    CensusAnswer {
        evidence: testkit::evidence(n),
        timing: testkit::timing(0),
        total: groups.len() as u64,
        outcome: Ok(groups),
    }
}

fn look(n: u64, listeners: Vec<Listener>, counters: &[(&str, i64)], sockets: &[Socket]) -> Look {
    Look {
        listeners: testkit::listeners_answer(10 + n, listeners),
        counters: testkit::counters_answer(20 + n, counters),
        sockets: Some(census(30 + n, sockets)),
        opening: Some(opening(n, sockets, [0; 3])),
    }
}

/// The half-open ones of them one by one in the nth look, answered again so often in each look by their timer alone.
fn opening(n: u64, sockets: &[Socket], repeats: [u32; 3]) -> SocketsAnswer {
    let repeats = repeats.get(usize::try_from(n).unwrap_or(0)).copied().unwrap_or(0);
    let one = |(_, address, port, _): &Socket| sockets::Socket {
        state: "SYN-RECV".to_owned(),
        timer: Some(SocketTimer { name: "on".to_owned(), expires_us: 900_000, retransmits: repeats }),
        ..testkit::socket(Endpoint::new(OWN, 80), Endpoint::new(address, port.parse().unwrap_or(0)))
    };
    let open = sockets.iter().filter(|(state, ..)| *state == "SYN-RECV").map(one).collect();
    let timing = Timing { at_us: n * 550_000, elapsed_us: 1_000 };
    SocketsAnswer { timing, ..testkit::sockets_answer(40 + n, open) }
}

/// The same listeners and sockets in each look; each counter has its value in each look.
fn steady(listeners: &[Listener], counters: &[(&str, [i64; 3])], sockets: &[Socket]) -> Observations {
    let at = |n: usize| {
        let values: Vec<(&str, i64)> = counters.iter().map(|(name, values)| (*name, values[n])).collect();
        look(n as u64, listeners.to_vec(), &values, sockets)
    };
    Observations {
        port: Some(80),
        looks: [at(0), at(1), at(2)],
        dials: vec![dialled(1, "127.0.0.1")],
        half_open: None,
        table: None,
        arp: None,
        datagrams: None,
        links: Some(testkit::links_answer(
            90,
            vec![testkit::link("lo", &["127.0.0.1/8"]), testkit::link("eth0", &["192.0.2.100/24"])],
        )),
        cgroups: vec![],
    }
}

fn dialled(n: u64, address: &str) -> Dial {
    Dial { address: address.to_owned(), dial: testkit::dial(n, &Endpoint::new(address, 80), 30) }
}

fn failed(n: u64, address: &str, reason: Reason) -> Dial {
    Dial { address: address.to_owned(), dial: testkit::failed_dial(n, &Endpoint::new(address, 80), reason) }
}

fn queue(queued: u32, backlog: u32) -> Listener {
    Listener { queued, backlog, ..testkit::listener("0.0.0.0", 80) }
}

fn in_state(state: &str, mut listener: Listener) -> Listener {
    if let Some(process) = &mut listener.process {
        process.state = state.to_owned();
    }
    listener
}

fn assert_proven(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{judgement:#?}");
    assert!(
        judgement.findings.iter().all(|f| crate::CAUSES.contains(&f.cause.as_str())),
        "the manifest lists every cause"
    );
    assert!(
        judgement.findings.iter().all(|f| !f.evidence.is_empty() && !f.summary.is_empty() && !f.subject.is_empty())
    );
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken, "{judgement:#?}");
}

fn assert_healthy(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
}

fn assert_undecided(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
}
