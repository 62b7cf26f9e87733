//! Timed connections: `tcp`, `tls`, `http`. Wall times, with the kernel's own figures beside them.

mod alert;
pub mod experience;
mod http;
mod path;
mod secure;
mod tcp;
mod udp;

use std::time::Duration;

pub use self::alert::alert_name;
pub use crate::bindings::sonde::check::dial::{
    BodyEnd, BodyFraming, Certificate, Closing, Connection, GoAway, Http2Facts, HttpExchange, HttpPhases, HttpProtocol,
    HttpRequest, HttpResponse, HttpSequel, IdleClose, Keepalive, KeyShare, OcspStaple, OcspStatus, PhaseInfo,
    ServerHello, Spread, Stamp, Starttls, StarttlsExchange, StreamReset, TcpAttempt, TcpDial, TcpFailureGroup, TcpInfo,
    TcpRequest, TcpSeries, TcpSeriesRequest, TlsDial, TlsHelloDial, TlsHelloRequest, TlsRequest, TlsSession,
    TlsVersion, Verification, VerificationProblem, http, tcp, tcp_repeat, tls, tls_hello,
};
pub use crate::bindings::sonde::check::dial::{
    EchoRequest, EchoResult, Hop, HopProbe, MtuConclusion, MtuMethod, PathMtuRequest, PathMtuResult, ProbeAnswer,
    Reply, RoundTrips, Rung, RungOutcome, TraceRequest, TraceResult, TraceTransport, UdpDial, UdpRequest, echo,
    path_mtu, trace, udp,
};

/// Of a request that names none: the bound of one probe, as the host hands it out by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(3500);

impl Connection {
    /// The kernel's smoothed round trip; none where the SYN was retransmitted, which spoils it.
    pub fn rtt(&self) -> Option<Duration> {
        let info = self.info.as_ref().filter(|i| self.syn_retransmits == 0 && i.rtt_us > 0)?;
        Some(Duration::from_micros(info.rtt_us.into()))
    }

    /// The kernel's smallest round trip.
    pub fn min_rtt(&self) -> Option<Duration> {
        let info = self.info.as_ref().filter(|i| i.min_rtt_us > 0 && i.min_rtt_us != u32::MAX)?;
        Some(Duration::from_micros(info.min_rtt_us.into()))
    }
}
