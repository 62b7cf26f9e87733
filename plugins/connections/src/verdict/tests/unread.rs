//! What lies unread, and who waits for whom.

use super::*;

/// A client's connection to port 80 with so much unread, in a buffer that is full or not.
fn from_client(n: u16, unread: u32, is_full: bool) -> Socket {
    let mut socket = testkit::socket(Endpoint::new("192.0.2.100", 80), Endpoint::new("198.51.100.1", 40_000 + n));
    socket.receive_queue_bytes = unread;
    if let Some(memory) = socket.memory.as_mut().filter(|_| is_full) {
        memory.receive_allocated_bytes = memory.receive_buffer_bytes;
    }
    socket
}

fn listening(observed: &mut Observations) {
    let mut listener = testkit::socket(Endpoint::new("0.0.0.0", 80), Endpoint::new("0.0.0.0", 0));
    listener.peer = None;
    for look in &mut observed.looks {
        brings(&mut look.listening, vec![listener.clone()]);
    }
}

fn unread(scope: Scope, sockets: &[Socket]) -> Observations {
    let mut observed = nothing(scope);
    listening(&mut observed);
    for look in &mut observed.looks {
        brings(&mut look.unread, sockets.to_vec());
    }
    observed
}

#[test]
fn a_process_that_reads_none_of_its_clients_requests_is_not_responding() {
    let requests = [from_client(1, 300, false), from_client(2, 300, false)];
    proves(&judge(&unread(PROCESS, &requests)), "app.not_responding");
    // The check of listeners says so of a port.
    is_healthy(&judge(&unread(Scope::Port(80), &requests)));
    is_healthy(&judge(&unread(PROCESS, &requests[..1])));
}

#[test]
fn a_process_that_does_not_empty_a_full_buffer_closes_its_window() {
    let bulk = [from_client(1, 130_000, true)];
    proves(&judge(&unread(PROCESS, &bulk)), "tcp.peer_zero_window");
    let judgement = judge(&unread(Scope::Port(80), &bulk));
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.peer_zero_window"]);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn who_is_at_work_for_others_or_cannot_send_on_is_no_slow_reader() {
    let others = [from_client(1, 130_000, true), from_client(2, 0, false)];
    is_healthy(&judge(&unread(PROCESS, &others)));
    let mut observed = unread(PROCESS, &others[..1]);
    let sending = Socket { send_queue_bytes: 9_000, ..to_service(1) };
    brings(&mut observed.looks[1].unsent, vec![sending]);
    assert_eq!(judge(&observed).outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn what_is_read_between_the_looks_is_in_order() {
    let mut observed = unread(PROCESS, &[from_client(1, 130_000, true)]);
    brings(&mut observed.looks[1].unread, vec![from_client(1, 120_000, true)]);
    is_healthy(&judge(&observed));
}

/// It sent, or received, its last bytes so long ago.
fn quiet_since(mut socket: Socket, sent_ms: u32, received_ms: u32) -> Socket {
    if let Some(flow) = &mut socket.flow {
        (flow.last_data_sent_ms, flow.last_data_received_ms) = (sent_ms, received_ms);
    }
    if let Some(info) = &mut socket.info {
        (info.bytes_sent, info.bytes_received, info.unacked) = (500, 500, 0);
    }
    socket
}

fn waiting(scope: Scope, asked_ms: u32) -> Judgement {
    let clients = [1, 2].map(|n| quiet_since(from_client(n, 0, false), 60_000, asked_ms));
    let dependency = quiet_since(to_service(1), asked_ms, 60_000);
    let mut observed = nothing(scope);
    listening(&mut observed);
    for look in &mut observed.looks {
        brings(&mut look.unacknowledged, clients.to_vec());
    }
    if scope == PROCESS {
        for look in &mut observed.looks {
            brings(&mut look.unacknowledged, [clients.as_slice(), std::slice::from_ref(&dependency)].concat());
        }
    } else {
        observed.elsewhere = Some(testkit::sockets_answer(50, vec![dependency]));
    }
    judge(&observed)
}

#[test]
fn clients_that_wait_for_a_process_that_waits_itself_are_a_doubt() {
    for scope in [PROCESS, Scope::Port(80)] {
        let judgement = waiting(scope, 3_000);
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["app.dependency_hung"], "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
        assert_eq!(judgement.findings[0].subject, "192.0.2.7:5432");
        is_healthy(&waiting(scope, 900));
    }
}
