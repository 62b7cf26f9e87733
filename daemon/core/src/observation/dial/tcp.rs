//! What is asked of one TCP dial.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::Endpoint;

/// `dial.tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// Bind there first.
    pub local_address: Option<IpAddr>,
    /// Bind to this port first.
    pub local_port: Option<u16>,
    /// Use this device only.
    pub device: Option<String>,
    /// Absent: off.
    pub keepalive: Option<Keepalive>,
    /// `TCP_USER_TIMEOUT`.
    pub user_timeout: Option<Duration>,
    /// Keep the established connection open so long.
    pub hold: Duration,
    /// How an established connection is ended.
    pub close: Closing,
    /// Bound of the whole call.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

impl TcpRequest {
    /// From wherever the kernel chooses, closed at once and with FIN, without deltas.
    pub fn new(remote: Endpoint, timeout: Duration) -> Self {
        Self {
            remote,
            local_address: None,
            local_port: None,
            device: None,
            keepalive: None,
            user_timeout: None,
            hold: Duration::ZERO,
            close: Closing::Fin,
            timeout,
            deltas: false,
        }
    }
}

/// `SO_KEEPALIVE` with tcp(7)'s three figures, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keepalive {
    /// Idle before the first probe.
    pub idle: Duration,
    /// Between two probes.
    pub interval: Duration,
    /// Unanswered probes before the connection is given up.
    pub probes: u8,
}

/// How an established connection is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closing {
    /// close(2): `TIME_WAIT` stays on this side.
    #[default]
    Fin,
    /// Nothing stays.
    Rst,
}
