//! struct `tcp_info` on a line of its own, with the words of ss; what is zero is left out.

use sonde_proto::wire::numbers;

use super::digits::{bits, decimal, millis};
use super::harmless;

/// The messages `TcpInfo` and `TcpFlow`.
pub(super) fn line(text: &mut String, congestion: &str, info: &[u8], flow: &[u8]) {
    let (info, _) = numbers::<22>(info, 1);
    let (flow, state) = numbers::<35>(flow, 8);
    text.push_str("\t ");
    harmless(text, congestion);
    for (at, name) in [(1, " ts"), (2, " sack"), (3, " ecn"), (4, " ecnseen"), (5, " fastopen")] {
        if flow[at] != 0 {
            text.push_str(name);
        }
    }
    pair(text, " wscale:", flow[6], flow[7], ',', decimal);
    if !matches!(state, "" | "Open") {
        text.push(' ');
        harmless(text, state);
    }
    for field in FIELDS {
        match *field {
            Field::Info(at, name) => one(text, name, info[at], decimal),
            Field::InfoMillis(at, name) => one(text, name, info[at], millis),
            Field::Flow(at, name) => one(text, name, flow[at], decimal),
            Field::FlowMillis(at, name) => one(text, name, flow[at], millis),
            Field::FlowRate(at, name) => one(text, name, flow[at], bits),
        }
    }
    pair(text, " rtt:", info[2], info[3], '/', millis);
    pair(text, " retrans:", flow[25], info[11], '/', decimal);
    if flow[22] != 0 {
        text.push_str(" app_limited");
    }
    text.push('\n');
}

/// A number of one of the two messages, how it is written, and its name.
enum Field {
    Info(usize, &'static str),
    InfoMillis(usize, &'static str),
    Flow(usize, &'static str),
    FlowMillis(usize, &'static str),
    FlowRate(usize, &'static str),
}

const FIELDS: &[Field] = &[
    Field::FlowMillis(9, " rto:"),
    Field::Info(12, " backoff:"),
    Field::InfoMillis(4, " minrtt:"),
    Field::FlowMillis(10, " ato:"),
    Field::Info(5, " mss:"),
    Field::Info(7, " pmtu:"),
    Field::Info(6, " rcvmss:"),
    Field::Flow(11, " advmss:"),
    Field::Flow(12, " cwnd:"),
    Field::Flow(13, " ssthresh:"),
    Field::Info(15, " bytes_sent:"),
    Field::Info(16, " bytes_retrans:"),
    Field::Info(13, " bytes_acked:"),
    Field::Info(14, " bytes_received:"),
    Field::Flow(14, " segs_out:"),
    Field::Flow(15, " segs_in:"),
    Field::Flow(16, " data_segs_out:"),
    Field::Flow(17, " data_segs_in:"),
    Field::FlowMillis(18, " lastsnd:"),
    Field::FlowMillis(19, " lastrcv:"),
    Field::InfoMillis(21, " lastack:"),
    Field::FlowRate(20, " pacing_rate:"),
    Field::FlowRate(21, " delivery_rate:"),
    Field::Flow(23, " delivered:"),
    Field::InfoMillis(20, " busy:"),
    Field::InfoMillis(19, " rwnd_limited:"),
    Field::FlowMillis(24, " sndbuf_limited:"),
    Field::Info(8, " unacked:"),
    Field::Info(9, " lost:"),
    Field::Flow(26, " sacked:"),
    Field::Flow(27, " dsack_dups:"),
    Field::Flow(28, " reordering:"),
    Field::Flow(29, " reord_seen:"),
    Field::FlowMillis(30, " rcv_rtt:"),
    Field::Flow(31, " rcv_space:"),
    Field::Flow(32, " rcv_ssthresh:"),
    Field::Info(17, " notsent:"),
    Field::Flow(33, " rcv_ooopack:"),
    Field::Info(18, " snd_wnd:"),
    Field::Flow(34, " rcv_wnd:"),
];

fn one(text: &mut String, name: &str, value: u64, write: impl FnOnce(&mut String, u64)) {
    if value != 0 {
        text.push_str(name);
        write(text, value);
    }
}

fn pair(text: &mut String, name: &str, first: u64, second: u64, between: char, write: impl Fn(&mut String, u64)) {
    if first != 0 || second != 0 {
        text.push_str(name);
        write(text, first);
        text.push(between);
        write(text, second);
    }
}
