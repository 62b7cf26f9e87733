use super::*;

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
