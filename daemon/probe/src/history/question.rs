//! Answers of what is kept: which numbers, thinned to so many points, with what is covered and what is missing.
//!
//! Growth is summed within a point, of levels the largest counts. Sockets that have no group of their own count for their state,
//! under empty texts.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::history::{
    GroupFilter, GroupKey, Numbers, Period, Point, Recording, Request, Series, SeriesKind,
};

use super::chunk::{Head, Reader};
use super::key::Key;
use super::ring::{Ring, micros};
use crate::inspection::Problem;
use crate::sockets::{States, state_name};

/// Answers it, or says that nothing is kept of that time.
pub(super) fn answer(ring: &Ring, request: &Request) -> Result<Recording, Problem> {
    let chosen = Chosen::of(&request.of)?;
    let (from, to) = (micros(request.period.from), micros(request.period.to));
    if to <= from {
        return Err(Problem::invalid("the period ends before it begins".to_owned()));
    }
    let points = u64::from(request.points.clamp(2, MOST_POINTS)).min(chosen.most_points());
    let mut table = Table { from, width: (to - from).div_ceil(points).max(1), ..Table::default() };
    let tolerance = micros(ring.bounds().step) / 2;
    for (mut reader, until) in ring.readers(from, to) {
        let mut places = Vec::new();
        while let Some(head) = reader.step() {
            if head.end <= from {
                continue;
            }
            let begin = head.end.saturating_sub(head.span);
            if head.end > to || begin >= until {
                break;
            }
            // The last coarse step may reach into the fine ones.
            if table.covered.is_none_or(|(_, last)| begin.saturating_add(tolerance) >= last) {
                table.cover(head, tolerance);
                table.add(&chosen, head, &reader, &mut places);
            }
        }
    }
    let covered = table.covered.ok_or_else(|| nothing(ring, request.period))?;
    Ok(Recording {
        covered: Period { from: wall(covered.0.max(from)), to: wall(covered.1) },
        step: Duration::from_micros(table.finest.unwrap_or_default()),
        gaps: table.gaps.iter().map(|(from, to)| Period { from: wall(*from), to: wall(*to) }).collect(),
        series: table.into_series(&chosen),
    })
}

fn nothing(ring: &Ring, period: Period) -> Problem {
    let told = match (ring.begins(), ring.last()) {
        (Some((_, begin)), Some(last)) => {
            format!("the recorder keeps Unix seconds {} to {} of this namespace", begin / SECOND, last / SECOND)
        }
        _ => "the recorder has nothing of this namespace yet".to_owned(),
    };
    let (from, to) = (period.from.as_secs(), period.to.as_secs());
    Problem {
        reason: sonde_core::observation::Reason::Unavailable("a recording of that time".to_owned()),
        errno: None,
        detail: format!("read what was recorded from {from} to {to}: {told}"),
    }
}

/// Which numbers, ready to be compared.
enum Chosen<'a> {
    Counters(&'a [String]),
    Sockets { by: &'a [GroupKey], states: Vec<String>, filter: &'a GroupFilter, family: Family },
    Listeners(Option<u16>),
}

/// Where groups of sockets come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Total,
    Peer,
    Local,
}

impl<'a> Chosen<'a> {
    fn of(numbers: &'a Numbers) -> Result<Self, Problem> {
        match numbers {
            Numbers::Counters { names } => Ok(Self::Counters(names)),
            Numbers::Listeners { port } => Ok(Self::Listeners(*port)),
            Numbers::Sockets { by, filter } => {
                States::named(&filter.states).map_err(Problem::invalid)?;
                let peer = filter.peer_address.is_some()
                    || filter.peer_port.is_some()
                    || by.iter().any(|key| matches!(key, GroupKey::PeerAddress | GroupKey::PeerPort));
                let local = filter.local_port.is_some() || by.contains(&GroupKey::LocalPort);
                let family = match (peer, local) {
                    (true, true) => {
                        return Err(Problem::invalid(
                            "the recorder counts sockets by peer or by local port; ask for one of them".to_owned(),
                        ));
                    }
                    (true, false) => Family::Peer,
                    (false, true) => Family::Local,
                    (false, false) => Family::Total,
                };
                let states = filter.states.iter().map(|state| state.replace('_', "-").to_ascii_uppercase()).collect();
                Ok(Self::Sockets { by, states, filter, family })
            }
        }
    }

