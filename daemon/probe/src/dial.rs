//! Timed connections: TCP, TLS, HTTP.
//!
//! Every dial opens a connection of its own inside the vantage and closes it; nothing is pooled, resumed or retried. Dropping
//! the future of a dial closes its socket at once.

mod connect;
mod http;
mod info;
mod open;
mod series;
mod stopwatch;
mod tape;
mod tcp;
mod tls;

pub(crate) use self::connect::{Dialled, connect, endpoint, target};
pub use self::http::http;
pub(crate) use self::open::Options;
pub use self::series::tcp_repeat;
pub(crate) use self::tape::Lent;
pub use self::tcp::tcp;
pub use self::tls::tls;
pub(crate) use self::tls::{Negotiated, Recording, Settings, Stream, farewell, fault_of, shake};
pub use crate::error_queue::parse as parse_error_queue;
