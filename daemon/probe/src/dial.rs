//! Timed connections: TCP, TLS, HTTP; and datagrams that are answered.
//!
//! Every dial opens a connection of its own inside the vantage and closes it; nothing is pooled, resumed or retried. Dropping
//! the future of a dial closes its socket at once.

mod connect;
mod http;
pub(crate) mod info;
pub(crate) mod messages;
mod open;
mod series;
mod stopwatch;
mod tap;
mod tape;
mod tcp;
mod tls;
pub(crate) mod udp;

pub(crate) use self::connect::{Dialled, connect, endpoint, target};
pub(crate) use self::http::{Driver, explain};
pub use self::http::{http, read_http2_frames, read_tunnel_answer};
pub(crate) use self::open::Options;
pub use self::series::tcp_repeat;
pub(crate) use self::tape::Lent;
pub use self::tcp::tcp;
pub use self::tls::{
    HelloAnswer, StarttlsStep, crypto_provider, judge_staple, read_hello_answer, starttls_step, tls, tls_hello,
};
pub(crate) use self::tls::{Negotiated, Recording, Settings, Stream, farewell, fault_of, shake};
pub use self::udp::udp;
pub use crate::error_queue::parse as parse_error_queue;
