//! Records of the interface `dial`.

mod http;
mod series;
mod tcp;
mod tls;
pub mod udp;

use serde::{Deserialize, Serialize};

pub use self::http::{
    BodyEnd, BodyFraming, GoAway, Http2Facts, HttpExchange, HttpPhases, HttpProtocol, HttpRequest, HttpResponse,
    HttpSequel, IdleClose, Property, StreamReset,
};
pub use self::series::{MOST_FAILURE_GROUPS, SeriesRequest, Spread, TcpAttempt, TcpFailureGroup, TcpSeries};
pub use self::tcp::{Closing, Keepalive, TcpRequest};
pub use self::tls::{
    KeyShare, ServerHello, Starttls, StarttlsExchange, TlsDial, TlsHelloDial, TlsHelloRequest, TlsRequest, TlsVersion,
};
use super::connection::Connection;
use super::{CounterDeltas, Failure, Timing};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpDial {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// Connected, or why not.
    pub outcome: Result<(), Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}
