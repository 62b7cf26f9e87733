//! What requests have in common: a timeout, of a series how many there are and how far apart, and of sockets which.

use std::time::Duration;

use crate::dial::{HttpRequest, TcpRequest, TcpSeriesRequest, TlsHelloRequest, TlsRequest, UdpRequest};
use crate::dns::{Query, ResolveRequest, WalkRequest};
use crate::history::GroupFilter;
use crate::path::{EchoRequest, PathMtuRequest, TraceRequest};
use crate::sockets::CensusFilter;
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

macro_rules! filtered {
    ($($filter:ty),+ $(,)?) => {$(
        impl $filter {
            /// Those in one of these states, as in ss: `ESTAB`, `TIME-WAIT`.
            #[must_use]
            pub fn in_states<'a>(mut self, states: impl IntoIterator<Item = &'a str>) -> Self {
                self.states.extend(states.into_iter().map(str::to_owned));
                self
            }

            /// Those of this local port.
            #[must_use]
            pub fn local_port(mut self, port: u16) -> Self {
                self.local_port = Some(port);
                self
            }
        }
    )+};
}

filtered!(CensusFilter, GroupFilter);
