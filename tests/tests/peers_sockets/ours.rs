//! What `sonde sockets` says, as facts under the names of ss.

use sonde_proto::v1::{Socket, SocketMemory, TcpFlow, TcpInfo};

use super::facts::Facts;

/// TCP and UDP sockets by their ends.
pub(crate) fn inet(sockets: &[Socket]) -> Vec<(String, Facts)> {
    sockets.iter().map(|socket| (format!("inet {} {}", socket.local, socket.peer), facts(socket))).collect()
}

/// Unix sockets by their inodes.
pub(crate) fn unix(sockets: &[Socket]) -> Vec<(String, Facts)> {
    let facts = |socket: &Socket| {
        let mut facts = facts(socket);
        let peer = if socket.peer.is_empty() { "0" } else { &socket.peer };
        facts.extend(
            [("kind", socket.kind.as_str()), ("name", socket.local.as_str()), ("peer", peer)]
                .map(|(n, v)| (n.to_owned(), v.to_owned())),
        );
        (format!("unix {}", socket.inode), facts)
    };
    sockets.iter().map(facts).collect()
}

fn facts(socket: &Socket) -> Facts {
    let mut facts: Facts = [
        ("state", socket.state.clone()),
        ("recv", socket.receive_queue.to_string()),
        ("send", socket.send_queue.to_string()),
        ("device", socket.device.clone()),
        ("uid", socket.uid.to_string()),
        ("ino", socket.inode.to_string()),
        ("sk", format!("{:x}", socket.cookie)),
        ("fwmark", format!("0x{:x}", socket.mark)),
        ("v6only", u8::from(socket.v6only).to_string()),
        ("cgroup", socket.cgroup.clone()),
        ("cubic or another", socket.congestion.clone()),
        ("users", users(socket)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(timer) = &socket.timer {
        facts.insert("timer".to_owned(), format!("{} {}", timer.name, timer.retransmits));
    }
    if let Some(memory) = &socket.memory {
        facts.insert("skmem".to_owned(), skmem(memory));
    }
    if let (Some(info), Some(flow)) = (&socket.info, &socket.flow) {
        facts.extend(tcp(info, flow));
    }
    facts
}

fn users(socket: &Socket) -> String {
    let user = |owner: &sonde_proto::v1::SocketOwner| {
        format!("\"{}\",pid={},fd={}", owner.command, owner.pid, owner.descriptor)
    };
    let mut users: Vec<String> = socket.owners.iter().map(user).collect();
    users.sort_unstable();
    users.join(" ")
}

fn skmem(memory: &SocketMemory) -> String {
    format!(
        "(r{},rb{},t{},tb{},f{},w{},o{},bl{},d{})",
        memory.receive_allocated_bytes,
        memory.receive_buffer_bytes,
        memory.send_allocated_bytes,
        memory.send_buffer_bytes,
        memory.forward_allocated_bytes,
        memory.send_queued_bytes,
        memory.option_bytes,
        memory.backlog_bytes,
        memory.drops,
    )
}

fn tcp(info: &TcpInfo, flow: &TcpFlow) -> Facts {
    let flags = [
        ("ts", flow.timestamps),
        ("sack", flow.sack),
        ("ecn", flow.ecn),
        ("ecnseen", flow.ecn_seen),
        ("fastopen", flow.fast_open),
        ("app_limited", flow.app_limited),
    ];
    let values = [
        ("wscale", format!("{},{}", flow.snd_window_scale, flow.rcv_window_scale)),
        ("rto", millis(flow.rto.as_ref())),
        ("backoff", info.backoff.to_string()),
        ("rtt", format!("{}/{}", millis(info.rtt.as_ref()), millis(info.rtt_variance.as_ref()))),
        ("ato", millis(flow.ato.as_ref())),
        ("mss", info.snd_mss_bytes.to_string()),
        ("pmtu", info.pmtu_bytes.to_string()),
        ("rcvmss", info.rcv_mss_bytes.to_string()),
        ("advmss", flow.advertised_mss_bytes.to_string()),
        ("cwnd", flow.congestion_window.to_string()),
        ("ssthresh", flow.slow_start_threshold.to_string()),
        ("bytes_sent", info.bytes_sent.to_string()),
        ("bytes_retrans", info.bytes_retransmitted.to_string()),
        ("bytes_acked", info.bytes_acked.to_string()),
        ("bytes_received", info.bytes_received.to_string()),
        ("segs_out", flow.segments_sent.to_string()),
        ("segs_in", flow.segments_received.to_string()),
        ("data_segs_out", flow.data_segments_sent.to_string()),
        ("data_segs_in", flow.data_segments_received.to_string()),
        ("pacing_rate", format!("{}bps", flow.pacing_rate * 8)),
        ("delivery_rate", format!("{}bps", flow.delivery_rate * 8)),
        ("delivered", flow.delivered.to_string()),
        ("busy", format!("{}ms", whole_millis(info.busy.as_ref()))),
        ("rwnd_limited", format!("{}ms", whole_millis(info.rwnd_limited.as_ref()))),
        ("sndbuf_limited", format!("{}ms", whole_millis(flow.sndbuf_limited.as_ref()))),
        ("unacked", info.unacked.to_string()),
        ("retrans", format!("{}/{}", flow.retransmitting, info.total_retransmits)),
        ("lost", info.lost.to_string()),
        ("sacked", flow.sacked.to_string()),
        ("dsack_dups", flow.duplicates.to_string()),
        ("reordering", flow.reordering.to_string()),
        ("reord_seen", flow.reorderings.to_string()),
        ("rcv_rtt", millis(flow.rcv_rtt.as_ref())),
        ("rcv_space", flow.rcv_space_bytes.to_string()),
        ("rcv_ssthresh", flow.rcv_slow_start_threshold_bytes.to_string()),
        ("notsent", info.notsent_bytes.to_string()),
        ("minrtt", millis(info.min_rtt.as_ref())),
        ("rcv_ooopack", flow.out_of_order_packets.to_string()),
        ("snd_wnd", info.snd_wnd_bytes.to_string()),
        ("lastsnd", whole_millis(flow.last_data_sent.as_ref()).to_string()),
        ("lastrcv", whole_millis(flow.last_data_received.as_ref()).to_string()),
        ("lastack", whole_millis(info.last_ack_received.as_ref()).to_string()),
    ];
    let set = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name.to_owned(), "yes".to_owned()));
    set.chain(values.map(|(name, value)| (name.to_owned(), value))).collect()
}

fn micros(duration: Option<&prost_types::Duration>) -> i64 {
    duration.map_or(0, |duration| duration.seconds * 1_000_000 + i64::from(duration.nanos) / 1_000)
}

fn whole_millis(duration: Option<&prost_types::Duration>) -> i64 {
    micros(duration) / 1_000
}

/// ss writes milliseconds by %g: six digits.
#[expect(clippy::cast_precision_loss, reason = "as ss does")]
fn millis(duration: Option<&prost_types::Duration>) -> String {
    format!("{}", micros(duration) as f64 / 1000.0)
}
