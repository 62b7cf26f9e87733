//! The message of `dial.udp`.

use sonde_core::observation::dial::udp as core;
use sonde_proto::v1;

use crate::convert::duration;
use crate::convert::failure::{deltas, endpoint, icmp, reply, round_trips};

pub(in crate::convert) fn udp(request: &core::UdpRequest, dial: &core::UdpDial) -> v1::UdpDial {
    let size = request.payload.as_ref().map_or(usize::from(request.size_bytes), Vec::len);
    v1::UdpDial {
        remote: Some(endpoint(request.remote)),
        payload: request.payload.clone(),
        size_bytes: u32::try_from(size).unwrap_or(u32::MAX),
        count: request.count.into(),
        interval: Some(duration(request.interval)),
        timeout: Some(duration(request.timeout)),
        local: dial.local.map(endpoint),
        sent: dial.sent,
        unsent: dial.unsent,
        received: dial.received,
        duplicates: dial.duplicates,
        reordered: dial.reordered,
        corrupted: dial.corrupted,
        round_trips: dial.round_trips.map(round_trips),
        replies: dial.replies.iter().map(reply).collect(),
        answer: dial.answer.clone(),
        answer_bytes: dial.answer_bytes,
        icmp_errors: dial.icmp_errors,
        icmp: dial.icmp.as_ref().map(icmp),
        deltas: dial.deltas.as_ref().map(deltas),
    }
}
