//! A socket as the kernel tells it, straight to the wire form of `sonde.v1.Socket`: no struct and no text lies in between.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sonde_probe::sockets::{InetRow, Owner, Row, Socket, UnixRow, state_name};
use sonde_probe::tcp_info::TcpInfoFields;
use sonde_proto::rows::field;
use sonde_proto::wire::Writer;

/// Writes the fields of one socket, in the order of their numbers.
#[inline]
pub(super) fn write(writer: &mut Writer<'_>, socket: &Socket<'_>, details: bool) {
    let row = &socket.row;
    writer.text(field::PROTOCOL, socket.protocol.name());
    writer.text(field::STATE, state_name(row.state()));
    match row {
        Row::Inet(inet) => {
            writer.text_with(field::LOCAL, |text| endpoint(text, inet.local(), inet.local_port()));
            writer.text_with(field::PEER, |text| endpoint(text, inet.peer(), inet.peer_port()));
        }
        Row::Unix(unix) => {
            if !unix.name.is_empty() {
                writer.text_with(field::LOCAL, |text| name(text, unix));
            }
            if unix.peer != 0 {
                writer.text_with(field::PEER, |text| decimal(text, unix.peer));
            }
        }
    }
    writer.number(field::RECEIVE_QUEUE, row.receive_queue());
    writer.number(field::SEND_QUEUE, row.send_queue());
    writer.number(field::UID, row.uid());
    writer.number(field::INODE, row.inode());
    writer.text(field::DEVICE, socket.device);
    if let Row::Inet(inet) = row {
        writer.flag(field::V6ONLY, inet.v6only);
        if details {
            timer(writer, inet);
        }
    }
    if details && let Some(memory) = row.memory() {
        writer.nested(field::MEMORY, |writer| {
            for (number, value) in (1..).zip(memory) {
                writer.number(number, value);
            }
        });
    }
    let info = match row {
        Row::Inet(inet) => inet.info.map(|bytes| (TcpInfoFields::parse(bytes), inet.congestion())),
        Row::Unix(_) => None,
    };
    if let Some((info, congestion)) = &info {
        writer.nested(field::INFO, |writer| tcp_info(writer, info));
        writer.text(field::CONGESTION, congestion);
    }
    for one in socket.owners {
        owner(writer, one);
    }
    writer.text(field::CGROUP, socket.cgroup);
    if let Some((info, _)) = &info {
        writer.nested(field::FLOW, |writer| flow(writer, info));
    }
    if details {
        writer.number(field::COOKIE, row.cookie());
        if let Row::Inet(inet) = row {
            writer.number(field::MARK, inet.mark);
        }
    }
    if let Row::Unix(unix) = row {
        writer.text(field::KIND, unix.kind());
    }
}

fn timer(writer: &mut Writer<'_>, inet: &InetRow<'_>) {
    let Some((name, expires_ms, retransmits)) = inet.timer() else { return };
    writer.nested(field::TIMER, |writer| {
        writer.text(1, name);
        writer.duration(2, Duration::from_millis(expires_ms.into()));
        writer.number(3, retransmits);
    });
}

fn owner(writer: &mut Writer<'_>, owner: &Owner) {
    writer.nested(field::OWNERS, |writer| {
        writer.number(1, owner.pid);
        writer.text(2, &owner.command);
        writer.number(3, owner.descriptor);
        writer.text(4, &owner.container_id);
    });
}

/// `sonde.v1.TcpInfo`.
fn tcp_info(writer: &mut Writer<'_>, info: &TcpInfoFields) {
    writer.text(1, state_name(info.state));
    micros(writer, 2, info.rtt_us);
    micros(writer, 3, info.rttvar_us);
    micros(writer, 4, info.smallest_rtt_us());
    writer.number(5, info.snd_mss);
    writer.number(6, info.rcv_mss);
    writer.number(7, info.pmtu);
    writer.number(8, info.unacked);
    writer.number(9, info.lost);
    writer.number(10, info.retransmits);
    writer.number(11, info.total_retrans);
    writer.number(12, info.backoff);
    writer.number(13, info.bytes_acked);
    writer.number(14, info.bytes_received);
    writer.number(15, info.bytes_sent);
    writer.number(16, info.bytes_retrans);
    writer.number(17, info.notsent_bytes);
    writer.number(18, info.snd_wnd);
    micros(writer, 19, info.rwnd_limited_us);
    micros(writer, 20, info.busy_time_us);
    millis(writer, 21, info.last_ack_received_ms());
}

