//! The dials and the DNS exchange against real peers: on loopback, and in network namespaces that the tests create.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod dns;
mod http;
mod namespace;
mod peer;
mod starttls;
mod tcp;
mod tls;
mod tls_openssl;
