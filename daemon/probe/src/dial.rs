//! Timed connections: TCP, TLS, HTTP.

use sonde_core::observation::dial::{HttpExchange, HttpRequest, TcpDial, TcpRequest, TlsDial, TlsRequest};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// Opens one TCP connection and closes it.
pub async fn tcp(_vantage: &Vantage, _clock: &RunClock, _request: &TcpRequest) -> TcpDial {
    unimplemented!()
}

/// Opens a TCP connection and shakes hands; verification is separate and never ends the handshake.
pub async fn tls(_vantage: &Vantage, _clock: &RunClock, _request: &TlsRequest) -> TlsDial {
    unimplemented!()
}

/// One HTTP/1.1 request on a connection of its own.
pub async fn http(_vantage: &Vantage, _clock: &RunClock, _request: &HttpRequest) -> HttpExchange {
    unimplemented!()
}
