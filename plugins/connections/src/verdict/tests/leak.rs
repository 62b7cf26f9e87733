use super::*;

#[test]
fn fifty_connections_that_a_process_does_not_close_are_a_leak() {
    for scope in [Scope::Host, Scope::Port(5432), PROCESS] {
        let mut observed = nothing(scope);
        brings(&mut observed.looks[0].unclosed, in_state("CLOSE-WAIT", 0..50, 4_000));
        brings(&mut observed.looks[1].unclosed, in_state("CLOSE-WAIT", 0..60, 5_100));
        let judgement = judge(&observed);
        proves(&judgement, "tcp.close_wait_leak");
        assert!(judgement.findings[0].subject.contains("server (pid 4242)"));
    }
}

#[test]
fn closes_in_flight_are_no_leak() {
    let mut observed = nothing(Scope::Host);
    brings(&mut observed.looks[0].unclosed, in_state("CLOSE-WAIT", 0..200, 300));
    brings(&mut observed.looks[1].unclosed, in_state("CLOSE-WAIT", 200..400, 300));
    is_healthy(&judge(&observed));
    for look in &mut observed.looks {
        brings(&mut look.unclosed, in_state("CLOSE-WAIT", 0..49, 9_000));
    }
    is_healthy(&judge(&observed));
}

#[test]
fn what_nobody_has_accepted_or_a_stopped_process_holds_is_no_leak() {
    for change in [
        (|socket: &mut Socket| (socket.inode, socket.processes) = (0, vec![])) as fn(&mut Socket),
        |socket: &mut Socket| socket.processes[0].state = "T".to_owned(),
    ] {
        let mut observed = nothing(Scope::Port(5432));
        for look in &mut observed.looks {
            let mut sockets = in_state("CLOSE-WAIT", 0..60, 5_000);
            sockets.iter_mut().for_each(change);
            brings(&mut look.unclosed, sockets);
        }
        is_healthy(&judge(&observed));
    }
}

#[test]
fn each_leaking_process_is_judged_by_its_own_connections() {
    let mut observed = nothing(Scope::Host);
    for look in &mut observed.looks {
        let mut sockets = in_state("CLOSE-WAIT", 0..60, 5_000);
        for socket in sockets.iter_mut().take(30) {
            socket.processes = vec![testkit::process(7, "other")];
        }
        brings(&mut look.unclosed, sockets);
    }
    is_healthy(&judge(&observed));
}

#[test]
fn the_other_ends_of_a_leak_within_this_host_are_no_second_fault() {
    let mut observed = nothing(Scope::Host);
    for look in &mut observed.looks {
        brings(&mut look.unclosed, in_state("CLOSE-WAIT", 0..60, 5_000));
        let mut others = in_state("FIN-WAIT-2", 0..60, 5_000);
        for socket in &mut others {
            socket.peer = Some(Endpoint::new("192.0.2.100", 5432));
        }
        brings(&mut look.closing, others);
    }
    proves(&judge(&observed), "tcp.close_wait_leak");
}

#[test]
fn a_leak_of_somebody_unknown_is_a_doubt() {
    let mut observed = nothing(Scope::Host);
    for look in &mut observed.looks {
        let mut sockets = in_state("CLOSE-WAIT", 0..60, 5_000);
        for socket in &mut sockets {
            socket.processes = vec![];
        }
        brings(&mut look.unclosed, sockets);
    }
    let judgement = judge(&observed);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Proof).is_empty());
}

/// CLOSE-WAIT in both looks, each changed.
fn held(sockets: u16, silent_ms: u32, change: fn(&mut Socket)) -> Observations {
    let mut observed = nothing(PROCESS);
    for look in &mut observed.looks {
        let mut held = in_state("CLOSE-WAIT", 0..sockets, silent_ms);
        held.iter_mut().for_each(change);
        brings(&mut look.unclosed, held);
    }
    observed
}

/// The end lies unread.
fn unnoticed(socket: &mut Socket) {
    socket.receive_queue_bytes = 1;
}

fn is_doubted(judgement: &Judgement) {
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.close_wait_leak"]);
    assert!(supported(&judgement.findings, Strength::Proof).is_empty());
}

