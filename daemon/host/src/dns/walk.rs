//! `dns.walk`. Granted where the caller asked for the check by name, for the target's name.

use std::net::SocketAddr;
use std::time::Duration;

use sonde_core::observation::dns as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dns as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros};

/// IANA's roots have 26 addresses.
const ROOTS: usize = 64;

/// IANA publishes two.
const TRUST_ANCHORS: usize = 16;

/// A DNSKEY of RSA 4096 takes 700 characters.
const TRUST_ANCHOR_BYTES: usize = 4 << 10;

pub(super) async fn walk(caller: &Caller, request: &wit::WalkRequest) -> wit::WalkResult {
    let Answered { id, timing, answer: walk } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::WalkRequest::FUNCTION, core::WalkRequest::PHASE, problem);
            Answered { id, timing, answer: core::WalkResult::failed(timing, failure) }
        }
    };
    wit::WalkResult {
        evidence: id.0,
        timing: timing.into(),
        zones: walk.zones.into_iter().map(Into::into).collect(),
        answer: walk.answer.map(Into::into),
        disagreements: walk.disagreements,
        security: walk.security.into(),
        security_code: walk.security_code,
        security_detail: walk.security_detail,
        continues_at: walk.continues_at,
        queries: walk.queries,
        failure: walk.failure.map(Into::into),
    }
}

fn parsed(request: &wit::WalkRequest, longest: Duration) -> Result<core::WalkRequest, String> {
    if request.roots.len() > ROOTS {
        return Err(format!("{} roots are given; at most {ROOTS} are allowed", request.roots.len()));
    }
    if request.trust_anchors.len() > TRUST_ANCHORS {
        let given = request.trust_anchors.len();
        return Err(format!("{given} trust anchors are given; at most {TRUST_ANCHORS} are allowed"));
    }
    if request.port == 0 {
        return Err("port 0 cannot be reached; use 1 to 65535".to_owned());
    }
    let anchor = |text: &String| types::word("trust anchor", text, TRUST_ANCHOR_BYTES);
    let timeout = types::timeout(request.timeout_us, longest)?;
    Ok(core::WalkRequest {
        name: super::name(&request.name)?,
        qtype: request.qtype,
        roots: request.roots.iter().map(types::remote).collect::<Result<_, _>>()?,
        trust_anchors: request.trust_anchors.iter().map(anchor).collect::<Result<_, _>>()?,
        port: request.port,
        ipv6: request.ipv6,
        query_timeout: types::timeout(request.query_timeout_us, timeout)?,
        timeout,
    })
}

