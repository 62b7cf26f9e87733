//! A load of dials: `count` host calls of one kind to the target, `at-once` of them in flight, each as a check would make it.
use std::cell::Cell;

use sonde_sdk::prelude::*;

struct Prober;

impl Check for Prober {
    fn describe() -> Manifest {
        Manifest::new("prober", env!("CARGO_PKG_VERSION"), "Dials the target as often as it is told.")
            .serving([TargetKind::Tcp])
            .calling(["dial"])
            .costing(CostClass::Heavy)
            .taking(Parameter::new("kind", ParameterType::Text, "tcp, tls or http.").with_default("tcp"))
            .taking(Parameter::new("count", ParameterType::Integer, "Host calls in all.").with_default("1"))
            .taking(Parameter::new("at-once", ParameterType::Integer, "Of them in flight.").with_default("1"))
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let Some(endpoint) = target.endpoints().next() else { return Err("no address to dial".to_owned()) };
        let name = target.host.clone().unwrap_or_default();
        let kind: String = arguments.required("kind")?;
        let count: u32 = arguments.required("count")?;
        let at_once: u32 = arguments.required("at-once")?;
        let (left, failed) = (Cell::new(count), Cell::new(0_u32));
        let worker = || async {
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                let outcome = match kind.as_str() {
                    "tcp" => {
                        dial::tcp(dial::TcpRequest::to(endpoint.clone()).within(budget.probe_timeout())).await.outcome
                    }
                    "tls" => {
                        let request = dial::TlsRequest::to(endpoint.clone(), &name).within(budget.probe_timeout());
                        dial::tls(request).await.outcome
                    }
                    _ => {
                        let request = dial::HttpRequest::get(endpoint.clone(), &name, "/");
                        dial::http(request.within(budget.probe_timeout())).await.outcome
                    }
                };
                failed.set(failed.get() + u32::from(outcome.is_err()));
            }
        };
        wait::all((0..at_once).map(|_| worker())).await;
        Ok(Outcome::works(format!("{} of {count} answered", count - failed.get())))
    }
}

sonde_sdk::export!(Prober);
