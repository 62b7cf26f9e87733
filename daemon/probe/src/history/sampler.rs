//! Takes a step of one namespace: what moved of the counters, the gauges, the listeners' queues and, as often as its pace allows, a
//! walk over all sockets.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sonde_core::observation::Counter;

use super::chunk::Step;
use super::key::Key;
use super::pace::Pace;
use super::ring::micros;
use crate::clock::{self, RunClock};
use crate::inspection::Problem;
use crate::sockets::{Tally, is_gauge, queues, read_counters};
use crate::vantage::Procfs;

/// What a namespace's sampler knows from step to step.
#[derive(Debug)]
pub(super) struct Sampler {
    pub(super) pace: Pace,
    step: Duration,
    before: Option<Before>,
}

/// The reading before.
#[derive(Debug)]
struct Before {
    at: Instant,
    counters: Vec<(Arc<str>, i64)>,
}

impl Sampler {
    pub(super) fn new(step: Duration, share: Duration) -> Self {
        Self { pace: Pace::new(share), step, before: None }
    }

    /// Takes a step, and the processor time that it cost. Inside the vantage only.
    pub(super) fn take(&mut self, procfs: &Procfs) -> Result<(Step, Duration), Problem> {
        let began = clock::on_processor();
        let walks = self.pace.walks();
        let counters = read_counters(procfs)?;
        let at = clock::instant();
        let mut step = Step { end: micros(RunClock::wall_now()), ..Step::default() };
        self.compare(counters, at, &mut step);
        let (waiting, ports) = queues(procfs)?;
        for queue in waiting {
            step.values.push((Key::Queued(queue.address, queue.port), queue.queued.into()));
            step.values.push((Key::Backlog(queue.address, queue.port), queue.backlog.into()));
        }
        merge(&mut step.values);
        let plain = clock::on_processor().saturating_sub(began);
        if walks {
            // Without it the rest is a step all the same.
            if let Err(problem) = count(procfs, &ports, &mut step) {
                tracing::debug!(detail = problem.detail, "a walk over the sockets failed");
            }
        }
        let cost = clock::on_processor().saturating_sub(began);
        self.pace.spent(plain, walks.then(|| cost.saturating_sub(plain)));
        Ok((step, cost))
    }

    /// What moved. After a pause in which steps were missed there is nothing to compare with: the growth of a pause is of no step.
    fn compare(&mut self, counters: Vec<Counter>, at: Instant, step: &mut Step) {
        let longest = self.step * self.pace.steps_of_a_reading() * MISSED;
        let before = self.before.take().filter(|before| at.saturating_duration_since(before.at) <= longest);
        step.span = before.as_ref().map_or(0, |before| micros(at.saturating_duration_since(before.at)));
        let mut now = Vec::with_capacity(counters.len());
        let old = before.as_ref().map_or(&[][..], |before| &before.counters);
        for (place, counter) in counters.into_iter().enumerate() {
            // Nearly always in the same place as before.
            let known = old
                .get(place)
                .filter(|(name, _)| **name == *counter.name)
                .or_else(|| old.iter().find(|(name, _)| **name == *counter.name));
            let name = known.map_or_else(|| counter.name.as_str().into(), |(name, _)| Arc::clone(name));
            let was = known.map(|(_, value)| *value);
            if step.values.len() < MOST_COUNTERS {
                step.values.extend(moved(&name, was, counter.value, before.is_some()));
            }
            now.push((name, counter.value));
        }
        self.before = Some(Before { at, counters: now });
    }
}

/// The entry of a counter, where it has one: gauges always, counters where they grew. One that went down has begun anew.
fn moved(name: &Arc<str>, was: Option<i64>, value: i64, compared: bool) -> Option<(Key, i64)> {
    if is_gauge(name) {
        return Some((Key::Gauge(Arc::clone(name)), value));
    }
    let was = was.unwrap_or(0);
    let growth = if value < was { value } else { value.saturating_sub(was) };
    (compared && growth > 0).then(|| (Key::Counter(Arc::clone(name)), growth))
}

