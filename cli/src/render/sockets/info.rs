//! struct `tcp_info` on a line of its own, with the words of ss; what is zero is left out.

use sonde_proto::wire::numbers;

use super::digits::{bits, decimal, millis};
use super::{block, harmless};

/// The messages `TcpInfo` and `TcpFlow`.
pub(super) fn line(text: &mut Vec<u8>, congestion: &[u8], info: &[u8], flow: &[u8]) {
    let (info, _) = numbers::<22>(info, 1);
    let (flow, state) = numbers::<35>(flow, 8);
    text.extend_from_slice(b"\t ");
    harmless(text, congestion);
    for (at, name) in FLAGS {
        if flow[*at] != 0 {
            name.append(text);
        }
    }
    pair(text, b" wscale:", flow[6], flow[7], b',', decimal);
    if !matches!(state, b"" | b"Open") {
        text.push(b' ');
        harmless(text, state);
    }
    // Written out, since a table of the names would jump to another function at each of them.
    one(text, const { &Name::of(" rto:") }, flow[9], millis);
    one(text, const { &Name::of(" backoff:") }, info[12], decimal);
    one(text, const { &Name::of(" minrtt:") }, info[4], millis);
    one(text, const { &Name::of(" ato:") }, flow[10], millis);
    one(text, const { &Name::of(" mss:") }, info[5], decimal);
    one(text, const { &Name::of(" pmtu:") }, info[7], decimal);
    one(text, const { &Name::of(" rcvmss:") }, info[6], decimal);
    one(text, const { &Name::of(" advmss:") }, flow[11], decimal);
    one(text, const { &Name::of(" cwnd:") }, flow[12], decimal);
    one(text, const { &Name::of(" ssthresh:") }, flow[13], decimal);
    one(text, const { &Name::of(" bytes_sent:") }, info[15], decimal);
    one(text, const { &Name::of(" bytes_retrans:") }, info[16], decimal);
    one(text, const { &Name::of(" bytes_acked:") }, info[13], decimal);
    one(text, const { &Name::of(" bytes_received:") }, info[14], decimal);
    one(text, const { &Name::of(" segs_out:") }, flow[14], decimal);
    one(text, const { &Name::of(" segs_in:") }, flow[15], decimal);
    one(text, const { &Name::of(" data_segs_out:") }, flow[16], decimal);
    one(text, const { &Name::of(" data_segs_in:") }, flow[17], decimal);
    one(text, const { &Name::of(" lastsnd:") }, flow[18], millis);
    one(text, const { &Name::of(" lastrcv:") }, flow[19], millis);
    one(text, const { &Name::of(" lastack:") }, info[21], millis);
    one(text, const { &Name::of(" pacing_rate:") }, flow[20], bits);
    one(text, const { &Name::of(" delivery_rate:") }, flow[21], bits);
    one(text, const { &Name::of(" delivered:") }, flow[23], decimal);
    one(text, const { &Name::of(" busy:") }, info[20], millis);
    one(text, const { &Name::of(" rwnd_limited:") }, info[19], millis);
    one(text, const { &Name::of(" sndbuf_limited:") }, flow[24], millis);
    one(text, const { &Name::of(" unacked:") }, info[8], decimal);
    one(text, const { &Name::of(" lost:") }, info[9], decimal);
    one(text, const { &Name::of(" sacked:") }, flow[26], decimal);
    one(text, const { &Name::of(" dsack_dups:") }, flow[27], decimal);
    one(text, const { &Name::of(" reordering:") }, flow[28], decimal);
    one(text, const { &Name::of(" reord_seen:") }, flow[29], decimal);
    one(text, const { &Name::of(" rcv_rtt:") }, flow[30], millis);
    one(text, const { &Name::of(" rcv_space:") }, flow[31], decimal);
    one(text, const { &Name::of(" rcv_ssthresh:") }, flow[32], decimal);
    one(text, const { &Name::of(" notsent:") }, info[17], decimal);
    one(text, const { &Name::of(" rcv_ooopack:") }, flow[33], decimal);
    one(text, const { &Name::of(" snd_wnd:") }, info[18], decimal);
    one(text, const { &Name::of(" rcv_wnd:") }, flow[34], decimal);
    pair(text, b" rtt:", info[2], info[3], b'/', millis);
    pair(text, b" retrans:", flow[25], info[11], b'/', decimal);
    if flow[22] != 0 {
        text.extend_from_slice(b" app_limited");
    }
    text.push(b'\n');
}

/// What is on or off.
const FLAGS: &[(usize, Name)] = &[
    (1, Name::of(" ts")),
    (2, Name::of(" sack")),
    (3, Name::of(" ecn")),
    (4, Name::of(" ecnseen")),
    (5, Name::of(" fastopen")),
];

/// In a block, see [`block`].
struct Name {
    bytes: [u8; LONGEST_NAME],
    length: usize,
}

impl Name {
    const fn of(name: &str) -> Self {
        let mut bytes = [0; LONGEST_NAME];
        // A longer one does not compile.
        bytes.split_at_mut(name.len()).0.copy_from_slice(name.as_bytes());
        Self { bytes, length: name.len() }
    }

    #[inline]
    fn append(&self, text: &mut Vec<u8>) {
        block(text, &self.bytes, self.length);
    }
}

const LONGEST_NAME: usize = 16;

fn one(text: &mut Vec<u8>, name: &Name, value: u64, write: impl FnOnce(&mut Vec<u8>, u64)) {
    if value != 0 {
        name.append(text);
        write(text, value);
    }
}

fn pair(text: &mut Vec<u8>, name: &[u8], first: u64, second: u64, between: u8, write: impl Fn(&mut Vec<u8>, u64)) {
    if first != 0 || second != 0 {
        text.extend_from_slice(name);
        write(text, first);
        text.push(between);
        write(text, second);
    }
}
