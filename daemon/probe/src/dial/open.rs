//! The begin of every TCP connection: a socket with what was asked of it, and connect(2).
//!
//! Runs inside the vantage and never waits. The handshake is timed from just before connect(2); where it ends at once
//! (loopback, a veth, a local refusal) it is timed on the same thread, less what that was switched out meanwhile.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use sonde_core::observation::dial::{Keepalive, TcpRequest};
use sonde_core::observation::{Phase, Reason};

use crate::clock::{Processor, RunClock};
use crate::error_queue;
use crate::failure::Fault;

/// What is asked of the socket; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) local_port: Option<u16>,
    pub(crate) device: Option<String>,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) segment_bytes: Option<u16>,
}

impl Options {
    /// From there and through this device only, where either is given.
    pub(crate) fn leaving(local_address: Option<IpAddr>, device: Option<&String>) -> Self {
        Self { local_address, device: device.cloned(), ..Self::default() }
    }
}

impl From<&TcpRequest> for Options {
    fn from(request: &TcpRequest) -> Self {
        Self {
            local_address: request.local_address,
            local_port: request.local_port,
            device: request.device.clone(),
            keepalive: request.keepalive,
            user_timeout: request.user_timeout,
            segment_bytes: None,
        }
    }
}

/// A connection that was begun.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    /// Just before connect(2).
    pub(crate) at: Duration,
    /// On a processor: what connect(2) waited for one is not the network's.
    pub(crate) elapsed: Duration,
    /// That wait.
    pub(crate) off_processor: Duration,
    /// The outcome, where it stood right after connect(2).
    pub(crate) outcome: Option<io::Result<()>>,
}

impl Opened {
    pub(crate) fn open(clock: &RunClock, remote: SocketAddr, options: &Options) -> Result<Self, Fault> {
        let failed = |doing: &str, error: io::Error| Fault::os(Phase::Socket, doing, &error);
        let local = local(remote, options)?;
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(remote), kind, Some(Protocol::TCP))
            .map_err(|error| failed("open a TCP socket", error))?;
        error_queue::enable(&socket, remote.ip()).map_err(|error| failed("ask for ICMP errors", error))?;
        if let Some(device) = &options.device {
            bind_device(&socket, device)?;
        }
        if let Some(keepalive) = &options.keepalive {
            socket.set_tcp_keepalive(&kernels(keepalive)).map_err(|error| failed("ask for keepalive", error))?;
        }
        if options.user_timeout.is_some() {
            socket.set_tcp_user_timeout(options.user_timeout).map_err(|error| failed("set a user timeout", error))?;
        }
        if let Some(bytes) = options.segment_bytes {
            socket.set_tcp_mss(bytes.into()).map_err(|error| failed("set the size of segments", error))?;
        }
        if let Some(local) = local {
            let shown = if local.port() == 0 { local.ip().to_string() } else { local.to_string() };
            socket.bind(&local.into()).map_err(|error| refused_bind(&shown, local, &error))?;
        }
        let remote = SockAddr::from(remote);
        let processor = Processor::since_now();
        let at = clock.now();
        let begun = socket.connect(&remote);
        let elapsed = clock.since(at).elapsed;
        let off_processor = processor.missed(elapsed);
        let outcome = match begun {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => settled(&socket),
            begun => Some(begun),
        };
        Ok(Self { socket, at, elapsed: elapsed.saturating_sub(off_processor), off_processor, outcome })
    }
}

/// The outcome of the handshake, once there is one. An entry of the error queue alone is none.
pub(crate) fn settled(socket: &Socket) -> Option<io::Result<()>> {
    match socket.take_error() {
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
        Ok(None) => {}
    }
    socket.peer_addr().is_ok().then_some(Ok(()))
}

/// Where to bind to, if anywhere. IPv4-in-IPv6 is unmapped.
fn local(remote: SocketAddr, options: &Options) -> Result<Option<SocketAddr>, Fault> {
    let port = options.local_port.unwrap_or_default();
    match (options.local_address.map(|local| local.to_canonical()), options.local_port) {
        (None, None) => Ok(None),
        (None, Some(port)) => {
            let any = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            Ok(Some(SocketAddr::new(any, port)))
        }
        (Some(local), _) if local.is_ipv4() != remote.is_ipv4() => {
            Err(Fault::invalid(format!("local address {local} towards {}: both must be of one family", remote.ip())))
        }
        (Some(local), _) => Ok(Some(SocketAddr::new(local, port))),
    }
}

/// Below Linux 5.7 it takes `CAP_NET_RAW`; a device that is not there is a wrong request.
fn bind_device(socket: &Socket, device: &str) -> Result<(), Fault> {
    let doing = format!("bind to device {device}");
    socket.bind_device(Some(device.as_bytes())).map_err(|error| {
        let reason = match error.raw_os_error() {
            Some(libc::EPERM) => Reason::Unavailable("CAP_NET_RAW".to_owned()),
            Some(libc::ENODEV) => Reason::InvalidRequest(format!("there is no device {device:?}; see the links")),
            _ => return Fault::os(Phase::Socket, &doing, &error),
        };
        Fault { reason, ..Fault::os(Phase::Socket, &doing, &error) }
    })
}

/// A port below `net.ipv4.ip_unprivileged_port_start` takes `CAP_NET_BIND_SERVICE`.
fn refused_bind(shown: &str, local: SocketAddr, error: &io::Error) -> Fault {
    let fault = Fault::os(Phase::Socket, &format!("bind to {shown}"), error);
    match error.raw_os_error() {
        Some(libc::EACCES) if local.port() != 0 => {
            Fault { reason: Reason::Unavailable("CAP_NET_BIND_SERVICE".to_owned()), ..fault }
        }
        _ => fault,
    }
}

fn kernels(keepalive: &Keepalive) -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(keepalive.idle)
        .with_interval(keepalive.interval)
        .with_retries(keepalive.probes.into())
}
