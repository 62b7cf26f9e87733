//! Peers that misbehave on purpose, each on a thread of its own and an ephemeral port of loopback.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use sonde_core::observation::Endpoint;
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Long enough that a test which needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn here() -> (Vantage, RunClock) {
    (Vantage::open(&Selector::Own).unwrap(), RunClock::start())
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address: address.ip(), port: address.port() }
}

/// Serves every connection with `serve`.
pub(crate) fn tcp(serve: impl Fn(TcpStream) + Send + 'static) -> Endpoint {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            serve(stream);
        }
    });
    endpoint(address)
}

/// Reads something, writes `answer`, closes.
pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Endpoint {
    let answer = answer.into();
    tcp(move |mut stream| {
        let mut buffer = [0; 4096];
        drop(stream.read(&mut buffer));
        drop(stream.write_all(&answer));
    })
}

/// Reads something, writes `answer`, says that this is all, and reads on, so that the client never sees a reset.
pub(crate) fn finishing(answer: impl Into<Vec<u8>>) -> Endpoint {
    let answer = answer.into();
    tcp(move |mut stream| {
        let mut buffer = [0; 4096];
        drop(stream.read(&mut buffer));
        drop(stream.write_all(&answer));
        drop(stream.shutdown(std::net::Shutdown::Write));
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    })
}

/// Accepts and stays silent until the client goes.
pub(crate) fn silent() -> Endpoint {
    tcp(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {})
}

/// Reads something, then resets.
pub(crate) fn resetting() -> Endpoint {
    tcp(|mut stream| {
        drop(stream.read(&mut [0; 4096]));
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
}

/// A port of loopback at which nothing listens.
pub(crate) fn closed() -> Endpoint {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    endpoint(listener.local_addr().unwrap())
}

/// Answers every datagram with what `answer` makes of it, in order.
pub(crate) fn udp(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Endpoint {
    udp_from(move |question, _| answer(question))
}

/// As [`udp`], knowing who asks.
pub(crate) fn udp_from(answer: impl Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static) -> Endpoint {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            for datagram in answer(&buffer[..length], peer) {
                socket.send_to(&datagram, peer).unwrap();
            }
        }
    });
    endpoint(address)
}

pub(crate) fn localhost() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}
