use sonde_sdk::check::Conclusion;
use sonde_sdk::report::Strength;
use sonde_sdk::system::{CgroupFacts, Family, HostFacts, NeighbourUse, ProcessFacts};
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Phase, Reason};

use super::*;
use crate::observe::{Look, Watched};

/// A machine that is short of nothing, in both looks, with these counters in the first, between and in the second.
fn seen(subject: Subject, counters: [&[(&str, i64)]; 3]) -> Observations {
    let look = |n, counters| Look {
        host: testkit::host_answer(n, testkit::host_facts()),
        counters: testkit::counters_answer(n + 1, counters),
    };
    Observations {
        subject,
        looks: [look(10, counters[0]), look(20, counters[2])],
        between: testkit::counters_answer(15, counters[1]),
        listeners: None,
        processes: vec![],
        filter: None,
        neighbours: None,
    }
}

fn quiet(subject: Subject) -> Observations {
    seen(subject, [&[], &[], &[]])
}

/// A process in both looks, a second apart.
fn watched(facts: [ProcessFacts; 2], cgroups: [CgroupFacts; 2]) -> Watched {
    let ([before, after], [first, second]) = (facts, cgroups);
    let mut cgroup = [testkit::cgroup_answer(32, first), testkit::cgroup_answer(33, second)];
    cgroup[1].timing.at_us = 1_000_000;
    Watched {
        is_waited_for: false,
        process: [testkit::process_answer(30, before), testkit::process_answer(31, after)],
        cgroup,
    }
}

fn of_process(facts: &ProcessFacts, cgroup: &CgroupFacts) -> Observations {
    let mut observed = quiet(Subject::Process(facts.pid));
    observed.processes = vec![watched([facts.clone(), facts.clone()], [cgroup.clone(), cgroup.clone()])];
    observed
}

fn of_machine(edit: impl Fn(&mut HostFacts)) -> Observations {
    let mut observed = quiet(Subject::Host);
    for look in &mut observed.looks {
        edit(look.host.outcome.as_mut().expect("facts"));
    }
    observed
}

fn assert_proven(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
    assert!(judgement.findings.iter().all(|f| crate::CAUSES.contains(&f.cause.as_str())), "{judgement:#?}");
}

fn assert_healthy(judgement: &Judgement) {
    assert!(judgement.findings.is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
}

fn assert_doubted(judgement: &Judgement, cause: &str) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Strong), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_machine_short_of_nothing_is_healthy_for_every_subject() {
    for subject in [Subject::Host, Subject::Listener(80)] {
        assert_healthy(&judge(&quiet(subject)));
    }
    let judgement = judge(&of_process(&testkit::process_facts(42), &testkit::cgroup_facts()));
    assert_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("server (pid 42) is in state S, 10 of 1024"), "{judgement:#?}");
}

#[test]
fn a_process_stopped_in_both_looks_is_stopped_and_one_that_was_only_once_is_not() {
    let mut stopped = testkit::process_facts(42);
    stopped.state = "T".to_owned();
    assert_proven(
        &judge(&of_process(&stopped, &testkit::cgroup_facts())),
        "host.process_stopped",
        "app.not_responding",
    );

    let mut observed = of_process(&stopped, &testkit::cgroup_facts());
    let ran = ProcessFacts { cpu_us: stopped.cpu_us + 40_000, ..stopped.clone() };
    observed.processes[0].process[1] = testkit::process_answer(33, ran);
    assert_doubted(&judge(&observed), "host.process_stopped");

    let mut observed = of_process(&stopped, &testkit::cgroup_facts());
    observed.processes[0].process[0] = testkit::process_answer(30, testkit::process_facts(42));
    assert_healthy(&judge(&observed));
}

#[test]
fn a_process_in_a_frozen_cgroup_is_stopped_although_its_state_does_not_say_so() {
    let mut frozen = testkit::cgroup_facts();
    frozen.frozen = true;
    let judgement = judge(&of_process(&testkit::process_facts(42), &frozen));
    assert_proven(&judgement, "host.process_stopped", "app.not_responding");
    assert!(judgement.outcome.summary.contains("frozen"), "{judgement:#?}");
}

