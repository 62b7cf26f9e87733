//! Who never hears our answer, and who does not wait for one.

use super::half_open::deaf;
use super::*;

const CLIENT: [Socket; 2] = [("SYN-RECV", "198.51.100.1", "40001", 0), ("SYN-RECV", "198.51.100.1", "40002", 0)];

/// Half-open connections that are answered again so often in each look; the timer then lasts for so long.
fn repeated(repeats: [u32; 3], left_us: u64) -> Observations {
    let mut observed = deaf(false);
    for (look, n) in observed.looks.iter_mut().zip(0..) {
        let mut answer = opening(n, &CLIENT, repeats);
        for socket in answer.outcome.iter_mut().flatten() {
            socket.timer = socket.timer.take().map(|timer| SocketTimer { expires_us: left_us, ..timer });
        }
        look.opening = Some(answer);
    }
    observed
}

#[test]
fn an_address_that_nobody_sends_from_repeats_nothing() {
    for (repeats, left_us) in
        [([0, 0, 1], 1_500_000), ([0; 3], 300_000), ([2, 3, 3], 7_400_000), ([1, 1, 2], 3_000_000)]
    {
        let judgement = judge(&repeated(repeats, left_us));
        assert_undecided(&judgement);
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["l3.return_path_drop"]);
    }
}

#[test]
fn a_client_that_repeats_its_syn_is_answered_before_the_timer_ends() {
    for (repeats, left_us) in [([0, 1, 2], 1_900_000), ([3, 4, 4], 1_200_000), ([4, 4, 5], 1_900_000)] {
        assert_proven(&judge(&repeated(repeats, left_us)), "l3.return_path_drop", "fw.drop_remote");
    }
}

#[test]
fn a_client_that_gives_up_soon_is_known_by_the_ports_of_its_kernel() {
    let from_ports = |port: fn(u16) -> u16| {
        let ports: Vec<String> = (0..12).map(|n| port(n).to_string()).collect();
        let sockets: Vec<Socket> = ports.iter().map(|port| ("SYN-RECV", "198.51.100.1", port.as_str(), 0)).collect();
        let mut observed = repeated([0; 3], 300_000);
        for (look, n) in observed.looks.iter_mut().zip(30..) {
            look.sockets = Some(census(n, &sockets));
        }
        judge(&observed)
    };
    assert_proven(&from_ports(|n| 44_566 + 8 * n), "l3.return_path_drop", "fw.drop_remote");
    assert_proven(
        &from_ports(|n| if n == 5 { 35_628 } else { 44_566 + 8 * n }),
        "l3.return_path_drop",
        "fw.drop_remote",
    );
    // One after the other, from everywhere, from one.
    for port in [(|n| 44_566 + n) as fn(u16) -> u16, |n| 2_000 + 4_000 * n, |n| 40_000 + n % 2 * 2] {
        assert_undecided(&from_ports(port));
    }
}

#[test]
fn looks_that_are_far_apart_give_the_timer_its_time() {
    let mut observed = repeated([0, 0, 2], 1_500_000);
    for (look, at_us) in observed.looks.iter_mut().zip([0, 1_500_000, 3_000_000]) {
        if let Some(opening) = &mut look.opening {
            opening.timing.at_us = at_us;
        }
    }
    assert_undecided(&judge(&observed));
}

fn counting(observed: &mut Observations, counters: &[(&str, [i64; 3])]) {
    for (n, look) in observed.looks.iter_mut().enumerate() {
        let values: Vec<(&str, i64)> = counters.iter().map(|(name, values)| (*name, values[n])).collect();
        look.counters = testkit::counters_answer(20 + n as u64, &values);
    }
}

#[test]
fn what_comes_back_and_is_dropped_here_was_not_lost_on_the_way() {
    let arrives = [("TcpExt.TCPSynRetrans", [5, 8, 11]), ("Ip.InReceives", [0, 10, 20]), ("Ip.InDelivers", [0, 2, 4])];
    let mut observed = deaf(false);
    counting(&mut observed, &arrives);
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert!(supported(&judgement.findings, Strength::Strong).contains(&"fw.drop_local_input"), "{judgement:#?}");

    counting(&mut observed, &[arrives.as_slice(), &[("conntrack.invalid", [0, 8, 16])]].concat());
    assert_proven(&judge(&observed), "nf.invalid_drop", "l3.return_path_drop");
}

#[test]
fn answers_that_do_not_leave_this_host_are_its_own_filters() {
    let sent = |transmitted: [i64; 3]| {
        let mut observed = deaf(false);
        counting(
            &mut observed,
            &[
                ("TcpExt.TCPSynRetrans", [5, 5, 5]),
                ("TcpExt.TCPTimeouts", [1, 3, 5]),
                ("Ip.OutRequests", [0, 8, 16]),
                ("Ip.OutTransmits", transmitted),
            ],
        );
        judge(&observed)
    };
    assert_proven(&sent([0, 0, 0]), "fw.drop_local_output", "l3.return_path_drop");
    assert_healthy(&sent([0, 8, 16]));
}
