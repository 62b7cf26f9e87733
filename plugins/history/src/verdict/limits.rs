//! Limits of the host: connection tracking, buffers, memory, the reverse-path filter.

use sonde_sdk::report::Strength;
use sonde_sdk::types::Measure;

use super::{FEW, Trouble, course, weight_of};
use crate::past::{Past, evidence, growth, sum};
use crate::whose::Whose;

/// Of the maximum, from which on the table is full.
const FULL: f64 = 0.95;

/// Judges the limits. None of them is of one listener; where the port had none, it may be one that datagrams are sent to.
pub(super) fn judge(past: &Past) -> Vec<Trouble> {
    if past.port.is_some() {
        let listened = past.listeners.recording().is_none_or(|recording| !recording.series.is_empty());
        let lost = datagrams(past).filter(|_| !listened);
        return lost
            .into_iter()
            .map(|lost| Trouble { strength: lost.strength.min(Strength::Strong), ..lost })
            .collect();
    }
    [conntrack(past), datagrams(past), memory(past), reverse_path(past)].into_iter().flatten().collect()
}

fn conntrack(past: &Past) -> Option<Trouble> {
    let enough = |name| growth(&past.limits, name).filter(|grown| grown.sum >= FEW);
    let grown = enough("conntrack.drop").or_else(|| enough("conntrack.early_drop"))?;
    let most = past.limits.series(&["conntrack.max"])?.last()?.value;
    let entries = past.limits.series(&["conntrack.entries"])?.peak()?.value;
    if most <= 0.0 || entries < most * FULL {
        return None;
    }
    let arrived = sum(&past.traffic, "Tcp.InSegs");
    Some(Trouble {
        cause: "nf.conntrack_full",
        strength: weight_of(&grown),
        subject: "conntrack".to_owned(),
        sentence: format!(
            "connection tracking held {entries:.0} of {most:.0} entries and dropped {:.0} packets: {}",
            grown.sum,
            course(&grown)
        ),
        evidence: evidence(&[&past.limits]),
        ruled_out: if arrived > 0.0 {
            let why = format!("known connections went on: {arrived:.0} segments came in meanwhile");
            vec![("fw.drop_remote", why, evidence(&[&past.traffic]))]
        } else {
            vec![]
        },
        measures: vec![Measure::new("entries", entries, "1"), Measure::new("dropped", grown.sum, "1")],
        last_us: grown.last_us,
    })
}

fn datagrams(past: &Past) -> Option<Trouble> {
    // What is dialled is asked for over TCP.
    if matches!(past.whose, Whose::Peer(_)) {
        return None;
    }
    let of = |group: &str| growth(&past.datagrams, &format!("{group}.RcvbufErrors"));
    let (grown, errors) = match (of("Udp"), of("Udp6")) {
        (Some(four), Some(six)) if six.sum > four.sum => (six, sum(&past.datagrams, "Udp6.InErrors")),
        (Some(four), _) => (four, sum(&past.datagrams, "Udp.InErrors")),
        (None, six) => (six?, sum(&past.datagrams, "Udp6.InErrors")),
    };
    if grown.sum < FEW || grown.sum * 2.0 < errors {
        return None;
    }
    Some(Trouble {
        cause: "udp.rcvbuf_overflow",
        strength: weight_of(&grown),
        subject: "udp".to_owned(),
        sentence: format!(
            "{:.0} datagrams were dropped because a socket's receive buffer was full: {}",
            grown.sum,
            course(&grown)
        ),
        evidence: evidence(&[&past.datagrams]),
        // A call that failed rules nothing out.
        ruled_out: if past.traffic.recording().is_some() {
            let read = sum(&past.traffic, "Udp.InDatagrams");
            let why = format!("they did arrive: they are counted at a full socket, beside {read:.0} that were read");
            vec![("l3.packet_loss", why, evidence(&[&past.traffic]))]
        } else {
            vec![]
        },
        measures: vec![Measure::new("dropped", grown.sum, "1")],
        last_us: grown.last_us,
    })
}

fn memory(past: &Past) -> Option<Trouble> {
    let grown = growth(&past.limits, "TcpExt.TCPAbortOnMemory").filter(|grown| grown.sum >= 1.0);
    let grown = grown.or_else(|| growth(&past.limits, "TcpExt.TCPMemoryPressures"))?;
    let pruned = sum(&past.traffic, "TcpExt.PruneCalled") + sum(&past.traffic, "TcpExt.TCPRcvQDrop");
    let aborted = sum(&past.limits, "TcpExt.TCPAbortOnMemory");
    let proven = aborted >= FEW && past.traffic.recording().is_some() && pruned < 1.0;
    Some(Trouble {
        cause: "host.tcp_mem_pressure",
        strength: if proven { Strength::Proof } else { Strength::Weak },
        subject: "tcp_mem".to_owned(),
        sentence: format!("TCP ran out of memory, {aborted:.0} connections were ended for it: {}", course(&grown)),
        evidence: evidence(&[&past.limits]),
        ruled_out: if proven {
            let why = "no application's own buffer was pruned meanwhile".to_owned();
            vec![("tcp.rcvbuf_prune", why, evidence(&[&past.traffic]))]
        } else {
            vec![]
        },
        measures: vec![Measure::new("aborted", aborted, "1")],
        last_us: grown.last_us,
    })
}

fn reverse_path(past: &Past) -> Option<Trouble> {
    let grown = growth(&past.limits, "TcpExt.IPReversePathFilter").filter(|grown| grown.sum >= FEW)?;
    // Which packets, the counter does not say: those that nobody misses are dropped too.
    Some(Trouble {
        cause: "l3.rp_filter_drop",
        strength: Strength::Weak,
        subject: "rp_filter".to_owned(),
        sentence: format!("the reverse-path filter dropped {:.0} packets: {}", grown.sum, course(&grown)),
        evidence: evidence(&[&past.limits]),
        ruled_out: vec![],
        measures: vec![Measure::new("dropped", grown.sum, "1")],
        last_us: grown.last_us,
    })
}