#[test]
fn a_process_that_does_not_exist_decides_nothing() {
    let mut observed = of_process(&testkit::process_facts(42), &testkit::cgroup_facts());
    let gone = Reason::InvalidRequest("no process 42".to_owned());
    observed.processes[0].process[1].outcome = Err(testkit::failure(Phase::Inspect, gone, 0));
    let judgement = judge(&observed);
    assert!(judgement.findings.is_empty() && judgement.outcome.conclusion == Conclusion::Unclear, "{judgement:#?}");
}

#[test]
fn a_process_without_a_descriptor_to_spare_is_named_and_one_with_a_single_one_is_not() {
    let full = ProcessFacts { open_files: Some(1024), ..testkit::process_facts(42) };
    assert_proven(
        &judge(&of_process(&full, &testkit::cgroup_facts())),
        "host.fd_process_limit",
        "host.fd_system_limit",
    );

    let nearly = ProcessFacts { open_files: Some(1023), ..testkit::process_facts(42) };
    assert_healthy(&judge(&of_process(&nearly, &testkit::cgroup_facts())));
    let unlimited = ProcessFacts { open_files: Some(1_000_000), open_files_soft: None, ..testkit::process_facts(42) };
    assert_healthy(&judge(&of_process(&unlimited, &testkit::cgroup_facts())));
    let unseen = ProcessFacts { open_files: None, ..testkit::process_facts(42) };
    let judgement = judge(&of_process(&unseen, &testkit::cgroup_facts()));
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert!(judgement.findings.is_empty() && judgement.outcome.next_step.is_some(), "{judgement:#?}");
}

#[test]
fn a_machine_without_file_handles_needs_a_process_with_some_to_spare_for_a_proof() {
    let out = |facts: &mut HostFacts| facts.open_files = facts.open_files_limit;
    assert_doubted(&judge(&of_machine(out)), "host.fd_system_limit");

    let mut observed = of_machine(out);
    observed.listeners = Some(testkit::listeners_answer(40, vec![testkit::listener("0.0.0.0", 80)]));
    assert_proven(&judge(&observed), "host.fd_system_limit", "host.fd_process_limit");
}

/// A second in which a quota ran out in so many of ten periods, while the process used so much CPU.
fn throttled(periods: u64, kept_us: u64, used_us: u64) -> Observations {
    let limited =
        CgroupFacts { quota_us: Some(10_000), period_us: Some(100_000), periods: 100, ..testkit::cgroup_facts() };
    let later = CgroupFacts { periods: 110, throttled_periods: periods, throttled_us: kept_us, ..limited.clone() };
    let facts = testkit::process_facts(42);
    let after = ProcessFacts { cpu_us: facts.cpu_us + used_us, age_us: facts.age_us + 1_000_000, ..facts.clone() };
    let mut observed = quiet(Subject::Process(42));
    observed.processes = vec![watched([facts, after], [limited, later])];
    observed
}

#[test]
fn a_quota_that_runs_out_all_the_time_starves_the_process_that_wants_to_run() {
    assert_proven(&judge(&throttled(10, 900_000, 100_000)), "host.cpu_throttle", "http.server_slow");
}

#[test]
fn a_quota_that_others_use_up_is_no_proof_about_a_process_that_sleeps() {
    assert_doubted(&judge(&throttled(10, 900_000, 0)), "host.cpu_throttle");
}

#[test]
fn a_quota_that_ran_out_for_a_moment_or_long_ago_is_no_fault() {
    assert_healthy(&judge(&throttled(1, 50_000, 100_000)));
    assert_healthy(&judge(&throttled(0, 0, 100_000)));
    assert_healthy(&judge(&throttled(4, 20_000, 100_000)));
}

#[test]
fn time_that_many_processors_were_throttled_for_is_compared_with_what_they_worked() {
    // Sixteen processors: each was kept for a few milliseconds and worked for most of the second.
    let mut observed = throttled(6, 800_000, 100_000);
    let worked = |cgroup: &mut CgroupFacts| cgroup.usage_us += 12_000_000;
    observed.processes[0].cgroup[1].outcome.iter_mut().for_each(worked);
    assert_healthy(&judge(&observed));
}

#[test]
fn a_process_that_began_anew_between_the_looks_is_not_compared_with_itself() {
    let mut observed = throttled(10, 900_000, 100_000);
    observed.processes[0].process[1].outcome.as_mut().expect("facts").age_us = 5;
    assert!(judge(&observed).findings.is_empty());
}