    /// So many that all series together stay within [`POINTS_IN_ALL`].
    fn most_points(&self) -> u64 {
        POINTS_IN_ALL / self.most_series() as u64
    }

    fn most_series(&self) -> usize {
        match self {
            Self::Counters(names) if names.iter().all(|name| !name.ends_with('*')) => names.len().clamp(1, SERIES),
            Self::Counters(_) => SERIES,
            Self::Sockets { .. } => GROUPS,
            Self::Listeners(_) => 3 * GROUPS,
        }
    }

    /// The series that a key counts for.
    fn series(&self, key: &Key) -> Option<(Vec<String>, Fill)> {
        match (self, key) {
            (Self::Counters(names), Key::Counter(name)) => {
                wanted(names, name).then(|| (vec![name.to_string()], Fill::Growth))
            }
            (Self::Counters(names), Key::Gauge(name)) => {
                wanted(names, name).then(|| (vec![name.to_string()], Fill::Level))
            }
            (Self::Sockets { by, states, filter, family }, key) => {
                let (of, state, peer, port, local) = match *key {
                    Key::Total(state) => (Family::Total, state, None, None, None),
                    Key::Peer(state, peer, port) => (Family::Peer, state, Some(peer), Some(port), None),
                    Key::Local(state, local) => (Family::Local, state, None, None, Some(local)),
                    _ => return None,
                };
                let passes = of == *family
                    && passes_state(states, state)
                    && filter.peer_address.is_none_or(|wanted| peer == Some(wanted))
                    && filter.peer_port.is_none_or(|wanted| port == Some(wanted))
                    && filter.local_port.is_none_or(|wanted| local == Some(wanted));
                passes.then(|| (group(by, state, peer, port.filter(|port| *port != 0), local), Fill::Walk))
            }
            (Self::Listeners(wanted), Key::Queued(address, port)) => listener(*wanted, *address, *port, "queued"),
            (Self::Listeners(wanted), Key::Backlog(address, port)) => listener(*wanted, *address, *port, "backlog"),
            (Self::Listeners(wanted), Key::HalfOpen(address, port)) => {
                listener(*wanted, *address, *port, "syn-received")
            }
            _ => None,
        }
    }

    /// Where the rest of a state counts, which has no group of its own.
    fn rest(&self, key: &Key) -> Option<Vec<String>> {
        match (self, key) {
            (Self::Sockets { by, states, filter, family }, Key::Total(state))
                if *family != Family::Total
                    && passes_state(states, *state)
                    && filter.peer_address.is_none()
                    && filter.peer_port.is_none()
                    && filter.local_port.is_none() =>
            {
                Some(group(by, *state, None, None, None))
            }
            _ => None,
        }
    }
}

fn wanted(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == wanted,
    })
}

fn passes_state(states: &[String], state: u8) -> bool {
    states.is_empty() || States::named(states).is_ok_and(|states| states.contains(state))
}

fn group(by: &[GroupKey], state: u8, peer: Option<IpAddr>, port: Option<u16>, local: Option<u16>) -> Vec<String> {
    let text = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    by.iter()
        .map(|key| match key {
            GroupKey::State => state_name(state).to_owned(),
            GroupKey::PeerAddress => peer.map(|peer| peer.to_string()).unwrap_or_default(),
            GroupKey::PeerPort => text(port),
            GroupKey::LocalPort => text(local),
        })
        .collect()
}

