//! struct `tcp_info` of linux/tcp.h by offsets, as `getsockopt(TCP_INFO)` and `sock_diag` hand it out: plain numbers, no allocation.
//!
//! Older kernels hand out a shorter one: what it lacks is zero. Linux 6.18 has 280 bytes.

/// The fields, in the kernel's units: times in microseconds where the name says so, else in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of struct tcp_info, by their names without `tcpi_`")]
pub struct TcpInfoFields {
    pub state: u8,
    pub ca_state: u8,
    pub retransmits: u8,
    pub backoff: u8,
    /// `TCPI_OPT_*`.
    pub options: u8,
    pub snd_wscale: u8,
    pub rcv_wscale: u8,
    pub app_limited: bool,
    pub rto_us: u32,
    pub ato_us: u32,
    pub snd_mss: u32,
    pub rcv_mss: u32,
    pub unacked: u32,
    pub sacked: u32,
    pub lost: u32,
    pub retrans: u32,
    pub last_data_sent_ms: u32,
    pub last_data_recv_ms: u32,
    pub last_ack_recv_ms: u32,
    pub pmtu: u32,
    pub rcv_ssthresh: u32,
    pub rtt_us: u32,
    pub rttvar_us: u32,
    /// `TCP_INFINITE_SSTHRESH` (0x7fffffff) until it is set.
    pub snd_ssthresh: u32,
    pub snd_cwnd: u32,
    pub advmss: u32,
    pub reordering: u32,
    pub rcv_rtt_us: u32,
    pub rcv_space: u32,
    pub total_retrans: u32,
    /// ~0 where there is none.
    pub pacing_rate: u64,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub segs_out: u32,
    pub segs_in: u32,
    pub notsent_bytes: u32,
    /// ~0 until the first sample.
    pub min_rtt_us: u32,
    pub data_segs_in: u32,
    pub data_segs_out: u32,
    pub delivery_rate: u64,
    pub busy_time_us: u64,
    pub rwnd_limited_us: u64,
    pub sndbuf_limited_us: u64,
    pub delivered: u32,
    pub bytes_sent: u64,
    pub bytes_retrans: u64,
    pub dsack_dups: u32,
    pub reord_seen: u32,
    pub rcv_ooopack: u32,
    pub snd_wnd: u32,
    pub rcv_wnd: u32,
}

/// What every kernel since 6.2 hands out at least; anything shorter is copied into as many zeros first.
const WHOLE: usize = 240;

/// Of `net/tcp_states.h`.
const LISTEN: u8 = 10;

impl TcpInfoFields {
    /// Never panics, whatever the bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Self {
        if let Some(whole) = bytes.first_chunk::<WHOLE>() {
            return Self::whole(whole);
        }
        let mut padded = [0; WHOLE];
        if let Some(start) = padded.get_mut(..bytes.len()) {
            start.copy_from_slice(bytes);
        }
        Self::whole(&padded)
    }

    fn whole(bytes: &[u8; WHOLE]) -> Self {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| {
            let (low, high) = (u64::from(word(at)), u64::from(word(at + 4)));
            if cfg!(target_endian = "little") { low | high << 32 } else { low << 32 | high }
        };
        // A bit field: its order is that of the bytes.
        let (first, second) = (bytes[6] & 0xf, bytes[6] >> 4);
        let (snd_wscale, rcv_wscale) = if cfg!(target_endian = "little") { (first, second) } else { (second, first) };
        let state = bytes[0];
        // Of a listener these are its queue and the limit of that (`tcp_get_info` of net/ipv4/tcp.c), which have columns of their own.
        let segments = |at: usize| if state == LISTEN { 0 } else { word(at) };
        let app_limited = if cfg!(target_endian = "little") { bytes[7] & 1 != 0 } else { bytes[7] & 0x80 != 0 };
        Self {
            state,
            ca_state: bytes[1],
            retransmits: bytes[2],
            backoff: bytes[4],
            options: bytes[5],
            snd_wscale,
            rcv_wscale,
            app_limited,
            rto_us: word(8),
            ato_us: word(12),
            snd_mss: word(16),
            rcv_mss: word(20),
            unacked: segments(24),
            sacked: segments(28),
            lost: word(32),
            retrans: word(36),
            last_data_sent_ms: word(44),
            last_data_recv_ms: word(52),
            last_ack_recv_ms: word(56),
            pmtu: word(60),
            rcv_ssthresh: word(64),
            rtt_us: word(68),
            rttvar_us: word(72),
            snd_ssthresh: word(76),
            snd_cwnd: word(80),
            advmss: word(84),
            reordering: word(88),
            rcv_rtt_us: word(92),
            rcv_space: word(96),
            total_retrans: word(100),
            pacing_rate: long(104),
            bytes_acked: long(120),
            bytes_received: long(128),
            segs_out: word(136),
            segs_in: word(140),
            notsent_bytes: word(144),
            min_rtt_us: word(148),
            data_segs_in: word(152),
            data_segs_out: word(156),
            delivery_rate: long(160),
            busy_time_us: long(168),
            rwnd_limited_us: long(176),
            sndbuf_limited_us: long(184),
            delivered: word(192),
            bytes_sent: long(200),
            bytes_retrans: long(208),
            dsack_dups: word(216),
            reord_seen: word(220),
            rcv_ooopack: word(224),
            snd_wnd: word(228),
            rcv_wnd: word(232),
        }
    }

    /// Since an acknowledgement came: the kernel counts from the machine's boot until one did, and the first, of our SYN, counts
    /// as one byte.
    pub fn last_ack_received_ms(&self) -> u32 {
        if self.bytes_acked == 0 { 0 } else { self.last_ack_recv_ms }
    }

    /// The smallest round trip; 0 until there is a sample.
    pub fn smallest_rtt_us(&self) -> u32 {
        if self.min_rtt_us == u32::MAX { 0 } else { self.min_rtt_us }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_offsets_agree_with_libc() {
        use std::mem::offset_of;
        let mut bytes = [0; WHOLE];
        for (at, byte) in (1_u8..).zip([
            offset_of!(libc::tcp_info, tcpi_rto),
            offset_of!(libc::tcp_info, tcpi_ato),
            offset_of!(libc::tcp_info, tcpi_sacked),
            offset_of!(libc::tcp_info, tcpi_retrans),
            offset_of!(libc::tcp_info, tcpi_last_data_sent),
            offset_of!(libc::tcp_info, tcpi_last_data_recv),
            offset_of!(libc::tcp_info, tcpi_rcv_ssthresh),
            offset_of!(libc::tcp_info, tcpi_snd_ssthresh),
            offset_of!(libc::tcp_info, tcpi_snd_cwnd),
            offset_of!(libc::tcp_info, tcpi_advmss),
            offset_of!(libc::tcp_info, tcpi_reordering),
            offset_of!(libc::tcp_info, tcpi_rcv_rtt),
            offset_of!(libc::tcp_info, tcpi_rcv_space),
            offset_of!(libc::tcp_info, tcpi_total_retrans),
        ]) {
            bytes[byte..byte + 4].copy_from_slice(&u32::from(at).to_ne_bytes());
        }
        let info = TcpInfoFields::parse(&bytes);
        let found = [
            info.rto_us,
            info.ato_us,
            info.sacked,
            info.retrans,
            info.last_data_sent_ms,
            info.last_data_recv_ms,
            info.rcv_ssthresh,
            info.snd_ssthresh,
            info.snd_cwnd,
            info.advmss,
            info.reordering,
            info.rcv_rtt_us,
            info.rcv_space,
            info.total_retrans,
        ];
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            TcpInfoFields::parse(&bytes);
        }
    }
}
