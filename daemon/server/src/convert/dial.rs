//! Messages of the interface `dial`.

mod http;
mod tcp;
mod tls;
mod udp;

pub(super) use self::http::http;
pub(super) use self::tcp::{series, tcp};
pub(super) use self::tls::{hello, tls};
pub(super) use self::udp::udp;
