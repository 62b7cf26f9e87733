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

/// A socket of a parent that sleeps and of two workers.
fn shared(worker: impl Fn(&mut sockets::Process)) -> Listener {
    let mut workers = vec![testkit::process(4243, "worker"), testkit::process(4244, "worker")];
    workers.iter_mut().for_each(worker);
    Listener { workers, ..queue(3, 128) }
}

fn joined(listener: Listener) -> Observations {
    let mut observed = steady(&[Listener { queued: 4, ..listener.clone() }], &[], &[]);
    observed.looks[0].listeners = testkit::listeners_answer(10, vec![listener]);
    observed
}

#[test]
fn workers_that_are_stopped_or_out_of_descriptors_explain_what_their_parent_does_not_accept() {
    let stopped = joined(shared(|worker| worker.state = "T".to_owned()));
    assert_proven(&judge(&stopped), "host.process_stopped", "app.not_responding");
    let starved = joined(shared(|worker| worker.open_files = Some(1024)));
    assert_proven(&judge(&starved), "host.fd_process_limit", "app.not_responding");

    let mut frozen = joined(shared(|_| ()));
    let facts = system::CgroupFacts { frozen: true, ..testkit::cgroup_facts() };
    frozen.cgroups = [4243, 4244].map(|pid| (pid, testkit::cgroup_answer(95, facts.clone()))).to_vec();
    assert_proven(&judge(&frozen), "host.process_stopped", "app.not_responding");
}

#[test]
fn one_worker_that_is_stopped_explains_nothing_while_another_sleeps() {
    let mut shared = shared(|_| ());
    shared.workers[0].state = "T".to_owned();
    let judgement = judge(&joined(shared));
    assert!(!is_proven(&judgement.findings, "host.process_stopped"), "{judgement:#?}");
}

#[test]
fn a_worker_that_runs_is_busy() {
    let mut shared = shared(|_| ());
    shared.workers[1].state = "R".to_owned();
    assert_healthy(&judge(&joined(shared)));
}

#[test]
fn a_look_that_found_nobody_does_not_hide_who_cannot_accept() {
    let unknown = || Listener { process: None, workers: vec![], ..queue(3, 128) };
    let mut observed = steady(&[in_state("T", queue(3, 128))], &[], &[]);
    observed.looks[0].listeners = testkit::listeners_answer(10, vec![unknown()]);
    assert_proven(&judge(&observed), "host.process_stopped", "app.not_responding");
    observed.looks[1].listeners = testkit::listeners_answer(11, vec![unknown()]);
    assert!(!is_proven(&judge(&observed).findings, "host.process_stopped"));
}
