//! `sonde sockets` beside ss, and `sonde counters` beside nstat: field by field, in a namespace whose sockets are in every state.
//!
//! A fact that moves by itself (a timer, a count of retransmissions) is compared where ss said the same before and after.

mod counters;
mod facts;
mod ours;
mod ss;
mod world;

use std::collections::BTreeSet;

use sonde_tests::binaries::can_make_namespaces;

use facts::{Comparison, Facts};
use world::World;

#[test]
fn tcp_sockets_are_told_as_ss_tells_them() {
    let Some(world) = world() else { return };
    let states = compare(&world, "-tanieOmpH", &["-t", "-i"], |comparison| {
        comparison.expect_equal(
            30,
            &[
                "recv",
                "send",
                "uid",
                "ino",
                "sk",
                "users",
                "skmem",
                "timer",
                "device",
                "fwmark",
                "v6only",
                "cubic or another",
                "ts",
                "sack",
                "wscale",
                "rto",
                "rtt",
                "mss",
                "pmtu",
                "rcvmss",
                "advmss",
                "cwnd",
                "bytes_sent",
                "bytes_acked",
                "bytes_received",
                "segs_out",
                "segs_in",
                "data_segs_out",
                "data_segs_in",
                "delivered",
                "rcv_space",
                "minrtt",
                "backoff",
                "unacked",
                "retrans",
                "lost",
                "notsent",
                "pacing_rate",
                "app_limited",
                "busy",
                "rcv_ssthresh",
                "snd_wnd",
            ],
        );
    });
    for state in [
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ] {
        assert!(states.contains(state), "no socket in {state}: {states:?}");
    }
}

#[test]
fn udp_sockets_are_told_as_ss_tells_them() {
    let Some(world) = world() else { return };
    let states = compare(&world, "-uaneOmpH", &["-u"], |comparison| {
        comparison.expect_equal(6, &["recv", "uid", "ino", "sk", "users", "skmem"]);
    });
    assert_eq!(states, ["ESTAB", "UNCONN"].map(str::to_owned).into());
}

#[test]
fn unix_sockets_are_told_as_ss_tells_them() {
    let Some(world) = world() else { return };
    let states = compare(&world, "-xaneOmpH", &["-x"], |comparison| {
        comparison.expect_equal(8, &["recv", "send", "kind", "users", "skmem", "peer"]);
    });
    assert_eq!(states, ["ESTAB", "LISTEN", "UNCONN"].map(str::to_owned).into());
}

#[test]
fn filters_choose_what_the_filters_of_ss_choose() {
    let Some(world) = world() else { return };
    for (theirs, ours) in [
        ("state listening", &["--state", "LISTEN"][..]),
        ("state time-wait", &["--state", "time-wait"]),
        ("state connected", &["--state", "connected"]),
        ("state bucket", &["--state", "bucket"]),
        ("sport = :8010", &["--local", ":8010"]),
        ("dport = :8010", &["--peer", ":8010"]),
        ("( sport = :8010 or dport = :8010 )", &["--port", "8010"]),
        ("src 127.0.0.0/8", &["--local", "127.0.0.0/8"]),
        ("dst [::1]", &["--peer", "::1"]),
        ("src 127.0.0.1:8001 state listening", &["--local", "127.0.0.1:8001", "--state", "LISTEN"]),
        ("dev = lo", &["--device", "lo"]),
    ] {
        let theirs = keys(&ss::inet(&world.ss(&format!("-tanH {}", reordered(theirs)))));
        let ours = keys(&ours::inet(&world.sockets(&[&["-t"], ours].concat())));
        assert!(!theirs.is_empty(), "{theirs:?}");
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_process_is_chosen_by_its_descriptors() {
    let Some(world) = world() else { return };
    let pid = world.pid_of_user(12_345);
    let ours = ours::inet(&world.sockets(&["-t", "-u", "-p", "--of", &pid.to_string()]));
    let ports: BTreeSet<&str> = ours.iter().filter_map(|(key, _)| key.split(' ').nth(1)?.rsplit(':').next()).collect();
    assert!(ports.contains("8100") && ports.contains("9100") && !ports.contains("8001"), "{ports:?}");
    let every = ours.iter().all(|(_, facts)| facts["users"].contains(&format!("{pid}")));
    assert!(every, "{ours:?}");
}

#[test]
fn a_census_counts_what_the_list_shows() {
    let Some(world) = world() else { return };
    let listed = ours::inet(&world.sockets(&["-t", "--state", "LISTEN"])).len();
    let census = world.json(&["sockets", "-t", "--state", "LISTEN", "--top", "state,command"]);
    let total: usize = census["total"].as_str().and_then(|total| total.parse().ok()).expect("a total");
    assert_eq!(total, listed);
    assert_eq!(census["groups"][0]["key"][0], "LISTEN");
    assert!(census["groups"][0]["key"][1].as_str().is_some_and(|name| name.starts_with("python")), "{census}");
}

#[test]
fn counters_are_those_of_nstat_and_of_proc() {
    let Some(world) = world() else { return };
    counters::compare(&world);
}

/// Keywords of ss come before its expressions.
fn reordered(filter: &str) -> String {
    match filter.split_once(" state ") {
        Some((rest, state)) => format!("state {state} {rest}"),
        None => filter.to_owned(),
    }
}

fn keys(rows: &[(String, Facts)]) -> BTreeSet<String> {
    rows.iter().map(|(key, _)| key.clone()).collect()
}

/// The states that were seen.
fn compare(world: &World, theirs: &str, ours: &[&str], judge: impl FnOnce(&Comparison)) -> BTreeSet<String> {
    let unix = theirs.starts_with("-x");
    let mut arguments = ours.to_vec();
    arguments.extend(["--details", "-m", "-p"]);
    let read = |text: &str| if unix { ss::unix(text) } else { ss::inet(text) };
    let before = read(&world.ss(theirs));
    let sockets = world.sockets(&arguments);
    let after = read(&world.ss(theirs));
    let found = if unix { ours::unix(&sockets) } else { ours::inet(&sockets) };
    let mut comparison = Comparison::default();
    let mut states = BTreeSet::new();
    for (key, first) in &before {
        let same =
            |rows: &[(String, Facts)]| rows.iter().find(|(other, _)| other == key).map(|(_, facts)| facts.clone());
        let Some(second) = same(&after) else { continue };
        let still: Facts = first
            .iter()
            .filter(|(name, value)| second.get(*name) == Some(*value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let Some(our) = same(&found) else { panic!("sonde does not show {key}; it shows {:?}", keys(&found)) };
        states.extend(still.get("state").cloned());
        comparison.row(key, &our, &still);
    }
    judge(&comparison);
    states
}

fn world() -> Option<World> {
    can_make_namespaces().then(|| World::new().expect("the sockets are made"))
}
