//! The built-in check `dns-query`: one query exactly as asked for. It judges nothing; its evidence is what `sonde dns query` shows.

mod request;

use sonde_sdk::prelude::*;

/// The check.
struct DnsQuery;

impl Check for DnsQuery {
    fn describe() -> Manifest {
        let manifest =
            Manifest::new("dns-query", env!("CARGO_PKG_VERSION"), "Sends one DNS query exactly as asked for.")
                .serving([TargetKind::Host, TargetKind::Dns])
                .calling(["dns"])
                .costing(CostClass::Heavy);
        request::parameters().into_iter().fold(manifest, Manifest::taking)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let mut query = request::query(&target, &arguments, budget)?;
        if query.server.address.is_empty() {
            let config = dns::config(None).await;
            let Some(server) = config.nameservers.first() else {
                let outcome = Outcome::unclear("resolv.conf names no name server; name one");
                return Ok(outcome.next("sonde dns query @ADDRESS NAME"));
            };
            query.server.address.clone_from(server);
        }
        let (server, name) = (query.server.clone(), query.name.clone());
        let exchange = dns::query(query).await;
        Ok(match &exchange.outcome {
            Ok(answer) => Outcome::works(format!("{server} answers for {name}: {}", dns::rcode::name(answer.rcode))),
            Err(failure) => Outcome::broken(format!("{server} gives no answer for {name}: {}", failure.detail)),
        })
    }
}

sonde_sdk::export!(DnsQuery);
