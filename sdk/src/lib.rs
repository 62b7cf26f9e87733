//! Write a check for sonde in Rust.
//!
//! A check is a WebAssembly component: it describes itself, asks the host to make timed observations of the network, and
//! reports findings that cite them. The smallest complete one (`tests/guests/hello` builds it):
//!
//! ```
//! use sonde_sdk::prelude::*;
//!
//! struct Hello;
//!
//! impl Check for Hello {
//!     fn describe() -> Manifest {
//!         Manifest::new("hello", env!("CARGO_PKG_VERSION"), "Opens a TCP connection to the target.").serving([TargetKind::Tcp])
//!     }
//!
//!     async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
//!         let Some(endpoint) = target.endpoints().next() else { return Ok(Outcome::skipped("no address to dial")) };
//!         let dial = dial::tcp(dial::TcpRequest::to(endpoint.clone()).within(budget.probe_timeout())).await;
//!         let Err(failure) = &dial.outcome else { return Ok(Outcome::works(format!("{endpoint} accepts connections"))) };
//!         finding::supports("vendor.hello.unreachable").proof().about(&endpoint).because(&failure.detail).citing([dial.evidence]).report();
//!         Ok(Outcome::broken(format!("{endpoint}: {}", failure.detail)))
//!     }
//! }
//!
//! sonde_sdk::export!(Hello);
//! ```
//!
//! Its `Cargo.toml` needs `[lib] crate-type = ["cdylib"]` and this crate; `cargo build --target wasm32-wasip2 --release` makes
//! the component, and `sonde check run target/wasm32-wasip2/release/hello.wasm TARGET` runs it.
//!
//! What to know:
//! - One module per interface of the contract: [`dns`], [`dial`], [`path`], [`history`], [`sockets`], [`system`], [`report`], [`log`],
//!   [`timer`]; [`types`] and [`connection`] hold the records that they share. A failure of the network is data in the answer;
//!   a host call never ends the check.
//! - Host calls are futures. [`wait`] joins, races and times them out; dropping one cancels it at the host at once. The host
//!   takes a few dozen at a time.
//! - Gather first, then judge: put the judgement into a function of plain data that returns a [`judgement`], and test it natively
//!   with [`testkit`]. Outside of a host the functions that call one panic.
//! - A panic is logged with its place before the guest ends.

pub mod arguments;
pub mod bindings;
mod bounds;
pub mod check;
pub mod connection;
pub mod date;
pub mod deadline;
pub mod dial;
pub mod dns;
pub mod finding;
pub mod grpc;
pub mod history;
pub mod judgement;
pub mod location;
pub mod log;
pub mod path;
pub mod proxy;
pub mod report;
pub mod sockets;
pub mod system;
pub mod testkit;
pub mod timer;
pub mod types;
pub mod wait;
pub mod way;

#[doc(hidden)]
pub mod adapter;

/// What nearly every check names.
pub mod prelude {
    pub use crate::arguments::Arguments;
    pub use crate::check::{
        Budget, Check, Conclusion, CostClass, Manifest, Outcome, Parameter, ParameterType, Target, TargetKind,
    };
    pub use crate::types::{
        Counter, CounterDeltas, Endpoint, EvidenceId, Failure, IcmpError, Measure, Period, Phase, Reason, Timing,
    };
    pub use crate::{dial, dns, finding, history, log, path, report, sockets, system, timer, wait, way};
}

/// Makes a type that implements [`check::Check`] the check of this component.
///
/// Outside of wasm32 it only verifies that the type is one, so that the crate's tests run natively.
#[macro_export]
macro_rules! export {
    ($check:ty) => {
        const _: () = {
            type Exported = $crate::adapter::Adapter<$check>;
            const fn is_a_check<C: $crate::check::Check>() {}
            is_a_check::<$check>();
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export_guest!(Exported with_types_in $crate::bindings);
            #[cfg(not(target_arch = "wasm32"))]
            let _ = ::core::marker::PhantomData::<Exported>;
        };
    };
}
