//! The way to a destination: how far packets come, how large they may be, how many return.
//!
//! No measurement here needs a service that answers. A trace and a ladder need no privilege, where an ordinary socket's error
//! queue shows what routers say; echo takes a ping socket or a raw one.

mod echo;
pub mod icmp;
mod path_mtu;
mod trace;

pub use self::echo::echo;
pub use self::path_mtu::path_mtu;
pub use self::trace::trace;
