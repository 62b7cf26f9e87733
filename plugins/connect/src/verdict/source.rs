//! Silence that ends when the same endpoint is dialled from another address of the same link.

use sonde_sdk::finding::{refutes, supports};

use super::Case;
use crate::observe::{Path, answered_by_host};

/// The kernel's choice of source is never answered, another one is.
pub(super) fn judge(path: &Path) -> Option<Case<'_>> {
    // A source that is answered on another port is the right one: what differs is this port's filter.
    let is_heard = path.answered_controls().next().is_some() || path.echoed().is_some();
    if !path.is_silent() || path.dials.len() < 2 || is_heard {
        return None;
    }
    let (lookup, route) = path.route()?;
    let source = route.source.as_deref()?;
    let better = path.bound.iter().find(|bound| answered_by_host(&bound.dial))?;
    let device = route.device.as_deref().unwrap_or("its link");
    let sentence = format!(
        "this host dials {} from {source}, and no answer comes back to that; from {}, an address of {device}, it is answered at once",
        path.endpoint, better.local
    );
    Some(
        Case::proven(path, "l3.asymmetric_source", sentence.clone())
            .with(
                supports("l3.asymmetric_source")
                    .proof()
                    .because(&sentence)
                    .citing(path.dials.iter().map(|d| d.evidence).chain([lookup])),
            )
            .with(
                refutes("fw.drop_remote")
                    .proof()
                    .because(format!("the very same port answers a connection from {}", better.local))
                    .citing([better.dial.evidence]),
            )
            .next(format!(
                "see `ip route get {}` and `ip rule`: the source address is chosen there",
                path.endpoint.address
            )),
    )
}