#[test]
fn a_pool_that_has_not_noticed_is_a_doubt_until_it_is_old_or_too_many_for_one() {
    is_doubted(&judge(&held(60, 5_000, unnoticed)));
    proves(&judge(&held(60, 61_000, unnoticed)), "tcp.close_wait_leak");
    proves(&judge(&held(200, 1_500, unnoticed)), "tcp.close_wait_leak");
}

#[test]
fn what_a_process_still_sends_after_the_end_is_no_leak_yet() {
    let mut observed = held(60, 5_000, |_| {});
    for info in observed.looks[1].unclosed.outcome.iter_mut().flatten().filter_map(|socket| socket.info.as_mut()) {
        info.bytes_sent += 1_000;
    }
    is_doubted(&judge(&observed));
}

#[test]
fn clients_that_gave_up_a_slow_server_are_a_doubt_and_those_that_asked_nothing_are_not() {
    let accepted = |change: fn(&mut Socket)| {
        let mut observed = held(80, 1_500, change);
        let listener = Socket { state: "LISTEN".to_owned(), peer: None, ..to_service(0) };
        observed.looks[1].listening = testkit::sockets_answer(9, vec![listener]);
        for socket in observed.looks.iter_mut().flat_map(|look| look.unclosed.outcome.iter_mut().flatten()) {
            socket.local.port = 40_000;
        }
        judge(&observed)
    };
    let asked_nothing = |socket: &mut Socket| {
        unnoticed(socket);
        socket.info.iter_mut().for_each(|info| info.bytes_received = 1);
    };
    let gave_up = |socket: &mut Socket| {
        unnoticed(socket);
        socket.info.iter_mut().for_each(|info| info.bytes_received = 79);
    };
    is_doubted(&accepted(gave_up));
    proves(&accepted(asked_nothing), "tcp.close_wait_leak");
}

#[test]
fn one_more_close_in_flight_is_no_growth() {
    let mut observed = nothing(PROCESS);
    for (look, sockets) in observed.looks.iter_mut().zip([60, 62]) {
        let mut held = in_state("CLOSE-WAIT", 0..sockets, 5_000);
        held.iter_mut().for_each(unnoticed);
        brings(&mut look.unclosed, held);
    }
    is_doubted(&judge(&observed));
}

#[test]
fn a_process_that_is_frozen_with_its_cgroup_cannot_close() {
    let mut observed = nothing(PROCESS);
    for look in &mut observed.looks {
        brings(&mut look.unclosed, in_state("CLOSE-WAIT", 0..250, 90_000));
    }
    assert_eq!(super::super::leak::suspects(&observed), [4242]);
    let frozen = sonde_sdk::system::CgroupFacts { frozen: true, ..testkit::cgroup_facts() };
    observed.cgroups = vec![(4242, testkit::cgroup_answer(40, frozen))];
    let judgement = judge(&observed);
    is_healthy(&judgement);
    assert!(judgement.outcome.notes.iter().any(|note| note.value.contains("frozen")), "{judgement:#?}");

    observed.cgroups = vec![(4242, testkit::cgroup_answer(40, testkit::cgroup_facts()))];
    proves(&judge(&observed), "tcp.close_wait_leak");
}

#[test]
fn the_workers_of_one_program_leak_together() {
    let of_workers = |commands: [&str; 2]| {
        let mut observed = nothing(Scope::Host);
        for look in &mut observed.looks {
            let mut sockets = in_state("CLOSE-WAIT", 0..80, 5_000);
            for (socket, n) in sockets.iter_mut().zip(0..) {
                let command = if n % 2 == 0 { commands[0] } else { commands[1] };
                socket.processes = vec![testkit::process(100 + n % 6, command)];
            }
            brings(&mut look.unclosed, sockets);
        }
        judge(&observed)
    };
    let judgement = of_workers(["worker", "worker"]);
    proves(&judgement, "tcp.close_wait_leak");
    assert_eq!(judgement.findings[0].subject, "worker (6 processes)");
    is_healthy(&of_workers(["worker", "other"]));
}