/// `sonde.v1.TcpFlow`.
fn flow(writer: &mut Writer<'_>, info: &TcpInfoFields) {
    for (number, bit) in [(1, TIMESTAMPS), (2, SACK), (3, ECN), (4, ECN_SEEN), (5, SYN_DATA)] {
        writer.flag(number, info.options & bit != 0);
    }
    if info.options & WSCALE != 0 {
        writer.number(6, info.snd_wscale);
        writer.number(7, info.rcv_wscale);
    }
    writer.text(8, CONGESTION_STATES.get(usize::from(info.ca_state)).copied().unwrap_or_default());
    micros(writer, 9, info.rto_us);
    micros(writer, 10, info.ato_us);
    writer.number(11, info.advmss);
    writer.number(12, info.snd_cwnd);
    writer.number(13, if info.snd_ssthresh >= INFINITE_THRESHOLD { 0 } else { info.snd_ssthresh });
    writer.number(14, info.segs_out);
    writer.number(15, info.segs_in);
    writer.number(16, info.data_segs_out);
    writer.number(17, info.data_segs_in);
    millis(writer, 18, info.last_data_sent_ms);
    millis(writer, 19, info.last_data_recv_ms);
    writer.number(20, if info.pacing_rate == u64::MAX { 0 } else { info.pacing_rate });
    writer.number(21, info.delivery_rate);
    writer.flag(22, info.app_limited);
    writer.number(23, info.delivered);
    micros(writer, 24, info.sndbuf_limited_us);
    writer.number(25, info.retrans);
    writer.number(26, info.sacked);
    writer.number(27, info.dsack_dups);
    writer.number(28, info.reordering);
    writer.number(29, info.reord_seen);
    micros(writer, 30, info.rcv_rtt_us);
    writer.number(31, info.rcv_space);
    writer.number(32, info.rcv_ssthresh);
    writer.number(33, info.rcv_ooopack);
    writer.number(34, info.rcv_wnd);
}

/// Zero is left out: struct `tcp_info` does not tell it from "never".
#[inline]
fn micros(writer: &mut Writer<'_>, number: u32, micros: impl Into<u64>) {
    let micros = micros.into();
    if micros != 0 {
        writer.duration(number, Duration::from_micros(micros));
    }
}

#[inline]
fn millis(writer: &mut Writer<'_>, number: u32, millis: u32) {
    if millis != 0 {
        writer.duration(number, Duration::from_millis(millis.into()));
    }
}

/// `10.0.0.5:443`, `[fd00::5]:443`.
fn endpoint(text: &mut Vec<u8>, address: IpAddr, port: u16) {
    match address {
        IpAddr::V4(address) => dotted(text, address),
        // Writing to a vector cannot fail.
        IpAddr::V6(address) => drop(write!(text, "[{address}]")),
    }
    text.push(b':');
    decimal(text, port.into());
}

#[inline]
fn dotted(text: &mut Vec<u8>, address: Ipv4Addr) {
    let [a, b, c, d] = address.octets();
    for (octet, end) in [(a, Some(b'.')), (b, Some(b'.')), (c, Some(b'.')), (d, None)] {
        decimal(text, octet.into());
        text.extend(end);
    }
}

#[inline]
fn decimal(text: &mut Vec<u8>, number: u32) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// As ss: an abstract name begins with `@`. What is no UTF-8 is replaced.
fn name(text: &mut Vec<u8>, unix: &UnixRow<'_>) {
    let name = String::from_utf8_lossy(unix.name);
    match name.strip_prefix('\0') {
        // Zero bytes inside belong to the name.
        Some(abstracted) => {
            text.push(b'@');
            text.extend(abstracted.replace('\0', "@").into_bytes());
        }
        None => text.extend_from_slice(name.trim_end_matches('\0').as_bytes()),
    }
}

/// `TCPI_OPT_*` of linux/tcp.h.
const TIMESTAMPS: u8 = 1;
const SACK: u8 = 2;
const WSCALE: u8 = 4;
const ECN: u8 = 8;
const ECN_SEEN: u8 = 16;
const SYN_DATA: u8 = 32;

/// enum `tcp_ca_state` of linux/tcp.h.
const CONGESTION_STATES: [&str; 5] = ["Open", "Disorder", "CWR", "Recovery", "Loss"];

/// `TCP_INFINITE_SSTHRESH` of net/tcp.h.
const INFINITE_THRESHOLD: u32 = 0x7fff_ffff;
