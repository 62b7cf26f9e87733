//! Packets that the kernel drops before its stack sees them. The figure is of the whole machine. A poll that ran out of its time
//! (`time_squeeze`) is what a busy machine does, and no loss.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::Observations;

const COUNTER: &str = "softnet.dropped";
/// A machine that handles many more packets for each that it drops has had a burst.
const HANDLED: i64 = 1_000;
/// Of a device, what it loses itself.
const LOSSES: [&str; 3] = [".rx_errors", ".rx_fifo", ".rx_frame"];

/// Judges it, where it drops in both halves of the window.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let Some(halves) = observed.growth(COUNTER).filter(|halves| halves.iter().all(|half| *half > 0)) else { return };
    let dropped: i64 = halves.iter().sum();
    let sentence =
        format!("the kernel of this machine dropped {dropped} packets before its network stack in the window");
    if observed.grew("softnet.processed").is_some_and(|handled| handled / HANDLED > dropped) {
        verdict.notes.push(sentence);
        return;
    }
    let [first, between, last] = observed.snapshots();
    let finding = supports("host.softnet_drop")
        .about("the packet backlog of the machine")
        .because(&sentence)
        .citing([first, last])
        .measuring(Measure::count(COUNTER, dropped));
    if device_losses(observed) > 0 {
        verdict.doubt(sentence, finding);
        return;
    }
    let device = refutes("l2.nic_errors")
        .strong()
        .about("the packet backlog of the machine")
        .because("no device here counted an error of its own up to the middle of the window, when packets had been dropped already")
        .citing([first, between]);
    verdict.prove(sentence, finding, [device]);
}

/// What the devices of this namespace lost in the window.
fn device_losses(observed: &Observations) -> i64 {
    let counters = observed.looks[1].counters.outcome.iter().flatten();
    let losses = counters.filter(|c| c.name.starts_with("device.") && LOSSES.iter().any(|loss| c.name.ends_with(loss)));
    losses.filter_map(|counter| observed.grew(&counter.name)).map(|grew| grew.max(0)).sum()
}
