use super::*;

/// A socket as both searches of a look bring it.
fn both(observed: &mut Observations, sockets: [Socket; 2]) {
    for (look, socket) in observed.looks.iter_mut().zip(sockets) {
        brings(&mut look.unsent, vec![socket.clone()]);
        brings(&mut look.unacknowledged, vec![socket]);
    }
}

fn changed(change: impl Fn(&mut sonde_sdk::connection::TcpInfo, u64)) -> [Socket; 2] {
    [0, 1].map(|n| {
        let mut socket = Socket { send_queue_bytes: 60_000, ..to_service(1) };
        if let Some(info) = &mut socket.info {
            change(info, n);
        }
        socket
    })
}

fn stalled() -> [Socket; 2] {
    changed(|info, _| (info.snd_wnd, info.backoff) = (0, 4))
        .map(|socket| Socket { timer: Some(timer("persist", 0)), ..socket })
}

#[test]
fn a_closed_window_that_stays_is_a_receiver_that_does_not_read() {
    let mut observed = nothing(PROCESS);
    both(&mut observed, stalled());
    proves(&judge(&observed), "tcp.peer_zero_window");
}

#[test]
fn a_slow_client_of_a_server_is_worth_a_note_only() {
    for scope in [Scope::Host, Scope::Port(5432)] {
        let mut observed = nothing(scope);
        both(&mut observed, stalled());
        let judgement = judge(&observed);
        is_healthy(&judgement);
        assert_eq!(judgement.outcome.notes.len(), 1);
    }
}

#[test]
fn a_window_that_opens_between_the_looks_is_in_order() {
    let mut observed = nothing(PROCESS);
    let mut looks = stalled();
    if let Some(info) = &mut looks[1].info {
        info.bytes_acked += 5_000;
    }
    both(&mut observed, looks);
    is_healthy(&judge(&observed));
}

/// 2,304 bytes in each 50 ms, held back by the window all the time.
fn narrow() -> [Socket; 2] {
    changed(|info, n| {
        (info.snd_wnd, info.rtt_us, info.min_rtt_us) = (2_304, 52_000, 50_000);
        info.bytes_acked = 1_000_000 + n * 50_688;
        info.rwnd_limited_us = 2_000_000 + n * 1_090_000;
    })
}

#[test]
fn a_window_too_small_for_a_long_path_is_named() {
    let mut observed = nothing(PROCESS);
    both(&mut observed, narrow());
    proves(&judge(&observed), "tcp.small_window");
}

#[test]
fn a_connection_that_its_program_holds_back_has_no_small_window() {
    let mut observed = nothing(PROCESS);
    let mut looks = narrow();
    if let Some(info) = &mut looks[1].info {
        info.rwnd_limited_us = 2_000_100;
    }
    both(&mut observed, looks);
    is_healthy(&judge(&observed));
}

#[test]
fn a_slow_reader_with_a_large_buffer_has_no_small_window() {
    let mut observed = nothing(PROCESS);
    let mut looks = narrow();
    if let Some(info) = &mut looks[1].info {
        info.bytes_acked = 1_001_000;
    }
    both(&mut observed, looks);
    is_healthy(&judge(&observed));
}

/// Timeouts in a row; nothing came since before the first look.
fn lost() -> [Socket; 2] {
    changed(|info, n| {
        (info.unacked, info.backoff) = (3, 3 + u8::from(n == 1));
        info.last_ack_received_ms = 3_000 + 1_100 * u32::from(n == 1);
    })
    .map(|socket| {
        let mut socket = Socket { timer: Some(timer("on", 3)), ..socket };
        let silence = socket.info.as_ref().map_or(0, |info| info.last_ack_received_ms);
        if let Some(flow) = &mut socket.flow {
            flow.last_data_received_ms = silence;
        }
        socket
    })
}

#[test]
fn a_connection_that_nobody_acknowledges_has_lost_its_peer() {
    let mut observed = nothing(PROCESS);
    both(&mut observed, lost());
    proves(&judge(&observed), "tcp.established_blackhole");
}

#[test]
fn a_client_that_vanished_does_not_make_its_servers_process_faulty() {
    let mut observed = nothing(PROCESS);
    both(&mut observed, lost());
    let port = lost()[0].local.port;
    let mut listener = testkit::socket(Endpoint::new("0.0.0.0", port), Endpoint::new("0.0.0.0", 0));
    listener.peer = None;
    brings(&mut observed.looks[1].listening, vec![listener]);
    is_healthy(&judge(&observed));
}

#[test]
fn clients_that_vanished_do_not_make_a_server_faulty() {
    for scope in [Scope::Host, Scope::Port(5432)] {
        let mut observed = nothing(scope);
        both(&mut observed, lost());
        is_healthy(&judge(&observed));
    }
}

#[test]
fn a_peer_that_acknowledged_something_meanwhile_is_not_lost() {
    let mut observed = nothing(PROCESS);
    let mut looks = lost();
    if let Some(info) = &mut looks[1].info {
        info.last_ack_received_ms = 40;
    }
    both(&mut observed, looks);
    is_healthy(&judge(&observed));
}

#[test]
fn an_idle_connection_without_answer_to_its_probes_is_a_doubt() {
    let mut observed = nothing(PROCESS);
    let looks = lost().map(|mut socket| {
        socket.send_queue_bytes = 0;
        if let Some(info) = &mut socket.info {
            (info.unacked, info.backoff) = (0, 0);
        }
        Socket { timer: Some(timer("keepalive", 3)), ..socket }
    });
    both(&mut observed, looks);
    let judgement = judge(&observed);
    assert_eq!(
        supported(&judgement.findings, Strength::Strong),
        ["tcp.established_blackhole", "tcp.half_open_idle"],
        "{judgement:#?}"
    );
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

fn accepted(observed: &mut Observations) {
    let port = lost()[0].local.port;
    let mut listener = testkit::socket(Endpoint::new("0.0.0.0", port), Endpoint::new("0.0.0.0", 0));
    listener.peer = None;
    brings(&mut observed.looks[1].listening, vec![listener]);
}

#[test]
fn a_process_whose_only_client_reads_nothing_cannot_go_on() {
    let mut observed = nothing(PROCESS);
    both(&mut observed, stalled());
    accepted(&mut observed);
    proves(&judge(&observed), "tcp.peer_zero_window");
    for look in &mut observed.looks {
        look.unacknowledged.total = 9;
    }
    is_healthy(&judge(&observed));
}

#[test]
fn most_clients_of_a_process_do_not_vanish_at_once() {
    let several = |scope, open| {
        let mut observed = nothing(scope);
        for (look, socket) in observed.looks.iter_mut().zip(lost()) {
            let clients: Vec<Socket> = (0..4).map(|cookie| Socket { cookie, ..socket.clone() }).collect();
            brings(&mut look.unsent, clients.clone());
            brings(&mut look.unacknowledged, clients);
            look.unacknowledged.total = open;
        }
        accepted(&mut observed);
        judge(&observed)
    };
    proves(&several(PROCESS, 5), "tcp.established_blackhole");
    is_healthy(&several(PROCESS, 9));
    is_healthy(&several(Scope::Port(5432), 9));
    let of_port = several(Scope::Port(5432), 5);
    assert_eq!(supported(&of_port.findings, Strength::Strong), ["tcp.established_blackhole"]);
    assert_eq!(of_port.outcome.conclusion, Conclusion::Unclear);
}
