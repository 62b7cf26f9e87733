//! musl's sockets, opened inside the vantage: one unconnected UDP socket for all servers, and TCP streams.
//!
//! Unconnected, so no ICMP error ever reaches the resolver: a server that refuses is as silent as a dead one.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use sonde_core::observation::Phase;
use sonde_core::observation::dns::Nameserver;
use tokio::net::{TcpStream, UdpSocket};

use super::index_of_interface;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Where datagrams for the servers are sent from, and their addresses as this socket knows them.
pub(super) struct Datagrams {
    socket: UdpSocket,
    pub(super) servers: Vec<SocketAddr>,
}

impl Datagrams {
    /// With one IPv6 server among them, the socket is an IPv6 one and the others are IPv4-mapped. The inner error is
    /// `EAI_SYSTEM`.
    pub(super) fn open(vantage: &Vantage, nameservers: &[Nameserver]) -> Result<io::Result<Self>, Fault> {
        let nameservers = nameservers.to_vec();
        let opened = vantage
            .within(move || {
                let plain: Vec<SocketAddr> = nameservers.iter().map(address).collect();
                let six = plain.iter().any(SocketAddr::is_ipv6);
                let servers = plain.into_iter().map(|server| if six { mapped(server) } else { server }).collect();
                bound(six).map(|socket| (socket, servers))
            })
            .map_err(|error| Fault::os(Phase::Socket, "enter the vantage", &error))?;
        let (socket, servers) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        Ok(UdpSocket::from_std(socket.into()).map(|socket| Self { socket, servers }))
    }

    /// Past the runtime's readiness: a full socket buffer loses the datagram, as for musl.
    pub(super) fn send(&self, message: &[u8], server: SocketAddr) -> Result<(), Fault> {
        let sent = SockRef::from(&self.socket).send_to(message, &SockAddr::from(server));
        sent.map(drop).map_err(|error| Fault::os(Phase::Send, &format!("send a query to {server}"), &error))
    }

    /// Until something can be received.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// The next datagram, if one is there: its whole length and its sender. What does not fit into the buffer is lost.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_recv_from(buffer)
    }
}

fn bound(six: bool) -> io::Result<Socket> {
    let domain = if six { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    let any: SocketAddr = if six {
        // Its failure is ignored by the original, too.
        socket.set_only_v6(false).unwrap_or_default();
        (Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    };
    socket.bind(&SockAddr::from(any))?;
    Ok(socket)
}

/// Inside the vantage: a zone is an index or an interface's name.
fn address(server: &Nameserver) -> SocketAddr {
    match (server.address, server.scope.as_deref()) {
        (std::net::IpAddr::V6(address), Some(zone)) => {
            let index = zone.parse().ok().or_else(|| index_of_interface(zone)).unwrap_or_default();
            SocketAddrV6::new(address, server.port, 0, index).into()
        }
        (address, _) => (address, server.port).into(),
    }
}

fn mapped(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(four) => (four.ip().to_ipv6_mapped(), four.port()).into(),
        SocketAddr::V6(_) => server,
    }
}

/// Begins to connect; the outcome comes with writability. What fails at once is told apart, as musl does.
pub(super) fn begin_stream(vantage: &Vantage, server: SocketAddr) -> Result<TcpStream, Fault> {
    let server = match server {
        SocketAddr::V6(six) => six.ip().to_ipv4_mapped().map_or(server, |four| (four, six.port()).into()),
        SocketAddr::V4(_) => server,
    };
    let begun = vantage
        .within(move || {
            let kind = Type::STREAM.nonblocking().cloexec();
            let socket = Socket::new(Domain::for_address(server), kind, Some(Protocol::TCP))?;
            match socket.connect(&SockAddr::from(server)) {
                Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
                _ => Ok(socket),
            }
        })
        .flatten();
    let stream = begun.and_then(|socket| TcpStream::from_std(socket.into()));
    stream.map_err(|error| Fault::os(Phase::Connect, &format!("connect to {server}"), &error))
}
