//! `dial.tls`.
use sonde_core::observation::dial::{TlsDial, TlsRequest};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// Opens a TCP connection and shakes hands; verification is separate and never ends the handshake.
pub async fn tls(_vantage: &Vantage, _clock: &RunClock, _request: &TlsRequest) -> TlsDial {
    unimplemented!()
}
