//! The connected UDP socket of one server, and what it says next.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use sonde_core::observation::Phase;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::error_queue;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// MAXPACKET.
const LONGEST: usize = 65_536;

/// What a socket says next.
pub(super) enum Event {
    Datagram(Vec<u8>),
    /// The time of the turn is over.
    Late,
    /// The socket is of no more use.
    Failed(io::Error),
}

pub(super) async fn next(socket: &UdpSocket, finish: Instant) -> Event {
    let mut buffer = vec![0; LONGEST];
    loop {
        let ready = match tokio::time::timeout_at(finish, socket.ready(Interest::READABLE | Interest::ERROR)).await {
            Err(_) => return Event::Late,
            Ok(Err(error)) => return Event::Failed(error),
            Ok(Ok(ready)) => ready,
        };
        // `try_io` takes one interest at a time, and clears that one when there is nothing to receive.
        let which = if ready.is_error() { Interest::ERROR } else { Interest::READABLE };
        let flags = rustix::net::RecvFlags::DONTWAIT;
        match socket.try_io(which, || Ok(rustix::net::recv(socket, &mut buffer[..], flags)?.0)) {
            // An empty datagram ends the turn as an error does.
            Ok(0) => return Event::Failed(io::Error::new(io::ErrorKind::UnexpectedEof, "an empty datagram came")),
            Ok(length) => {
                buffer.truncate(length);
                return Event::Datagram(buffer);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Event::Failed(error),
        }
    }
}

pub(super) fn open(vantage: &Vantage, server: SocketAddr) -> Result<UdpSocket, Fault> {
    let open = move || {
        let failed = |doing: &str, error: io::Error| Fault::os(Phase::Socket, doing, &error);
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(server), kind, Some(Protocol::UDP))
            .map_err(|error| failed("open a UDP socket", error))?;
        error_queue::enable(&socket, server.ip()).map_err(|error| failed("ask for ICMP errors", error))?;
        socket
            .connect(&SockAddr::from(server))
            .map_err(|error| Fault::os(Phase::Connect, &format!("route a query to {server}"), &error))?;
        Ok(socket)
    };
    let socket = vantage.within(open).map_err(|error| Fault::os(Phase::Socket, "enter the vantage", &error))??;
    UdpSocket::from_std(socket.into()).map_err(|error| Fault::os(Phase::Socket, "register the socket", &error))
}
