//! Go's connections to a server, opened inside the vantage: a connected UDP socket or a TCP stream.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};

use super::message::DATAGRAM_BYTES;
use crate::vantage::Vantage;

/// A connection whose outcome may still be open.
pub(super) struct Dialled(Channel);

/// An established one.
pub(super) enum Channel {
    Datagram(UdpSocket),
    Stream(TcpStream),
}

impl Dialled {
    /// The error comes with the system call that failed.
    pub(super) fn open(vantage: &Vantage, server: SocketAddr, tcp: bool) -> Result<Self, (&'static str, io::Error)> {
        let opened = vantage.within(move || {
            let (kind, protocol) = if tcp { (Type::STREAM, Protocol::TCP) } else { (Type::DGRAM, Protocol::UDP) };
            let socket = Socket::new(Domain::for_address(server), kind.nonblocking().cloexec(), Some(protocol))
                .map_err(|error| ("socket", error))?;
            match socket.connect(&SockAddr::from(server)) {
                Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(("connect", error)),
                _ => Ok(socket),
            }
        });
        let socket = opened.map_err(|error| ("socket", error))??;
        let channel = if tcp {
            TcpStream::from_std(socket.into()).map(Channel::Stream)
        } else {
            UdpSocket::from_std(socket.into()).map(Channel::Datagram)
        };
        channel.map(Self).map_err(|error| ("socket", error))
    }

    /// Once it is established: the connection and its own address.
    pub(super) async fn established(self) -> io::Result<(Channel, SocketAddr)> {
        let local = match &self.0 {
            Channel::Datagram(socket) => socket.local_addr()?,
            Channel::Stream(stream) => {
                stream.writable().await?;
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
                stream.local_addr()?
            }
        };
        Ok((self.0, local))
    }
}

impl Channel {
    pub(super) fn is_datagram(&self) -> bool {
        matches!(self, Self::Datagram(_))
    }

    /// A message, on a stream with its length before it.
    pub(super) async fn write(&self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Datagram(socket) => socket.send(message).await.map(drop),
            Self::Stream(stream) => {
                let length = u16::try_from(message.len()).map_err(io::Error::other)?;
                let framed = [&length.to_be_bytes(), message].concat();
                let mut rest = framed.as_slice();
                while !rest.is_empty() {
                    stream.writable().await?;
                    match stream.try_write(rest) {
                        Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        }
    }

    /// The next message; of a datagram no more than was announced. The end of a stream is `UnexpectedEof`, within a message
    /// with the text [`WITHIN`].
    pub(super) async fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Datagram(socket) => datagram(socket).await,
            Self::Stream(stream) => {
                let length = fill(stream, 2).await?;
                let length = length.first_chunk().copied().map_or(0, u16::from_be_bytes);
                fill(stream, length.into()).await
            }
        }
    }
}

async fn datagram(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; DATAGRAM_BYTES.into()];
    loop {
        // An ICMP error makes the socket erroneous without making it readable.
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
        let which = if ready.is_error() { Interest::ERROR } else { Interest::READABLE };
        let flags = rustix::net::RecvFlags::DONTWAIT;
        match socket.try_io(which, || Ok(rustix::net::recv(socket, &mut buffer[..], flags)?.0)) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// `io.ReadFull`.
async fn fill(stream: &TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; count];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        stream.readable().await?;
        match stream.try_read(rest) {
            Ok(0) if filled == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, WITHIN)),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer)
}

/// Some of what was to be read had come.
pub(super) const WITHIN: &str = "unexpected end of a message";
