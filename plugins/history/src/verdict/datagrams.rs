//! What is asked over UDP: the recorder keeps no datagram and no UDP socket, so that nothing is known of any answer. What all in the
//! namespace share may have been in its way.

use sonde_sdk::check::Outcome;

use crate::past::{UDP, sum};
use crate::whose::Datagrams;

/// What can be in the way of a datagram.
pub(super) const CONCERNED: &[&str] = &["l3.rp_filter_drop", "nf.conntrack_full", "udp.rcvbuf_overflow"];

/// What is known, where nothing was in the way.
pub(super) fn seen(datagrams: &Datagrams, length: &str) -> Outcome {
    let target = &datagrams.target;
    if datagrams.counted.recording().is_none() {
        return Outcome::unclear(format!("what was recorded of {target} cannot be read"));
    }
    let outcome = Outcome::unclear(format!(
        "the recorder keeps no datagrams: whether {target} answered is not known; in {length} of recording no buffer overflowed here and \
         connection tracking had room"
    ));
    let counted = UDP.iter().map(|name| (*name, sum(&datagrams.counted, name)));
    let outcome = counted.fold(outcome, |outcome, (name, sum)| {
        outcome.noting(name, format!("{sum:.0} in this network namespace, whoever sent them"))
    });
    outcome.next(format!(
        "sonde diagnose {target} tells how it is now; sonde diagnose host with the same time tells of this host"
    ))
}
