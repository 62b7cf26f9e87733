//! The built-in check `dns-config`: how this vantage resolves names. It judges nothing; its evidence is what `sonde dns config` shows.

use sonde_sdk::dns::ConfigRequest;
use sonde_sdk::prelude::*;

/// The check.
struct DnsConfig;

impl Check for DnsConfig {
    fn describe() -> Manifest {
        Manifest::new(
            "dns-config",
            env!("CARGO_PKG_VERSION"),
            "Reads how names are resolved here, and who manages that.",
        )
        .serving([TargetKind::Host, TargetKind::Dns])
        .calling(["dns"])
        .taking(Parameter::new("name", ParameterType::Text, "looked up in the hosts file"))
        .taking(Parameter::new("pid", ParameterType::Integer, "whose environment; that of the vantage when absent"))
        .costing(CostClass::Heavy)
    }

    async fn run(target: Target, arguments: Arguments, _: Budget) -> Result<Outcome, String> {
        let name = arguments.optional::<String>("name")?.or(target.host);
        let config = dns::config_of(ConfigRequest { name, pid: arguments.optional("pid")? }).await;
        Ok(match &config.problem {
            Some(problem) => Outcome::unclear(problem.detail.clone()),
            None => Outcome::works(format!("{} name servers are configured", config.nameservers.len())),
        })
    }
}

sonde_sdk::export!(DnsConfig);
