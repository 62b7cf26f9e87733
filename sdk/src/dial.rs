//! Timed connections: `tcp`, `tls`, `http`, and datagrams: `udp`. Wall times, with the kernel's own figures beside them.

mod alert;
mod dialler;
pub mod experience;
mod http;
mod secure;
pub mod selection;
mod tcp;
mod udp;

use std::time::Duration;

pub use self::alert::alert_name;
pub use self::dialler::Dialler;
pub use crate::bindings::sonde::check::dial::{
    BodyEnd, BodyFraming, Closing, GoAway, Http2Facts, HttpExchange, HttpPhases, HttpProtocol, HttpRequest,
    HttpResponse, HttpSequel, IdleClose, Keepalive, KeyShare, ServerHello, Spread, Starttls, StarttlsExchange,
    StreamReset, TcpAttempt, TcpDial, TcpFailureGroup, TcpRequest, TcpSeries, TcpSeriesRequest, TlsDial, TlsHelloDial,
    TlsHelloRequest, TlsRequest, TlsVersion, UdpDial, UdpRequest, http, tcp, tcp_repeat, tls, tls_hello, udp,
};

/// Of a request that names none: the bound of one probe, as the host hands it out by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(3500);
