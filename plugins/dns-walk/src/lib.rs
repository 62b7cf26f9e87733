//! The built-in check `dns-walk`: does the delegation of a name lead to servers that serve it, and do its signatures hold?

mod verdict;

use std::time::Duration;

use sonde_sdk::dns::{WalkRequest, qtype};
use sonde_sdk::prelude::*;

/// The check.
struct DnsWalk;

impl Check for DnsWalk {
    fn describe() -> Manifest {
        use ParameterType::{Boolean, Integer, Text};
        Manifest::new(
            "dns-walk",
            env!("CARGO_PKG_VERSION"),
            "Follows the delegation from the roots, asks every server of every zone, and validates DNSSEC.",
        )
        .serving([TargetKind::Dns])
        .calling(["dns"])
        .wanting(["the root servers", "every server that the delegation of the name leads to"])
        .taking(Parameter::new("roots", Text, "root servers as ADDRESS or ADDRESS:PORT, by commas; IANA's when absent"))
        .taking(Parameter::new("anchors", Text, "DS or DNSKEY records of the root, by semicolons; IANA's when absent"))
        .taking(Parameter::new("port", Integer, "of the servers found on the way").with_default("53"))
        .taking(Parameter::new("ipv6", Boolean, "ask over IPv6, too").with_default("true"))
        .taking(Parameter::new("query-timeout", ParameterType::Duration, "of each query").with_default("1500ms"))
        .deciding(verdict::CAUSES.iter().copied())
        .costing(CostClass::Heavy)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let Some(name) = target.host.clone() else { return Ok(Outcome::skipped("the target has no name")) };
        let port = arguments.required("port")?;
        let walk = dns::walk(WalkRequest {
            name,
            qtype: target.qtype.unwrap_or(qtype::A),
            roots: roots(&arguments.optional::<String>("roots")?.unwrap_or_default(), port)?,
            trust_anchors: anchors(&arguments.optional::<String>("anchors")?.unwrap_or_default()),
            port,
            ipv6: arguments.required("ipv6")?,
            query_timeout_us: microseconds(arguments.required("query-timeout")?),
            timeout_us: microseconds(budget.remaining().saturating_sub(RESERVE)),
        })
        .await;
        Ok(verdict::judge(&target.text, &walk).report())
    }
}

sonde_sdk::export!(DnsWalk);

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` and `[2001:db8::1]:5353`.
fn roots(text: &str, port: u16) -> Result<Vec<Endpoint>, String> {
    let root = |word: &str| {
        if let Ok(address) = word.parse::<std::net::IpAddr>() {
            return Ok(Endpoint::new(&address.to_string(), port));
        }
        let endpoint = word.parse::<std::net::SocketAddr>();
        let endpoint = endpoint.map_err(|_| format!("root server {word:?}: write ADDRESS or ADDRESS:PORT"))?;
        Ok(Endpoint::new(&endpoint.ip().to_string(), endpoint.port()))
    };
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(root).collect()
}

fn anchors(text: &str) -> Vec<String> {
    text.split(';').map(str::trim).filter(|record| !record.is_empty()).map(str::to_owned).collect()
}

/// Kept back so that a walk that is cut off is still judged.
const RESERVE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_addresses_with_or_without_a_port() {
        let found = roots("192.0.2.1, 192.0.2.2:54,2001:db8::1,[2001:db8::2]:55", 53).expect("they are right");
        let ports: Vec<u16> = found.iter().map(|endpoint| endpoint.port).collect();

        assert_eq!(ports, [53, 54, 53, 55]);
        assert!(roots("a.root-servers.net", 53).expect_err("a name").contains("a.root-servers.net"));
    }

    #[test]
    fn anchors_are_split_at_semicolons() {
        assert_eq!(anchors(". DS 1 8 2 aa ; ; . DS 2 8 2 bb"), [". DS 1 8 2 aa", ". DS 2 8 2 bb"]);
    }
}
