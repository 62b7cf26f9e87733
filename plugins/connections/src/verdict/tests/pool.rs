use super::*;

fn asked(sockets: std::ops::Range<u16>, silent_ms: u32) -> Vec<Socket> {
    let one = |n| {
        let mut socket = to_service(n);
        if let (Some(info), Some(flow)) = (&mut socket.info, &mut socket.flow) {
            info.bytes_sent = 300;
            (flow.last_data_sent_ms, flow.last_data_received_ms) = (silent_ms, silent_ms + 500);
        }
        socket
    };
    sockets.map(one).collect()
}

fn looks(before: Vec<Socket>, now: Vec<Socket>) -> Judgement {
    let mut observed = nothing(PROCESS);
    brings(&mut observed.looks[0].unacknowledged, before);
    brings(&mut observed.looks[1].unacknowledged, now);
    judge(&observed)
}

#[test]
fn connections_to_one_peer_that_all_wait_are_noted_and_no_fault() {
    let judgement = looks(asked(0..10, 2_000), asked(0..10, 3_100));
    is_healthy(&judgement);
    assert!(judgement.outcome.notes[0].value.contains("all 10 connections to 192.0.2.7:5432"), "{judgement:#?}");
}

#[test]
fn a_pool_with_an_idle_connection_or_one_that_grows_is_not_used_up() {
    let mut idle = asked(0..10, 3_100);
    idle[0] = to_service(0);
    for judgement in [looks(asked(0..10, 2_000), idle), looks(asked(0..10, 2_000), asked(0..12, 3_100))] {
        is_healthy(&judgement);
        assert!(judgement.outcome.notes.is_empty(), "{judgement:#?}");
    }
}
