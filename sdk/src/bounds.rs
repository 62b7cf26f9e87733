//! What requests have in common: a timeout, and of a series how many there are and how far apart.

use std::time::Duration;

use crate::dial::{HttpRequest, TcpRequest, TcpSeriesRequest, TlsHelloRequest, TlsRequest, UdpRequest};
use crate::dns::{Query, ResolveRequest, WalkRequest};
use crate::path::{EchoRequest, PathMtuRequest, TraceRequest};
use crate::wait::microseconds;

macro_rules! bounded {
    ($($(#[$what:meta])+ $request:ty;)+) => {$(
        impl $request {
            $(#[$what])+
            #[must_use]
            pub fn within(mut self, timeout: Duration) -> Self {
                self.timeout_us = microseconds(timeout);
                self
            }
        }
    )+};
}

bounded! {
    /// Its timeout.
    EchoRequest;
    /// Its timeout.
    HttpRequest;
    /// Its timeout.
    PathMtuRequest;
    /// Its timeout.
    Query;
    /// Where it is cut off.
    ResolveRequest;
    /// Its timeout.
    TcpRequest;
    /// Bound of the whole series; without one it may take what is left of the run.
    TcpSeriesRequest;
    /// Its timeout.
    TlsHelloRequest;
    /// Its timeout.
    TlsRequest;
    /// Its timeout.
    TraceRequest;
    /// Its timeout.
    UdpRequest;
    /// The timeout of the whole walk.
    WalkRequest;
}

macro_rules! paced {
    ($($(#[$what:meta])+ $request:ty;)+) => {$(
        impl $request {
            $(#[$what])+
            #[must_use]
            pub fn every(mut self, interval: Duration) -> Self {
                self.interval_us = microseconds(interval);
                self
            }
        }
    )+};
}

paced! {
    /// From one request to the next.
    EchoRequest;
    /// From the begin of one attempt to the begin of the next.
    TcpSeriesRequest;
    /// From one datagram to the next.
    UdpRequest;
}

macro_rules! counted {
    ($($(#[$what:meta])+ $request:ty;)+) => {$(
        impl $request {
            $(#[$what])+
            #[must_use]
            pub fn times(mut self, count: u16) -> Self {
                self.count = count;
                self
            }
        }
    )+};
}

counted! {
    /// How many requests, from 1 to 1000.
    EchoRequest;
    /// How many at most, from 1 to 1000.
    UdpRequest;
}
