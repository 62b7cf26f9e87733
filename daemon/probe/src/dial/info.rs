//! `TCP_INFO`: struct `tcp_info` of linux/tcp.h, by offsets, because older kernels hand out a shorter one.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use sonde_core::observation::dial::TcpInfo;

/// Linux 6.18 hands out 280 bytes; later ones may grow.
const BUFFER_BYTES: usize = 512;

/// Reads it from the kernel.
pub(crate) fn read(socket: &impl AsFd) -> io::Result<TcpInfo> {
    let mut bytes = [0_u8; BUFFER_BYTES];
    let mut length = libc::socklen_t::try_from(BUFFER_BYTES).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe wrapper hands out the whole of TCP_INFO")]
    // SAFETY: the descriptor is open while borrowed; `bytes` is writable for `length` bytes; both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let filled = usize::try_from(length).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
    Ok(parse(bytes.get(..filled).unwrap_or_default()))
}

/// The fields that diagnosis uses. What a short struct lacks is zero. Never panics, whatever the bytes.
pub(crate) fn parse(bytes: &[u8]) -> TcpInfo {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let word = |at: usize| {
        let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        field.map(|field| u32::from_ne_bytes(*field)).unwrap_or_default()
    };
    let long = |at: usize| {
        let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
        field.map(|field| u64::from_ne_bytes(*field)).unwrap_or_default()
    };
    let micros = |at: usize| Duration::from_micros(word(at).into());
    TcpInfo {
        state: state(byte(0)).to_owned(),
        retransmits: byte(2),
        backoff: byte(4),
        snd_mss: word(16),
        rcv_mss: word(20),
        unacked: word(24),
        lost: word(32),
        // Counted from the machine's boot until an ACK came; the first, of our SYN, counts as one byte.
        last_ack_received: if long(120) == 0 { Duration::ZERO } else { Duration::from_millis(word(56).into()) },
        pmtu: word(60),
        rtt: micros(68),
        rtt_variance: micros(72),
        total_retransmits: word(100),
        bytes_acked: long(120),
        bytes_received: long(128),
        notsent_bytes: word(144),
        // ~0 until the first sample.
        min_rtt: if word(148) == u32::MAX { Duration::ZERO } else { micros(148) },
        busy: Duration::from_micros(long(168)),
        rwnd_limited: Duration::from_micros(long(176)),
        bytes_sent: long(200),
        bytes_retransmitted: long(208),
        snd_wnd: word(228),
    }
}

/// Names as ss prints them, by the numbers of `net/tcp_states.h`.
fn state(number: u8) -> &'static str {
    match number {
        1 => "ESTAB",
        2 => "SYN-SENT",
        3 => "SYN-RECV",
        4 => "FIN-WAIT-1",
        5 => "FIN-WAIT-2",
        6 => "TIME-WAIT",
        7 => "UNCONN",
        8 => "CLOSE-WAIT",
        9 => "LAST-ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        12 => "NEW-SYN-RECV",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_offsets_agree_with_libc() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(libc::tcp_info, tcpi_snd_mss), 16);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_unacked), 24);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_lost), 32);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_last_ack_recv), 56);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_pmtu), 60);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_rtt), 68);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_rttvar), 72);
        assert_eq!(offset_of!(libc::tcp_info, tcpi_total_retrans), 100);
    }

    #[test]
    fn a_loopback_connection_is_established_and_counts_its_bytes() {
        use std::io::{Read, Write};
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let mut client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let (mut server, _) = listener.accept().expect("accepted");
        client.write_all(&[0; 1000]).expect("sent");
        server.read_exact(&mut [0; 1000]).expect("received");
        server.write_all(&[0; 10]).expect("sent");
        client.read_exact(&mut [0; 10]).expect("received");
        let info = read(&client).expect("TCP_INFO");
        assert_eq!((info.state.as_str(), info.bytes_sent, info.bytes_received), ("ESTAB", 1000, 10));
        assert_eq!((info.bytes_acked, info.total_retransmits, info.bytes_retransmitted), (1001, 0, 0));
        assert!(info.rtt > Duration::ZERO && info.min_rtt > Duration::ZERO && info.snd_wnd > 0, "{info:?}");
        assert!(info.pmtu > 1000 && info.snd_mss > 500, "{info:?}");
    }

    #[test]
    fn a_refused_dial_has_no_last_acknowledgement() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let nobody = listener.local_addr().expect("its address");
        drop(listener);
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.connect(&nobody.into()).expect_err("nobody listens");
        let info = read(&socket).expect("TCP_INFO");
        assert_eq!((info.state.as_str(), info.last_ack_received), ("UNCONN", Duration::ZERO));
    }

    #[test]
    fn the_struct_of_an_old_kernel_is_zero_where_it_ends() {
        let mut bytes = vec![0_u8; 104];
        bytes[0] = 2;
        bytes[100] = 3;
        let info = parse(&bytes);
        assert_eq!((info.state.as_str(), info.total_retransmits, info.bytes_sent), ("SYN-SENT", 3, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