#[test]
fn too_much_tcp_memory_is_a_fault_where_it_is_critical_or_somebody_suffers() {
    let critical = of_machine(|facts| facts.tcp_memory_pages = Some(170_000));
    assert_proven(&judge(&critical), "host.tcp_mem_pressure", "tcp.rcvbuf_prune");

    let pressed = of_machine(|facts| facts.tcp_memory_pages = Some(125_000));
    assert_doubted(&judge(&pressed), "host.tcp_mem_pressure");

    let mut suffering =
        seen(Subject::Host, [&[("TcpExt.TCPAbortOnMemory", 1)], &[], &[("TcpExt.TCPAbortOnMemory", 4)]]);
    for look in &mut suffering.looks {
        look.host.outcome.as_mut().expect("facts").tcp_memory_pages = Some(125_000);
    }
    assert_proven(&judge(&suffering), "host.tcp_mem_pressure", "tcp.rcvbuf_prune");

    let busy = of_machine(|facts| facts.tcp_memory_pages = Some(119_000));
    assert_healthy(&judge(&busy));
    let hidden = of_machine(|facts| (facts.tcp_memory_pages, facts.tcp_memory_limits_pages) = (Some(170_000), None));
    assert_healthy(&judge(&hidden));
}

#[test]
fn orphans_are_a_fault_only_while_connections_are_killed_for_them() {
    let many = |observed: &mut Observations| {
        for look in &mut observed.looks {
            look.host.outcome.as_mut().expect("facts").tcp_orphans = Some(40_000);
        }
    };
    let mut killed = seen(Subject::Host, [&[("TcpExt.TCPAbortOnMemory", 0)], &[], &[("TcpExt.TCPAbortOnMemory", 9)]]);
    many(&mut killed);
    assert_proven(&judge(&killed), "host.orphan_limit", "host.tcp_mem_pressure");

    let mut quiet = quiet(Subject::Host);
    many(&mut quiet);
    assert_doubted(&judge(&quiet), "host.orphan_limit");
    assert_healthy(&judge(&of_machine(|facts| facts.tcp_orphans = Some(30_000))));
}

fn tracked(entries: i64, dropped: i64) -> Observations {
    let before = [("conntrack.entries", entries), ("conntrack.max", 1000), ("conntrack.drop", 5)];
    let after = [("conntrack.entries", entries), ("conntrack.max", 1000), ("conntrack.drop", 5 + dropped)];
    seen(Subject::Host, [&before, &before, &after])
}

#[test]
fn a_full_table_of_connection_tracking_is_a_fault_while_it_drops() {
    assert_proven(&judge(&tracked(1000, 3)), "nf.conntrack_full", "fw.drop_remote");
    assert_doubted(&judge(&tracked(960, 0)), "nf.conntrack_full");
    assert_healthy(&judge(&tracked(900, 0)));
    assert_healthy(&judge(&tracked(900, 3)));
}

#[test]
fn drops_that_the_snapshot_between_does_not_tell_of_prove_nothing() {
    let mut observed = tracked(1000, 3);
    observed.between = testkit::counters_answer(15, &[("conntrack.entries", 1000)]);
    assert_doubted(&judge(&observed), "nf.conntrack_full");
}

#[test]
fn new_neighbours_without_room_are_a_fault_of_a_full_table() {
    let table =
        |entries: u64, overflows: u64| NeighbourUse { family: Family::Ipv4, entries, limit: Some(1024), overflows };
    let overflowing = |entries: u64, grew: u64| {
        let mut observed = quiet(Subject::Host);
        for (look, overflows) in observed.looks.iter_mut().zip([7, 7 + grew]) {
            look.host.outcome.as_mut().expect("facts").neighbour_tables = vec![table(entries, overflows)];
        }
        observed.neighbours = Some(sonde_sdk::system::NeighboursAnswer {
            evidence: testkit::evidence(50),
            timing: testkit::timing(0),
            outcome: Ok(vec![]),
            total: 3,
        });
        observed
    };
    assert_proven(&judge(&overflowing(1024, 2)), "l2.neighbor_table_overflow", "l2.neighbor_unresolved");
    assert_doubted(&judge(&overflowing(100, 2)), "l2.neighbor_table_overflow");
    assert_healthy(&judge(&overflowing(1024, 0)));
}

