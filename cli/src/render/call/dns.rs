//! The calls of the interface `dns` in words.

use sonde_proto::v1::{
    DnsConfig, DnsFamily, DnsLameness, DnsPersonality, DnsQuery, DnsResolution, DnsSecurity, DnsTransport, DnsWalk,
    Endpoint,
};

use super::endpoint;
use crate::render::dns::codes::{record_type, response_code};
use crate::render::text::count;

/// `A www.example @10.0.0.53 over tls`.
pub(super) fn query(query: &DnsQuery) -> String {
    let (over, usual) = match query.transport() {
        DnsTransport::Unspecified | DnsTransport::Udp => ("", 53),
        DnsTransport::Tcp => (" over tcp", 53),
        DnsTransport::Tls => (" over tls", 853),
        DnsTransport::Https => (" over https", 443),
        DnsTransport::Quic => (" over quic", 853),
    };
    format!("{} {} @{}{over}", record_type(query.qtype), undotted(&query.name), server(query.server.as_ref(), usual))
}

/// What the server said.
pub(super) fn answered(query: &DnsQuery) -> String {
    let Some(answer) = &query.answer else { return "no answer".to_owned() };
    if answer.rcode != 0 {
        return response_code(answer.rcode);
    }
    let wanted: Vec<&str> = answer
        .answers
        .iter()
        .filter(|resource| resource.r#type == query.qtype)
        .map(|resource| resource.rdata.as_str())
        .collect();
    match wanted.as_slice() {
        [] if answer.flags.is_some_and(|flags| flags.truncated) => "truncated".to_owned(),
        [] => "no such record".to_owned(),
        some => listed(some),
    }
}

/// How many servers, and what the hosts file says.
pub(super) fn configured(config: &DnsConfig) -> String {
    let servers = count(config.nameservers.len(), "name server", "name servers");
    match config.hosts_addresses.as_slice() {
        [] => servers,
        // First, for a narrow line cuts the end off.
        hosts => format!("hosts file: {}; {servers}", hosts.join(", ")),
    }
}

/// `db as glibc`.
pub(super) fn resolution(resolution: &DnsResolution) -> String {
    let personality = match resolution.personality() {
        DnsPersonality::Glibc => "glibc",
        DnsPersonality::Musl => "musl",
        DnsPersonality::Go => "go",
        DnsPersonality::System => "the system",
        DnsPersonality::Unspecified => "a resolver of a newer daemon",
    };
    let family = match resolution.family() {
        DnsFamily::Ipv4 => " over IPv4",
        DnsFamily::Ipv6 => " over IPv6",
        DnsFamily::Any | DnsFamily::Unspecified => "",
    };
    // The final dot stays: it switches the search list off.
    format!("{} as {personality}{family}", resolution.name)
}

/// What its user gets, and how many queries that took.
pub(super) fn resolved(resolution: &DnsResolution) -> String {
    let addresses: Vec<&str> = resolution.addresses.iter().map(String::as_str).collect();
    let result = match (&resolution.error, addresses.as_slice()) {
        (Some(error), _) => format!("{} ({})", error.text, error.code),
        (None, []) => "no address".to_owned(),
        (None, some) => listed(some),
    };
    match (resolution.steps.len(), resolution.source.as_str()) {
        (0, "" | "dns") => result,
        (0, source) => format!("{result} from {source}"),
        (steps, _) => format!("{result} after {}", count(steps, "query", "queries")),
    }
}

/// `walk to www.example A`.
pub(super) fn walk(walk: &DnsWalk) -> String {
    format!("walk to {} {}", undotted(&walk.name), record_type(walk.qtype))
}

/// How far it came, who does not serve, and what the signatures say.
pub(super) fn walked(walk: &DnsWalk) -> String {
    let servers = || walk.zones.iter().flat_map(|zone| &zone.servers);
    let lame =
        servers().filter(|server| !matches!(server.lameness(), DnsLameness::None | DnsLameness::Unspecified)).count();
    let mut parts = vec![count(walk.zones.len(), "zone", "zones")];
    if lame > 0 {
        parts.push(format!("{lame} of {} not serving", count(servers().count(), "server", "servers")));
    }
    if !walk.disagreements.is_empty() {
        parts.push(count(walk.disagreements.len(), "disagreement", "disagreements"));
    }
    let security = match walk.security() {
        DnsSecurity::Secure => "DNSSEC secure",
        DnsSecurity::Insecure => "unsigned",
        DnsSecurity::Bogus => "DNSSEC bogus",
        DnsSecurity::Indeterminate | DnsSecurity::Unspecified => "",
    };
    match security {
        "" => {}
        "DNSSEC bogus" if !walk.security_detail.is_empty() => {
            parts.push(format!("{security}: {}", walk.security_detail));
        }
        word => parts.push(word.to_owned()),
    }
    if let Some(answer) = walk.answer.as_ref().filter(|answer| answer.rcode != 0) {
        parts.push(response_code(answer.rcode));
    }
    parts.join(", ")
}

fn listed(texts: &[&str]) -> String {
    match texts {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        all => all.join(", "),
    }
}

/// Without its final dot, but for the root.
fn undotted(name: &str) -> &str {
    if name.len() > 1 { name.trim_end_matches('.') } else { name }
}

/// A name server, without the port where it is the usual one.
fn server(endpoint: Option<&Endpoint>, usual: u32) -> String {
    match endpoint {
        Some(known) if known.port == usual => known.address.clone(),
        other => self::endpoint(other),
    }
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{DnsAnswer, DnsResolveError, DnsStep, DnsZone, DnsZoneServer};

    use super::*;

    fn text(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn an_encrypted_query_names_its_transport_and_no_usual_port() {
        let asked = |transport: DnsTransport, port| {
            let server = Some(Endpoint { address: "192.0.2.53".into(), port });
            query(&DnsQuery {
                server,
                transport: transport.into(),
                name: "www.example.".into(),
                qtype: 1,
                ..DnsQuery::default()
            })
        };

        assert_eq!(asked(DnsTransport::Tls, 853), "A www.example @192.0.2.53 over tls");
        assert_eq!(asked(DnsTransport::Https, 8443), "A www.example @192.0.2.53:8443 over https");
    }

    #[test]
    fn a_lookup_shows_what_its_user_reads_and_what_it_took() {
        let error = DnsResolveError { code: "EAI_AGAIN".into(), text: "Temporary failure in name resolution".into() };
        let failed = DnsResolution {
            name: "db".into(),
            personality: DnsPersonality::Glibc.into(),
            steps: vec![DnsStep::default(); 4],
            error: Some(error),
            ..DnsResolution::default()
        };
        let hosts =
            DnsResolution { source: "files".into(), addresses: text(&["192.0.2.1"]), ..DnsResolution::default() };

        assert_eq!(resolution(&failed), "db as glibc");
        assert_eq!(resolved(&failed), "Temporary failure in name resolution (EAI_AGAIN) after 4 queries");
        assert_eq!(resolved(&hosts), "192.0.2.1 from files");
    }

    #[test]
    fn a_walk_counts_who_does_not_serve() {
        let server = |lameness: DnsLameness| DnsZoneServer { lameness: lameness.into(), ..DnsZoneServer::default() };
        let zone =
            DnsZone { servers: vec![server(DnsLameness::None), server(DnsLameness::Silent)], ..DnsZone::default() };
        let seen = DnsWalk {
            name: "www.example.".into(),
            qtype: 28,
            zones: vec![zone],
            security: DnsSecurity::Bogus.into(),
            security_detail: "the signature expired".into(),
            answer: Some(DnsAnswer { rcode: 3, ..DnsAnswer::default() }),
            ..DnsWalk::default()
        };

        assert_eq!(walk(&seen), "walk to www.example AAAA");
        assert_eq!(walked(&seen), "1 zone, 1 of 2 servers not serving, DNSSEC bogus: the signature expired, NXDOMAIN");
    }
}
