//! Gathers: two looks about a second apart, and what their difference makes worth reading.

use std::time::Duration;

use sonde_sdk::check::Budget;
use sonde_sdk::sockets::{Listener, ListenersAnswer, host_counters, listeners};
use sonde_sdk::system::{CgroupAnswer, ProcessAnswer, cgroup, host, links, neighbours, process, sysctls};
use sonde_sdk::{timer, wait};

use crate::observe::{Look, Observations, Subject, Watched};
use crate::verdict::{filter, overflow};

/// From the first look to the second.
const WINDOW: Duration = Duration::from_secs(1);
/// Processes looked at.
const PROCESSES: usize = 8;
/// Links whose settings are read.
const LINKS: usize = 64;

pub(crate) async fn observe(subject: Subject, budget: Budget) -> Observations {
    let half = WINDOW.min(budget.remaining() / 4) / 2;
    let table = match subject {
        Subject::Host => Some(listeners(None).await),
        Subject::Listener(port) => Some(listeners(Some(port)).await),
        Subject::Process(_) => None,
    };
    let pids = pids(subject, table.as_ref());
    let (first, before) = wait::join(look(), watch(&pids)).await;
    timer::sleep(half).await;
    let between = host_counters().await;
    timer::sleep(half).await;
    let (second, after) = wait::join(look(), watch(&pids)).await;
    let processes = pids
        .iter()
        .zip(before.into_iter().zip(after))
        .map(|((_, is_waited_for), (before, after))| Watched {
            is_waited_for: *is_waited_for,
            process: [before.0, after.0],
            cgroup: [before.1, after.1],
        })
        .collect();
    let mut observed = Observations {
        subject,
        looks: [first, second],
        between,
        listeners: table,
        processes,
        filter: None,
        neighbours: None,
    };
    if filter::drops(&observed).is_some() {
        let links = links().await;
        let of_links = links.outcome.iter().flatten().filter(|link| link.up && !link.loopback).take(LINKS);
        let names = ["all".to_owned()].into_iter().chain(of_links.map(|link| link.name.replace('.', "/")));
        let settings = sysctls(names.map(|name| filter::setting(&name)).collect()).await;
        observed.filter = Some((settings, links));
    }
    if overflow::overflows(&observed).is_some() {
        observed.neighbours = Some(neighbours().await);
    }
    observed
}

async fn look() -> Look {
    let (host, counters) = wait::join(host(), host_counters()).await;
    Look { host, counters }
}

async fn watch(pids: &[(u32, bool)]) -> Vec<(ProcessAnswer, CgroupAnswer)> {
    wait::all(pids.iter().map(|(pid, _)| wait::join(process(*pid), cgroup(*pid)))).await
}

/// Whom to look at, and whether connections wait there: of a whole host only those at which some do.
fn pids(subject: Subject, table: Option<&ListenersAnswer>) -> Vec<(u32, bool)> {
    if let Subject::Process(pid) = subject {
        return vec![(pid, false)];
    }
    let mut pids: Vec<(u32, bool)> = vec![];
    let mut found: Vec<&Listener> = table.into_iter().flat_map(|table| &table.outcome).flatten().collect();
    found.sort_by_key(|listener| std::cmp::Reverse(listener.queued));
    for listener in found {
        let is_waited_for = listener.queued > 0;
        let holders = listener.process.iter().chain(&listener.workers);
        for process in holders.filter(|_| is_waited_for || subject != Subject::Host) {
            if pids.len() < PROCESSES && !pids.iter().any(|(pid, _)| *pid == process.pid) {
                pids.push((process.pid, is_waited_for));
            }
        }
    }
    pids
}

#[cfg(test)]
mod tests {
    use sonde_sdk::testkit;

    use super::*;

    fn listener(port: u16, pid: u32, queued: u32) -> Listener {
        let mut listener = testkit::listener("0.0.0.0", port);
        listener.queued = queued;
        if let Some(process) = &mut listener.process {
            process.pid = pid;
        }
        listener
    }

    #[test]
    fn of_a_whole_host_only_processes_with_waiting_connections_are_looked_at_and_the_fullest_first() {
        let table = testkit::listeners_answer(
            1,
            vec![listener(1, 10, 0), listener(2, 11, 3), listener(3, 12, 9), listener(4, 12, 1)],
        );
        assert_eq!(pids(Subject::Host, Some(&table)), [(12, true), (11, true)]);
        assert_eq!(pids(Subject::Listener(1), Some(&table)).len(), 3);
        assert_eq!(pids(Subject::Process(7), None), [(7, false)]);
    }

    #[test]
    fn all_processes_that_share_a_listener_are_looked_at() {
        let mut shared = listener(1, 10, 3);
        shared.workers = vec![testkit::process(11, "worker"), testkit::process(12, "worker")];
        let table = testkit::listeners_answer(1, vec![shared]);
        assert_eq!(pids(Subject::Host, Some(&table)), [(10, true), (11, true), (12, true)]);
    }

    #[test]
    fn so_many_are_looked_at_and_no_more() {
        let table = testkit::listeners_answer(1, (0..50).map(|n| listener(n + 1, u32::from(n) + 1, 1)).collect());
        assert_eq!(pids(Subject::Host, Some(&table)).len(), PROCESSES);
    }
}
