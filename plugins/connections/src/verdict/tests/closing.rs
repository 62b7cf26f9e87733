use super::*;

fn in_state(state: &str, sockets: std::ops::Range<u16>, silent_ms: u32) -> Vec<Socket> {
    let one = |n| {
        let mut socket = Socket { state: state.to_owned(), ..to_service(n) };
        if let Some(info) = &mut socket.info {
            info.last_ack_received_ms = silent_ms;
        }
        socket
    };
    sockets.map(one).collect()
}

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
fn closes_that_the_peer_does_not_return_are_stuck() {
    let mut observed = nothing(Scope::Host);
    for look in &mut observed.looks {
        let mut sockets = in_state("FIN-WAIT-2", 0..60, 5_000);
        for socket in &mut sockets {
            (socket.inode, socket.info) = (0, None);
        }
        brings(&mut look.closing, sockets);
    }
    let judgement = judge(&observed);
    proves(&judgement, "tcp.fin_wait_stuck");
    assert_eq!(judgement.findings[0].subject, "192.0.2.7:5432");
}

#[test]
fn a_fin_behind_data_in_flight_is_not_stuck() {
    let mut observed = nothing(Scope::Host);
    for look in &mut observed.looks {
        brings(&mut look.closing, in_state("FIN-WAIT-1", 0..100, 10));
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
fn closes_that_as_many_clients_leave_unfinished_are_worth_a_note_only() {
    let mut observed = nothing(Scope::Host);
    for look in &mut observed.looks {
        let mut sockets = in_state("FIN-WAIT-2", 0..60, 5_000);
        for (socket, n) in sockets.iter_mut().zip(1..) {
            socket.inode = 0;
            socket.peer = Some(Endpoint::new(&format!("198.51.100.{n}"), 40_000));
        }
        brings(&mut look.closing, sockets);
    }
    let judgement = judge(&observed);
    is_healthy(&judgement);
    assert!(!judgement.outcome.notes.is_empty());
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