impl HostCall for core::WalkRequest {
    type Answer = core::WalkResult;
    const FUNCTION: &'static str = "dns.walk";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        let roots: Vec<SocketAddr> = self.roots.iter().map(|root| SocketAddr::new(root.address, root.port)).collect();
        run.with_grants(|grants| grants.walk(&run.target, &self.name, &roots))
            .map_err(|denial| Reason::Denied(denial.to_string()))
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
        self.query_timeout = self.query_timeout.min(self.timeout);
    }

    async fn perform(&self, run: &Run) -> core::WalkResult {
        sonde_probe::dns::walk(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::WalkResult {
        core::WalkResult::failed(timing, failure)
    }

    fn observed(self, answer: core::WalkResult) -> Call {
        Call::DnsWalk { request: self, answer }
    }

    fn timing(answer: &core::WalkResult) -> Option<Timing> {
        Some(answer.timing)
    }
}

impl From<core::Zone> for wit::Zone {
    fn from(zone: core::Zone) -> Self {
        Self {
            name: zone.name,
            parent_servers: zone.parent_servers,
            child_servers: zone.child_servers,
            servers: zone.servers.into_iter().map(Into::into).collect(),
            signed: zone.signed,
            security: zone.security.into(),
            security_detail: zone.security_detail,
        }
    }
}

impl From<core::WalkServer> for wit::WalkServer {
    fn from(server: core::WalkServer) -> Self {
        Self {
            name: server.name,
            address: server.address.map(|address| address.to_string()),
            lameness: match server.lameness {
                core::Lameness::None => wit::Lameness::None,
                core::Lameness::ErrorRcode => wit::Lameness::ErrorRcode,
                core::Lameness::NotAuthoritative => wit::Lameness::NotAuthoritative,
                core::Lameness::UpwardReferral => wit::Lameness::UpwardReferral,
                core::Lameness::Silent => wit::Lameness::Silent,
                core::Lameness::NoAddress => wit::Lameness::NoAddress,
            },
            elapsed_us: micros(server.elapsed),
            outcome: match server.outcome {
                None => None,
                Some(Ok(answer)) => Some(Ok(answer.into())),
                Some(Err(failure)) => Some(Err(failure.into())),
            },
            serial: server.serial,
        }
    }
}

impl From<core::Security> for wit::Security {
    fn from(security: core::Security) -> Self {
        match security {
            core::Security::Secure => Self::Secure,
            core::Security::Insecure => Self::Insecure,
            core::Security::Bogus => Self::Bogus,
            core::Security::Indeterminate => Self::Indeterminate,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sonde_core::grant::Grants;
    use sonde_core::observation::Endpoint;
    use sonde_core::target::Target;
    use sonde_probe::clock::RunClock;
    use sonde_probe::vantage::{Selector, Vantage};
    use tokio::runtime::Handle;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::bindings::sonde::check::types as wit_types;
    use crate::limits::Limits;

    fn request() -> wit::WalkRequest {
        wit::WalkRequest {
            name: "www.example.".to_owned(),
            qtype: 1,
            roots: vec![wit_types::Endpoint { address: "192.0.2.1".to_owned(), port: 53 }],
            trust_anchors: vec![". IN DS 20326 8 2 00".to_owned()],
            port: 53,
            ipv6: false,
            query_timeout_us: 9_000_000,
            timeout_us: 5_000_000,
        }
    }

    #[test]
    fn one_query_takes_no_longer_than_the_walk() {
        let walk = parsed(&request(), Duration::from_mins(1)).expect("makes sense");
        assert_eq!((walk.timeout, walk.query_timeout), (Duration::from_secs(5), Duration::from_secs(5)));
    }

    #[test]
    fn roots_and_anchors_are_bounded() {
        let long = Duration::from_mins(1);
        assert!(parsed(&wit::WalkRequest { port: 0, ..request() }, long).is_err());
        let roots = vec![request().roots.remove(0); ROOTS + 1];
        assert!(parsed(&wit::WalkRequest { roots, ..request() }, long).is_err());
        let trust_anchors = vec![String::new(); TRUST_ANCHORS + 1];
        assert!(parsed(&wit::WalkRequest { trust_anchors, ..request() }, long).is_err());
        let trust_anchors = vec!["x".repeat(TRUST_ANCHOR_BYTES + 1)];
        assert!(parsed(&wit::WalkRequest { trust_anchors, ..request() }, long).is_err());
    }

    /// What becomes of a walk from a root that is not there.
    async fn walked(grants: Grants) -> Option<Reason> {
        let target: Target = "dns://www.example".parse().expect("a target");
        let vantage = Arc::new(Vantage::open(&Selector::Own).expect("our own namespace"));
        let (events, _unheard) = tokio::sync::mpsc::channel(1);
        let (clock, cancel) = (RunClock::start(), CancellationToken::new());
        let second = Duration::from_secs(1);
        let run = Run::new(target, vantage, crate::run::Past::default(), clock, grants, second, events, cancel);
        let caller = Caller::new(Some(run), "walker", 9 * second, Handle::current(), &Limits::default());
        let request = core::WalkRequest { roots: vec![endpoint(ROOT)], ..parsed(&request(), second).expect("right") };
        caller.call(request).await.answer.failure.map(|failure| failure.reason)
    }

    /// Nobody serves names there.
    const ROOT: &str = "127.0.0.1:1";

    fn endpoint(text: &str) -> Endpoint {
        let address: SocketAddr = text.parse().expect("an endpoint");
        Endpoint { address: address.ip(), port: address.port() }
    }

    #[tokio::test]
    async fn a_walk_that_nobody_asked_for_is_denied_whatever_its_roots() {
        let mut named = Grants::for_target(&"dns://www.example".parse().expect("a target"));
        named.add_endpoint(ROOT.parse().expect("an endpoint"));
        assert!(matches!(walked(named.clone()).await, Some(Reason::Denied(_))));
        named.allow_walks();
        let reason = walked(named).await;
        assert!(!matches!(reason, Some(Reason::Denied(_))), "{reason:?}");
    }

    #[tokio::test]
    async fn a_root_that_the_caller_did_not_name_is_denied() {
        let mut grants = Grants::for_target(&"dns://www.example".parse().expect("a target"));
        grants.allow_walks();
        assert!(matches!(walked(grants).await, Some(Reason::Denied(_))));
    }
}