fn listener(wanted: Option<u16>, address: IpAddr, port: u16, what: &str) -> Option<(Vec<String>, Fill)> {
    let fill = match what {
        "queued" => Fill::Step,
        "backlog" => Fill::Level,
        _ => Fill::Walk,
    };
    wanted
        .is_none_or(|wanted| wanted == port)
        .then(|| (vec![address.to_string(), port.to_string(), what.to_owned()], fill))
}

/// What stands where a series has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// Nothing: it did not grow.
    Growth,
    /// Nothing: it was not there.
    Level,
    /// 0 in every step.
    Step,
    /// 0 in every step in which all sockets were walked over.
    Walk,
}

/// What has been gathered so far.
#[derive(Default)]
struct Table {
    from: u64,
    /// Of a point.
    width: u64,
    covered: Option<(u64, u64)>,
    finest: Option<u64>,
    gaps: Vec<(u64, u64)>,
    /// By the number of the point: its last end, and whether a walk was taken in it.
    times: BTreeMap<u64, (u64, bool)>,
    slots: Vec<Slot>,
    by_key: HashMap<Vec<String>, usize>,
}

struct Slot {
    key: Vec<String>,
    fill: Fill,
    values: BTreeMap<u64, i64>,
    /// Within the step at hand.
    sum: Option<i64>,
}

/// Where a place of a chunk's dictionary counts: its own series, and the rest it is taken from or adds to.
#[derive(Clone, Copy, Default)]
struct Place {
    own: Option<usize>,
    rest: Option<usize>,
}

impl Table {
    fn cover(&mut self, head: Head, tolerance: u64) {
        let begin = head.end.saturating_sub(head.span);
        if let Some((_, last)) = self.covered
            && begin > last.saturating_add(tolerance)
            && self.gaps.len() < MOST_GAPS
        {
            self.gaps.push((last, begin));
        }
        let first = self.covered.map_or(begin, |(first, _)| first);
        self.covered = Some((first, head.end));
        if head.span > 0 {
            self.finest = Some(self.finest.map_or(head.span, |finest| finest.min(head.span)));
        }
    }

    fn add(&mut self, chosen: &Chosen<'_>, head: Head, reader: &Reader<'_>, places: &mut Vec<Place>) {
        let point = (head.end.saturating_sub(1).saturating_sub(self.from)) / self.width;
        let time = self.times.entry(point).or_default();
        *time = (head.end, time.1 || head.counted);
        for key in reader.keys.iter().skip(places.len()) {
            let own = chosen.series(key).map(|(series, fill)| self.slot(series, fill));
            let rest = chosen.rest(key).map(|series| self.slot(series, Fill::Walk));
            places.push(Place { own, rest });
        }
        for (place, value) in &reader.grown {
            if let Some(slot) = places.get(*place).and_then(|place| self.slots.get_mut(place.own?)) {
                let kept = slot.values.entry(point).or_insert(0);
                *kept = kept.saturating_add(*value);
            }
        }
        self.levels(chosen, head, reader, places);
        for slot in &mut self.slots {
            if let Some(sum) = slot.sum.take() {
                let kept = slot.values.entry(point).or_insert(sum);
                *kept = (*kept).max(sum);
            }
        }
    }

    fn levels(&mut self, chosen: &Chosen<'_>, head: Head, reader: &Reader<'_>, places: &[Place]) {
        // What the groups of a state hold, to be taken from its total.
        let mut grouped: HashMap<u8, i64> = HashMap::new();
        for ((key, level), place) in reader.keys.iter().zip(&reader.levels).zip(places) {
            if !key.is_level() || (key.is_counted() && !head.counted) {
                continue;
            }
            if let Some(slot) = place.own.and_then(|own| self.slots.get_mut(own)) {
                // A gauge holds its zero; a group or a backlog of zero is none.
                if *level != 0 || matches!(key, Key::Gauge(_)) {
                    slot.sum = Some(slot.sum.unwrap_or(0).saturating_add(*level));
                }
            }
            if let (Chosen::Sockets { family, .. }, Key::Peer(state, ..) | Key::Local(state, _)) = (chosen, key)
                && (matches!(key, Key::Peer(..)) == (*family == Family::Peer))
            {
                let sum = grouped.entry(*state).or_insert(0);
                *sum = sum.saturating_add(*level);
            }
        }
        for ((key, level), place) in reader.keys.iter().zip(&reader.levels).zip(places) {
            let (Some(rest), Key::Total(state), true) = (place.rest, key, head.counted) else { continue };
            let left = level.saturating_sub(grouped.get(state).copied().unwrap_or(0));
            if let Some(slot) = self.slots.get_mut(rest).filter(|_| left > 0) {
                slot.sum = Some(slot.sum.unwrap_or(0).saturating_add(left));
            }
        }
    }

