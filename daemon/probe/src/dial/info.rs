//! `TCP_INFO` of a socket of our own.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use sonde_core::observation::connection::TcpInfo;

use crate::sockets::state_name;
use crate::tcp_info::TcpInfoFields;

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
    let info = TcpInfoFields::parse(bytes);
    let micros = |micros: u32| Duration::from_micros(micros.into());
    TcpInfo {
        state: state_name(info.state).into(),
        retransmits: info.retransmits,
        backoff: info.backoff,
        snd_mss: info.snd_mss,
        rcv_mss: info.rcv_mss,
        unacked: info.unacked,
        lost: info.lost,
        last_ack_received: Duration::from_millis(info.last_ack_received_ms().into()),
        pmtu: info.pmtu,
        rtt: micros(info.rtt_us),
        rtt_variance: micros(info.rttvar_us),
        total_retransmits: info.total_retrans,
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        notsent_bytes: info.notsent_bytes,
        min_rtt: micros(info.smallest_rtt_us()),
        busy: Duration::from_micros(info.busy_time_us),
        rwnd_limited: Duration::from_micros(info.rwnd_limited_us),
        bytes_sent: info.bytes_sent,
        bytes_retransmitted: info.bytes_retrans,
        snd_wnd: info.snd_wnd,
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
        assert_eq!((info.state.as_ref(), info.bytes_sent, info.bytes_received), ("ESTAB", 1000, 10));
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
        assert_eq!((info.state.as_ref(), info.last_ack_received), ("UNCONN", Duration::ZERO));
    }

    #[test]
    fn the_struct_of_an_old_kernel_is_zero_where_it_ends() {
        let mut bytes = vec![0_u8; 104];
        bytes[0] = 2;
        bytes[100] = 3;
        let info = parse(&bytes);
        assert_eq!((info.state.as_ref(), info.total_retransmits, info.bytes_sent), ("SYN-SENT", 3, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
