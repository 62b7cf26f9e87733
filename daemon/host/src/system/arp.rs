//! `system.arp`.

use std::net::IpAddr;

use sonde_core::observation::system as core;
use sonde_core::observation::{Call, Failure, Reason};

use crate::bindings::sonde::check::system as wit;
use crate::inspection::Inspection;
use crate::run::Run;
use crate::types::{self, micros};

/// Whom the segment is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arp {
    towards: Option<IpAddr>,
}

/// What a guest asked for.
pub(super) fn parsed(towards: Option<&str>) -> Result<Arp, String> {
    let towards = towards.map(types::address).transpose()?;
    match towards {
        Some(IpAddr::V6(address)) => {
            Err(format!("{address} is an IPv6 address; ARP is for IPv4, give one like 10.0.0.1"))
        }
        towards => Ok(Arp { towards }),
    }
}

impl Inspection for Arp {
    type Facts = Vec<core::ArpQuestion>;
    const FUNCTION: &'static str = "system.arp";

    /// Which hop it is, the kernel says; for whom, the grants.
    fn admit(&self, run: &Run) -> Result<(), Reason> {
        let Some(towards) = self.towards else { return Ok(()) };
        run.with_grants(|grants| grants.approach(towards)).map_err(|denial| Reason::Denied(denial.to_string()))
    }

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::arp(&run.vantage, &run.clock, self.towards).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Arp { towards: self.towards, answer }
    }
}

impl From<core::ArpQuestion> for wit::ArpQuestion {
    fn from(question: core::ArpQuestion) -> Self {
        Self {
            address: question.address.to_string(),
            device: question.device,
            ours: question.own,
            claims: question
                .claims
                .into_iter()
                .map(|claim| wit::ArpClaim { link_address: claim.link_address, elapsed_us: micros(claim.elapsed) })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_is_refused_with_what_would_be_right() {
        let problem = parsed(Some("2001:db8::1")).expect_err("no ARP there");
        assert!(problem.contains("2001:db8::1") && problem.contains("10.0.0.1"), "{problem}");
        assert!(parsed(Some("::ffff:10.0.0.1")).is_ok());
        assert!(parsed(None).is_ok());
    }
}
