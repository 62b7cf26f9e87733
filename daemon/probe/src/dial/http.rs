//! `dial.http`.
use sonde_core::observation::dial::{HttpExchange, HttpRequest};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// One HTTP/1.1 request on a connection of its own.
pub async fn http(_vantage: &Vantage, _clock: &RunClock, _request: &HttpRequest) -> HttpExchange {
    unimplemented!()
}
