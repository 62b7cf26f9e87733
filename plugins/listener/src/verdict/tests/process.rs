//! The process behind a listener.

use super::*;

#[test]
fn a_stopped_process_explains_its_queue_full_or_not() {
    for (queued, backlog) in [(3, 8), (9, 8)] {
        let counters = [("TcpExt.ListenOverflows", [1, 2, 3])];
        let judgement = judge(&steady(&[in_state("T", queue(queued, backlog))], &counters, &[]));
        assert_proven(&judgement, "host.process_stopped", "app.not_responding");
    }
}

#[test]
fn a_frozen_process_sleeps_by_its_state_and_is_still_not_hung() {
    let mut observed = growing_queue([2, 3, 3], "S");
    let mut frozen = testkit::cgroup_facts();
    frozen.frozen = true;
    observed.cgroups = vec![(4242, testkit::cgroup_answer(95, frozen))];
    let judgement = judge(&observed);
    assert_proven(&judgement, "host.process_stopped", "app.not_responding");
    assert!(!supported(&judgement.findings, Strength::Weak).contains(&"app.not_responding"), "{judgement:#?}");

    observed.cgroups = vec![(1, observed.cgroups.remove(0).1)];
    assert_proven(&judge(&observed), "app.not_responding", "host.process_stopped");
}

#[test]
fn a_stopped_process_that_nobody_waits_for_is_no_fault_yet() {
    let mut observed = steady(&[in_state("T", queue(0, 8))], &[], &[]);
    observed.dials.clear();
    assert_healthy(&judge(&observed));
}

#[test]
fn a_process_without_descriptors_is_told_from_a_hung_one() {
    let mut full = queue(3, 128);
    if let Some(process) = &mut full.process {
        process.open_files = Some(1024);
    }
    assert_proven(&judge(&steady(&[full], &[], &[])), "host.fd_process_limit", "app.not_responding");
}

fn growing_queue(queued: [u32; 3], state: &str) -> Observations {
    let mut observed = steady(&[queue(0, 128)], &[], &[]);
    for (n, queued) in queued.into_iter().enumerate() {
        observed.looks[n].listeners =
            testkit::listeners_answer(10 + n as u64, vec![in_state(state, queue(queued, 128))]);
    }
    observed
}

#[test]
fn a_sleeping_process_that_takes_not_even_our_connection_is_not_responding() {
    assert_proven(&judge(&growing_queue([2, 3, 3], "S")), "app.not_responding", "host.process_stopped");
}

#[test]
fn a_queue_that_did_not_grow_by_our_connection_is_being_served() {
    assert_healthy(&judge(&growing_queue([2, 2, 2], "S")));
}

#[test]
fn a_running_process_with_a_queue_is_busy_and_not_hung() {
    assert_healthy(&judge(&growing_queue([2, 3, 3], "R")));
}

#[test]
fn a_process_that_takes_one_connection_at_a_time_may_be_at_work_on_it() {
    let mut observed = growing_queue([2, 3, 3], "S");
    for (look, count) in observed.looks.iter_mut().zip([3, 4, 4]) {
        let sockets: Vec<Socket> = ["40001", "40002", "40003", "40004"]
            .into_iter()
            .take(count)
            .map(|p| ("ESTAB", "198.51.100.1", p, 0))
            .collect();
        look.sockets = Some(census(30, &sockets));
    }
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["app.not_responding"]);
    for look in &mut observed.looks {
        look.sockets =
            Some(census(30, &[("ESTAB", "198.51.100.1", "40001", 0), ("ESTAB", "198.51.100.1", "40002", 0)]));
    }
    assert_proven(&judge(&observed), "app.not_responding", "host.process_stopped");
}