/// A step has each key once: what is there twice adds up.
fn merge(values: &mut Vec<(Key, i64)>) {
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values.dedup_by(|again, first| {
        let same = again.0 == first.0;
        if same {
            first.1 = first.1.saturating_add(again.1);
        }
        same
    });
}

fn count(procfs: &Procfs, ports: &HashSet<u16>, step: &mut Step) -> Result<(), Problem> {
    let tally = Tally::take(procfs, ports)?;
    step.counted = true;
    step.values.extend(tally.totals().map(|(state, count)| (Key::Total(state), count)));
    let groups = tally.into_groups();
    let peers = groups.peers.into_iter().map(|((state, peer, port), count)| (Key::Peer(state, peer, port), count));
    step.values.extend(peers);
    step.values.extend(groups.locals.into_iter().map(|((state, port), count)| (Key::Local(state, port), count)));
    let half_open = groups.half_open.into_iter().map(|((address, port), count)| (Key::HalfOpen(address, port), count));
    step.values.extend(half_open);
    Ok(())
}

/// A step that is so many steps late is no step.
const MISSED: u32 = 5;

/// Entries of a step that are counters; a machine with thousands of devices has more.
const MOST_COUNTERS: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(values: &[(&str, i64)]) -> Vec<Counter> {
        values.iter().map(|(name, value)| Counter { name: (*name).to_owned(), value: *value }).collect()
    }

    fn sampler() -> Sampler {
        Sampler::new(Duration::from_secs(1), Duration::from_millis(4))
    }

    fn compared(sampler: &mut Sampler, at: Instant, values: &[(&str, i64)]) -> Step {
        let mut step = Step::default();
        sampler.compare(counters(values), at, &mut step);
        step
    }

    #[test]
    fn counters_count_from_the_second_reading_on_and_gauges_from_the_first() {
        let (mut sampler, at) = (sampler(), clock::instant());
        let first = compared(&mut sampler, at, &[("Tcp.OutRsts", 7), ("Tcp.CurrEstab", 3)]);
        let later = at + Duration::from_secs(1);
        let second = compared(&mut sampler, later, &[("new", 2), ("Tcp.OutRsts", 9), ("Tcp.CurrEstab", 0)]);

        assert_eq!(first.values, [(Key::Gauge("Tcp.CurrEstab".into()), 3)]);
        assert_eq!(
            second.values,
            [
                (Key::Counter("new".into()), 2),
                (Key::Counter("Tcp.OutRsts".into()), 2),
                (Key::Gauge("Tcp.CurrEstab".into()), 0)
            ]
        );
        assert_eq!((first.span, second.span), (0, 1_000_000));
    }

    #[test]
    fn the_growth_of_a_pause_is_of_no_step() {
        let (mut sampler, at) = (sampler(), clock::instant());
        compared(&mut sampler, at, &[("Tcp.OutRsts", 7)]);
        let after = compared(&mut sampler, at + Duration::from_secs(9), &[("Tcp.OutRsts", 900)]);

        assert_eq!((after.values.len(), after.span), (0, 0));
    }

    #[test]
    fn queues_of_one_port_add_up() {
        let queue = |value| (Key::Queued([0, 0, 0, 0].into(), 80), value);
        let mut values = vec![queue(3), (Key::Total(1), 9), queue(4)];
        merge(&mut values);
        assert_eq!(values, [(Key::Total(1), 9), queue(7)]);
    }

    #[test]
    fn the_own_namespace_gives_a_step() {
        let procfs = Procfs::open().expect("/proc");
        let mut sampler = sampler();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let _client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (step, cost) = sampler.take(&procfs).expect("the kernel tells");

        let port = listener.local_addr().expect("bound").port();
        let queued = Key::Queued([127, 0, 0, 1].into(), port);
        assert!(step.counted && step.values.contains(&(queued, 1)), "{step:?}");
        assert!(!cost.is_zero());
    }
}
