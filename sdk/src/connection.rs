//! What is seen of a connection, whoever opens it: by TCP, and by TLS on top.

use std::time::Duration;

pub use crate::bindings::sonde::check::connection::{
    Certificate, Connection, OcspStaple, OcspStatus, PhaseInfo, Stamp, TcpInfo, TlsSession, Verification,
    VerificationProblem,
};

impl Connection {
    /// The kernel's smoothed round trip; none where the SYN was retransmitted, which spoils it.
    pub fn rtt(&self) -> Option<Duration> {
        let info = self.info.as_ref().filter(|i| self.syn_retransmits == 0 && i.rtt_us > 0)?;
        Some(Duration::from_micros(info.rtt_us.into()))
    }

    /// The kernel's smallest round trip.
    pub fn min_rtt(&self) -> Option<Duration> {
        let info = self.info.as_ref().filter(|i| i.min_rtt_us > 0 && i.min_rtt_us != u32::MAX)?;
        Some(Duration::from_micros(info.min_rtt_us.into()))
    }
}

impl Certificate {
    /// Seconds until its end at this moment (Unix seconds); negative once it has expired.
    pub fn remaining(&self, now: i64) -> i64 {
        self.not_after.saturating_sub(now)
    }

    /// Seconds from its begin to its end.
    pub fn lifetime(&self) -> i64 {
        self.not_after.saturating_sub(self.not_before)
    }
}

impl TlsSession {
    /// Whether this is among the things that are wrong with the chain.
    pub fn has_problem(&self, verification: Verification) -> bool {
        self.problems.iter().any(|problem| problem.verification == verification)
    }
}