fn before_the_stack(dropped: [i64; 3], errors: i64) -> Observations {
    let counters = |dropped, squeezed, errors| {
        [("softnet.dropped", dropped), ("softnet.time_squeeze", squeezed), ("device.eth0.rx_errors", errors)]
    };
    let [first, between, last] = dropped;
    seen(Subject::Host, [&counters(first, 1, 9), &counters(between, 50, 9), &counters(last, 90, 9 + errors)])
}

#[test]
fn packets_dropped_before_the_stack_all_the_time_are_a_fault_unless_the_device_loses_some_too() {
    assert_proven(&judge(&before_the_stack([5, 8, 11], 0)), "host.softnet_drop", "l2.nic_errors");
    assert_doubted(&judge(&before_the_stack([5, 8, 11], 4)), "host.softnet_drop");
    assert_healthy(&judge(&before_the_stack([5, 9, 9], 0)));
    assert_healthy(&judge(&before_the_stack([900, 900, 900], 0)));
    let mut busy = before_the_stack([5, 8, 11], 0);
    for (look, (dropped, processed)) in busy.looks.iter_mut().zip([(5, 4_000_000), (11, 4_900_000)]) {
        let counters = [("softnet.dropped", dropped), ("softnet.processed", processed)];
        look.counters = testkit::counters_answer(20, &counters);
    }
    assert_healthy(&judge(&busy));
}

/// Strict on `eth0` where said, with this many packets dropped at each look, and hardly any others received.
fn filtering(counts: [i64; 3], strict: &str) -> Observations {
    filtering_among(counts, counts.map(|count| count + 7), strict)
}

fn filtering_among(counts: [i64; 3], received: [i64; 3], strict: &str) -> Observations {
    let [first, between, last] = received;
    let counters = [(counts[0], first), (counts[1], between), (counts[2], last)]
        .map(|(count, received)| [("TcpExt.IPReversePathFilter", count), ("Ip.InReceives", received)]);
    let mut observed = seen(Subject::Host, [&counters[0], &counters[1], &counters[2]]);
    let settings = [("net.ipv4.conf.all.rp_filter", Some("0")), ("net.ipv4.conf.eth0.rp_filter", Some(strict))];
    let links = testkit::links_answer(61, vec![testkit::link("lo", &[]), testkit::link("eth0", &[])]);
    observed.filter = Some((testkit::sysctls_answer(60, &settings), links));
    observed
}

#[test]
fn a_strict_filter_that_drops_all_the_time_is_named_and_a_stray_packet_is_none() {
    assert_proven(&judge(&filtering([0, 3, 6], "1")), "l3.rp_filter_drop", "fw.drop_local_input");
    assert_healthy(&judge(&filtering([0, 1, 1], "1")));
    assert_healthy(&judge(&filtering([900, 900, 900], "1")));
    assert_healthy(&judge(&filtering([0, 3, 6], "2")));
}

#[test]
fn a_strict_filter_that_drops_little_of_much_may_drop_noise() {
    assert_doubted(&judge(&filtering_among([0, 3, 6], [0, 100, 200], "1")), "l3.rp_filter_drop");
    assert_proven(&judge(&filtering_among([0, 3, 6], [0, 100, 106], "1")), "l3.rp_filter_drop", "fw.drop_local_input");
}

#[test]
fn packets_of_another_size_than_a_syn_may_be_what_neighbours_announce() {
    let of_bytes = |bytes: i64| {
        let counters = [0, 3, 6].map(|count| {
            [("TcpExt.IPReversePathFilter", count), ("Ip.InReceives", count), ("IpExt.InOctets", count * bytes)]
        });
        let mut observed = seen(Subject::Host, [&counters[0], &counters[1], &counters[2]]);
        observed.filter = filtering([0, 3, 6], "1").filter;
        judge(&observed)
    };
    assert_proven(&of_bytes(60), "l3.rp_filter_drop", "fw.drop_local_input");
    assert_doubted(&of_bytes(229), "l3.rp_filter_drop");
    assert_doubted(&of_bytes(40), "l3.rp_filter_drop");
}

#[test]
fn a_machine_that_cannot_be_looked_at_is_not_called_healthy() {
    let mut observed = quiet(Subject::Host);
    observed.looks[1].host.outcome = Err(testkit::failure(Phase::Inspect, Reason::TimedOut, 1));
    assert_eq!(judge(&observed).outcome.conclusion, Conclusion::Unclear);
}
