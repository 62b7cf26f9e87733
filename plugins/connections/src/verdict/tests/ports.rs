use super::*;

fn closed(observed: &mut Observations, before: u64, now: u64, more: (&[&str], u64)) {
    let closed: &[&str] = &["TIME-WAIT", "192.0.2.100", "198.51.100.7", "443"];
    observed.looks[0].towards = Some(census(1, &[(closed, before), more]));
    observed.looks[1].towards = Some(census(11, &[(closed, now), more]));
}

#[test]
fn ten_thousand_closed_connections_to_one_destination_are_a_storm() {
    let mut observed = nothing(Scope::Host);
    closed(&mut observed, 15_000, 16_000, (&["ESTAB", "192.0.2.100", "198.51.100.7", "443"], 4));
    proves(&judge(&observed), "tcp.timewait_storm");
}

#[test]
fn a_storm_that_leaves_no_port_is_not_named_on_its_own() {
    let mut observed = nothing(Scope::Host);
    closed(&mut observed, 15_000, 16_000, (&["SYN-SENT", "192.0.2.100", "198.51.100.7", "443"], 40));
    assert!(!is_proven(&judge(&observed).findings, "tcp.timewait_storm"));
}

#[test]
fn many_closed_connections_of_as_many_clients_are_healthy() {
    let mut observed = nothing(Scope::Host);
    let peers: Vec<String> = (0..900).map(|n| (1_024 + n).to_string()).collect();
    let keys: Vec<[&str; 4]> =
        peers.iter().map(|port| ["TIME-WAIT", "192.0.2.100", "198.51.100.7", port.as_str()]).collect();
    let groups: Vec<(&[&str], u64)> = keys.iter().map(|key| (&key[..], 12)).collect();
    for (n, look) in observed.looks.iter_mut().enumerate() {
        look.towards = Some(census(10 * n as u64 + 1, &groups));
    }
    is_healthy(&judge(&observed));
}

#[test]
fn a_full_table_forgets_closed_connections_early() {
    let mut observed = nothing(Scope::Host);
    closed(&mut observed, 100, 100, (&["ESTAB", "192.0.2.100", "198.51.100.7", "443"], 4));
    counters(&mut observed, &[("TcpExt.TCPTimeWaitOverflow", 7)], &[("TcpExt.TCPTimeWaitOverflow", 300)]);
    proves(&judge(&observed), "tcp.timewait_overflow");
    counters(&mut observed, &[("TcpExt.TCPTimeWaitOverflow", 300)], &[("TcpExt.TCPTimeWaitOverflow", 300)]);
    is_healthy(&judge(&observed));
}

fn settings(observed: &mut Observations, range: &str, reserved: &str, reuse: &str) {
    let settings = [range, reserved, reuse].map(Some);
    let named: Vec<(&str, Option<&str>)> = crate::observe::SETTINGS.into_iter().zip(settings).collect();
    observed.settings = Some(testkit::sysctls_answer(30, &named));
}

#[test]
fn a_range_of_ports_that_is_used_up_towards_one_destination_is_exhausted() {
    let mut observed = nothing(Scope::Host);
    settings(&mut observed, "40000 40099", "40010-40019,8080", "2");
    closed(&mut observed, 50, 50, (&["ESTAB", "192.0.2.100", "198.51.100.7", "443"], 40));
    proves(&judge(&observed), "host.ephemeral_ports_connect");
}

#[test]
fn ports_that_are_left_or_can_be_taken_again_are_not_exhausted() {
    for (range, reuse) in [("40000 40099", "2"), ("40000 40089", "1")] {
        let mut observed = nothing(Scope::Host);
        settings(&mut observed, range, "", reuse);
        closed(&mut observed, 50, 50, (&["ESTAB", "192.0.2.100", "198.51.100.7", "443"], 40));
        is_healthy(&judge(&observed));
    }
}

#[test]
fn ports_within_this_host_are_taken_again() {
    let mut observed = nothing(Scope::Host);
    settings(&mut observed, "40000 40089", "", "2");
    for (look, n) in observed.looks.iter_mut().zip([1, 11]) {
        let groups: [(&[&str], u64); 2] = [
            (&["TIME-WAIT", "127.0.0.1", "127.0.0.1", "8080"], 20_000),
            (&["ESTAB", "127.0.0.1", "127.0.0.1", "8080"], 40),
        ];
        look.towards = Some(census(n, &groups));
    }
    is_healthy(&judge(&observed));
}

#[test]
fn ports_of_several_sources_are_counted_apart() {
    let mut observed = nothing(Scope::Host);
    settings(&mut observed, "40000 40089", "", "2");
    closed(&mut observed, 50, 50, (&["ESTAB", "192.0.2.101", "198.51.100.7", "443"], 40));
    is_healthy(&judge(&observed));
}

#[test]
fn half_of_a_wide_range_closed_is_a_storm() {
    let mut observed = nothing(Scope::Host);
    settings(&mut observed, "32768 36767", "", "2");
    closed(&mut observed, 2_100, 2_200, (&["ESTAB", "192.0.2.100", "198.51.100.7", "443"], 4));
    proves(&judge(&observed), "tcp.timewait_storm");
}

#[test]
fn ports_that_are_bound_are_gone_for_every_destination() {
    let spread = |one: u64, other: u64| {
        let mut observed = nothing(Scope::Host);
        settings(&mut observed, "40000 40059", "", "2");
        let groups: [(&[&str], u64); 3] = [
            (&["ESTAB", "192.0.2.100", "198.51.100.7", "443"], one),
            (&["ESTAB", "192.0.2.100", "198.51.100.8", "443"], other),
            // A client of a service here.
            (&["ESTAB", "192.0.2.100", "203.0.113.5", "50123"], 1),
        ];
        for (n, look) in observed.looks.iter_mut().enumerate() {
            look.towards = Some(census(10 * n as u64 + 1, &groups));
        }
        judge(&observed)
    };
    proves(&spread(30, 30), "host.ephemeral_ports_bind");
    is_healthy(&spread(30, 29));
    is_healthy(&spread(40, 30));
    proves(&spread(60, 0), "host.ephemeral_ports_connect");
}
