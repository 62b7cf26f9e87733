//! Local ports that are bound before it is known whom they lead to: each serves one connection, whatever the destination.

use std::collections::BTreeMap;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use super::ports::{destinations, room};
use crate::observe::Observations;

/// Judges them; of a whole host only. As many sockets of one address as the range has ports, in both looks and towards several
/// destinations, have a port each: who only connects shares ports, or uses them up towards one destination.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let [Some(before), Some(now)] = observed.looks.each_ref().map(|look| look.towards.as_ref()) else { return };
    let Some(room) = room(observed) else { return };
    let held = |census| {
        let mut sources: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for ((source, ..), towards) in destinations(census) {
            let (sum, most) = sources.entry(source.to_owned()).or_default();
            // Of a service here each client has a destination of its own.
            let ports = Some(towards.sum()).filter(|ports| *ports > 1).unwrap_or(0);
            *sum += ports;
            *most = ports.max(*most);
        }
        sources
    };
    let (earlier, later) = (held(before), held(now));
    let full = later.iter().find(|(source, (sum, most))| {
        *sum == room.ports && most < sum && earlier.get(*source).is_some_and(|(sum, _)| *sum == room.ports)
    });
    let Some((source, (_, most))) = full else { return };
    let sentence = format!(
        "all {} local ports of {source} are bound, towards several destinations: whoever binds its address before it connects gets none",
        room.ports
    );
    let settings = observed.settings.iter().map(|settings| settings.evidence);
    let finding = supports("host.ephemeral_ports_bind")
        .about(source)
        .because(&sentence)
        .citing([now.evidence].into_iter().chain(settings))
        .measuring(Measure::count("local ports", i64::try_from(room.ports).unwrap_or(i64::MAX)));
    let against = refutes("host.ephemeral_ports_connect")
        .strong()
        .about(source)
        .because(format!("no destination has more than {most} of them: a plain connect still finds a port"))
        .citing([before.evidence]);
    verdict.prove(sentence, finding, [against]);
}
