use super::*;

fn receiver(drops: u32) -> Socket {
    let mut socket = Socket {
        protocol: sonde_sdk::sockets::FlowProtocol::Udp,
        state: "UNCONN".to_owned(),
        peer: None,
        info: None,
        flow: None,
        ..to_service(1)
    };
    if let Some(memory) = &mut socket.memory {
        memory.drops = drops;
    }
    socket
}

fn datagrams(observed: &mut Observations, drops: [u32; 2], errors: [i64; 2]) {
    for (look, drops) in observed.looks.iter_mut().zip(drops) {
        brings(&mut look.datagrams, vec![receiver(drops)]);
    }
    counters(observed, &[("Udp.RcvbufErrors", errors[0])], &[("Udp.RcvbufErrors", errors[1])]);
}

#[test]
fn drops_of_a_socket_that_udp_counts_too_are_an_overflow() {
    for scope in [Scope::Host, Scope::Port(40_001), PROCESS] {
        let mut observed = nothing(scope);
        datagrams(&mut observed, [100, 600], [120, 640]);
        let judgement = judge(&observed);
        proves(&judgement, "udp.rcvbuf_overflow");
        assert!(judgement.findings[0].subject.contains("server (pid 4242)"));
    }
}

#[test]
fn a_few_drops_of_many_datagrams_that_are_read_are_a_burst() {
    let mut observed = nothing(Scope::Host);
    datagrams(&mut observed, [100, 112], [120, 132]);
    proves(&judge(&observed), "udp.rcvbuf_overflow");
    let read = |errors, datagrams| [("Udp.RcvbufErrors", errors), ("Udp.InDatagrams", datagrams)];
    counters(&mut observed, &read(120, 0), &read(132, 90_000));
    is_healthy(&judge(&observed));
    for look in &mut observed.looks {
        for memory in look.datagrams.outcome.iter_mut().flatten().filter_map(|socket| socket.memory.as_mut()) {
            memory.receive_allocated_bytes = memory.receive_buffer_bytes;
        }
    }
    proves(&judge(&observed), "udp.rcvbuf_overflow");
}

#[test]
fn old_drops_prove_nothing() {
    let mut observed = nothing(Scope::Host);
    datagrams(&mut observed, [600, 600], [640, 640]);
    is_healthy(&judge(&observed));
}

#[test]
fn the_drops_of_others_are_not_those_of_this_process() {
    let mut observed = nothing(PROCESS);
    datagrams(&mut observed, [600, 600], [640, 9_000]);
    is_healthy(&judge(&observed));
}

#[test]
fn drops_without_a_socket_to_blame_are_a_doubt_of_the_whole_host() {
    let mut observed = nothing(Scope::Host);
    counters(&mut observed, &[("Udp.RcvbufErrors", 0)], &[("Udp.RcvbufErrors", 500)]);
    let judgement = judge(&observed);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(!is_proven(&judgement.findings, "udp.rcvbuf_overflow"));
}

#[test]
fn received_data_that_is_thrown_away_is_blamed_on_the_full_buffer() {
    let mut observed = nothing(Scope::Host);
    let mut full = Socket { receive_queue_bytes: 100_000, ..to_service(1) };
    if let Some(memory) = &mut full.memory {
        memory.receive_allocated_bytes = memory.receive_buffer_bytes;
    }
    for look in &mut observed.looks {
        brings(&mut look.unread, vec![full.clone()]);
    }
    counters(&mut observed, &[("TcpExt.TCPRcvQDrop", 3)], &[("TcpExt.TCPRcvQDrop", 28)]);
    proves(&judge(&observed), "tcp.rcvbuf_prune");
    let mut pressed = observed.clone();
    let facts = sonde_sdk::system::HostFacts { tcp_memory_pages: Some(130_000), ..testkit::host_facts() };
    for machine in [None, Some(testkit::host_answer(30, facts))] {
        pressed.machine = machine;
        let judgement = judge(&pressed);
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.rcvbuf_prune"], "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    }
    counters(&mut observed, &[("TcpExt.TCPRcvQDrop", 8)], &[("TcpExt.TCPRcvQDrop", 9)]);
    is_healthy(&judge(&observed));
}
