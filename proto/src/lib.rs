//! The wire contract of sonde: generated code of `sonde.v1`, its descriptors and its canonical JSON.
//!
//! The `.proto` files beside this crate are the contract; nothing here adds meaning to them.

pub mod events;
pub mod json;
pub mod rows;
pub mod wire;

/// The messages, clients and servers of the package `sonde.v1`.
#[allow(
    missing_docs,
    unused_qualifications,
    let_underscore_drop,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    rustdoc::all,
    reason = "generated code; the .proto files document it"
)]
pub mod v1 {
    tonic::include_proto!("sonde.v1");

    pub use crate::events::{EventResponse as DiagnoseResponse, EventResponse as RunCheckResponse};
    pub use crate::rows::ListSocketsResponse;
}

/// The `google.protobuf.FileDescriptorSet` of `sonde.v1` with its imports and comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sonde.v1.bin"));
