//! The smallest complete check.
use sonde_sdk::prelude::*;

struct Hello;

impl Check for Hello {
    fn describe() -> Manifest {
        Manifest::new("hello", env!("CARGO_PKG_VERSION"), "Opens a TCP connection to the target.")
            .serving([TargetKind::Tcp])
    }

    async fn run(target: Target, _: Arguments, budget: Budget) -> Result<Outcome, String> {
        let Some(endpoint) = target.endpoints().next() else { return Ok(Outcome::skipped("no address to dial")) };
        let dial = dial::tcp(dial::TcpRequest::to(endpoint.clone()).within(budget.probe_timeout())).await;
        let Err(failure) = &dial.outcome else { return Ok(Outcome::works(format!("{endpoint} accepts connections"))) };
        finding::supports("vendor.hello.unreachable")
            .proof()
            .about(&endpoint)
            .because(&failure.detail)
            .citing([dial.evidence])
            .report();
        Ok(Outcome::broken(format!("{endpoint}: {}", failure.detail)))
    }
}

sonde_sdk::export!(Hello);