    fn slot(&mut self, key: Vec<String>, fill: Fill) -> usize {
        if let Some(slot) = self.by_key.get(&key) {
            return *slot;
        }
        let next = self.slots.len();
        self.by_key.insert(key.clone(), next);
        self.slots.push(Slot { key, fill, values: BTreeMap::new(), sum: None });
        next
    }

    /// The largest, or of counters all in the order of their names.
    fn into_series(self, chosen: &Chosen<'_>) -> Vec<Series> {
        let mut slots: Vec<Slot> = self.slots.into_iter().filter(|slot| !slot.values.is_empty()).collect();
        let most = |slot: &Slot| slot.values.values().copied().max().unwrap_or(0);
        match chosen {
            Chosen::Counters(_) => slots.sort_by(|a, b| a.key.cmp(&b.key)),
            Chosen::Sockets { .. } => slots.sort_by(|a, b| most(b).cmp(&most(a)).then_with(|| a.key.cmp(&b.key))),
            Chosen::Listeners(_) => {
                let mut fullest: HashMap<Vec<String>, i64> = HashMap::new();
                for slot in &slots {
                    let full = fullest.entry(slot.key.iter().take(2).cloned().collect()).or_insert(0);
                    *full = (*full).max(most(slot));
                }
                let rank = |slot: &Slot| fullest.get(slot.key.get(..2).unwrap_or_default()).copied().unwrap_or(0);
                slots.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.key.cmp(&b.key)));
            }
        }
        slots.truncate(chosen.most_series());
        slots.into_iter().map(|slot| slot.into_series(&self.times)).collect()
    }
}

impl Slot {
    fn into_series(self, times: &BTreeMap<u64, (u64, bool)>) -> Series {
        let value = |number: &u64, counted: bool| match (self.values.get(number), self.fill) {
            (Some(value), _) => Some(*value),
            (None, Fill::Step) => Some(0),
            (None, Fill::Walk) if counted => Some(0),
            (None, Fill::Walk | Fill::Growth | Fill::Level) => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let points = times
            .iter()
            .filter_map(|(number, (end, counted))| {
                Some(Point { at: wall(*end), value: value(number, *counted)? as f64 })
            })
            .collect();
        let kind = if self.fill == Fill::Growth { SeriesKind::Counter } else { SeriesKind::Gauge };
        Series { key: self.key, kind, points }
    }
}

fn wall(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

const SECOND: u64 = 1_000_000;

/// Of one series.
const MOST_POINTS: u32 = 3_600;

/// Of all series of an answer.
const POINTS_IN_ALL: u64 = 65_536;

/// Counters of an answer.
const SERIES: usize = 256;

/// Groups of sockets, and listeners, of an answer.
const GROUPS: usize = 64;

/// Gaps of an answer.
const MOST_GAPS: usize = 256;

#[cfg(test)]
mod tests {
    use super::super::chunk::Step;
    use super::super::chunk::tests::{counter, peer};
    use super::super::ring::Bounds;
    use super::*;

    const BEGAN: u64 = 1_795_000_020;

    fn step(second: u64, counted: bool, values: &[(Key, i64)]) -> Step {
        Step { end: (BEGAN + second) * SECOND, span: SECOND, counted, values: values.to_vec() }
    }

    fn ring(steps: &[Step]) -> Ring {
        let mut ring = Ring::new(Bounds::default());
        for step in steps {
            ring.push(step);
        }
        ring
    }

    fn ask(ring: &Ring, from: u64, to: u64, points: u32, of: Numbers) -> Recording {
        let period = Period { from: Duration::from_secs(BEGAN + from), to: Duration::from_secs(BEGAN + to) };
        answer(ring, &Request { period, points, of }).expect("something is kept")
    }

    fn values(series: &Series) -> Vec<(u64, f64)> {
        series.points.iter().map(|point| (point.at.as_secs() - BEGAN, point.value)).collect()
    }

    fn named(names: &[&str]) -> Numbers {
        Numbers::Counters { names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn a_counter_has_points_where_it_grew_and_a_gauge_everywhere() {
        let overflow = || counter("TcpExt.ListenOverflows");
        let gauge = || Key::Gauge("Tcp.CurrEstab".into());
        let ring = ring(&[
            step(1, true, &[(gauge(), 0)]),
            step(2, false, &[(overflow(), 3), (gauge(), 2)]),
            step(3, false, &[(gauge(), 2), (counter("Tcp.InSegs"), 9)]),
            step(4, false, &[(overflow(), 4), (gauge(), 1)]),
        ]);

        let told = ask(&ring, 0, 10, 100, named(&["TcpExt.*", "Tcp.CurrEstab"]));

        assert_eq!(told.series.len(), 2);
        assert_eq!(values(&told.series[0]), [(1, 0.0), (2, 2.0), (3, 2.0), (4, 1.0)]);
        assert_eq!((told.series[1].kind, values(&told.series[1])), (SeriesKind::Counter, vec![(2, 3.0), (4, 4.0)]));
        assert_eq!((told.covered.from.as_secs(), told.covered.to.as_secs()), (BEGAN, BEGAN + 4));
        assert_eq!((told.step, told.gaps), (Duration::from_secs(1), vec![]));
    }

    #[test]
    fn few_points_sum_growth_and_keep_the_largest_level() {
        let steps: Vec<Step> = (1..=60)
            .map(|second| step(second, true, &[(counter("a"), 1), (peer(6, 1, 80), (second * 10).cast_signed())]))
            .collect();
        let ring = ring(&steps);

        let growth = ask(&ring, 0, 60, 2, named(&["a"]));
        let by = vec![GroupKey::State, GroupKey::PeerPort];
        let levels = ask(&ring, 0, 60, 2, Numbers::Sockets { by, filter: GroupFilter::default() });

        assert_eq!(values(&growth.series[0]), [(30, 30.0), (60, 30.0)]);
        assert_eq!(values(&levels.series[0]), [(30, 300.0), (60, 600.0)]);
        assert_eq!(levels.series[0].key, ["TIME-WAIT", "80"]);
    }

    #[test]
    fn sockets_without_a_group_count_for_their_state() {
        let ring = ring(&[
            step(1, true, &[(Key::Total(6), 100), (Key::Total(1), 7), (peer(6, 1, 80), 60), (peer(6, 2, 81), 10)]),
            step(2, false, &[]),
            step(3, true, &[(Key::Total(6), 90), (peer(6, 1, 80), 90)]),
        ]);

        let by = vec![GroupKey::State, GroupKey::PeerAddress];
        let all = ask(&ring, 0, 5, 100, Numbers::Sockets { by, filter: GroupFilter::default() });
        let filter = GroupFilter { peer_port: Some(81), ..GroupFilter::default() };
        let one = ask(&ring, 0, 5, 100, Numbers::Sockets { by: vec![], filter });
        let filter = GroupFilter { states: vec!["established".to_owned()], ..GroupFilter::default() };
        let total = ask(&ring, 0, 5, 100, Numbers::Sockets { by: vec![GroupKey::State], filter });

        let told: Vec<_> = all.series.iter().map(|series| (series.key.join(" "), values(series))).collect();
        assert_eq!(
            told,
            [
                ("TIME-WAIT 10.0.0.1".to_owned(), vec![(1, 60.0), (3, 90.0)]),
                ("TIME-WAIT ".to_owned(), vec![(1, 30.0), (3, 0.0)]),
                ("TIME-WAIT 10.0.0.2".to_owned(), vec![(1, 10.0), (3, 0.0)]),
                ("ESTAB ".to_owned(), vec![(1, 7.0), (3, 0.0)]),
            ]
        );
        assert_eq!(values(&one.series[0]), [(1, 10.0), (3, 0.0)]);
        assert_eq!((total.series.len(), values(&total.series[0])), (1, vec![(1, 7.0), (3, 0.0)]));
    }

    #[test]
    fn a_listener_has_its_queue_in_every_step_and_its_limit_while_it_is_known() {
        let any = IpAddr::from([0, 0, 0, 0]);
        let ring = ring(&[
            step(1, false, &[]),
            step(2, false, &[(Key::Queued(any, 80), 3), (Key::Backlog(any, 80), 2), (Key::Queued(any, 81), 1)]),
            step(3, true, &[(Key::HalfOpen(any, 80), 5)]),
        ]);

        let told = ask(&ring, 0, 5, 100, Numbers::Listeners { port: Some(80) });

        let told: Vec<_> = told.series.iter().map(|series| (series.key[2].as_str(), values(series))).collect();
        assert_eq!(
            told,
            [
                ("backlog", vec![(2, 2.0)]),
                ("queued", vec![(1, 0.0), (2, 3.0), (3, 0.0)]),
                ("syn-received", vec![(3, 5.0)]),
            ]
        );
    }

    #[test]
    fn time_that_was_not_recorded_is_a_gap() {
        let ring = ring(&[step(1, true, &[]), step(2, true, &[]), step(30, true, &[]), step(31, true, &[])]);

        let told = ask(&ring, 0, 60, 100, named(&["a"]));

        let gaps: Vec<_> = told.gaps.iter().map(|gap| (gap.from.as_secs() - BEGAN, gap.to.as_secs() - BEGAN)).collect();
        assert_eq!(gaps, [(2, 29)]);
    }

    #[test]
    fn a_time_of_which_nothing_is_kept_is_unavailable_and_says_what_is() {
        let ring = ring(&[step(1, true, &[])]);
        let period = Period { from: Duration::from_secs(10), to: Duration::from_secs(20) };

        let problem = answer(&ring, &Request { period, points: 2, of: named(&["a"]) }).expect_err("nothing is kept");

        assert!(matches!(problem.reason, sonde_core::observation::Reason::Unavailable(_)), "{problem:?}");
        assert!(problem.detail.contains("from 10 to 20") && problem.detail.contains("1795000020"), "{problem:?}");
    }

    #[test]
    fn peer_and_local_port_are_not_kept_together() {
        let by = vec![GroupKey::PeerPort, GroupKey::LocalPort];
        let of = Numbers::Sockets { by, filter: GroupFilter::default() };
        let period = Period { from: Duration::from_secs(10), to: Duration::from_secs(20) };

        let problem = answer(&ring(&[]), &Request { period, points: 2, of }).expect_err("it cannot be answered");

        assert!(problem.detail.contains("ask for one"), "{problem:?}");
    }

    #[test]
    fn coarse_steps_stand_before_fine_ones_and_nothing_counts_twice() {
        let steps: Vec<Step> = (1..=2 * 3_600).map(|second| step(second, true, &[(counter("a"), 1)])).collect();
        let ring = ring(&steps);

        let told = ask(&ring, 0, 7_200, 3_600, named(&["a"]));

        assert!((told.series[0].sum() - 7_200.0).abs() < 1e-9, "{}", told.series[0].sum());
        assert_eq!((told.step, told.gaps.len()), (Duration::from_secs(1), 0));
    }
}
