//! What a line of the ledger weighs in memory, roughly: hosts with thousands of links or listeners make some of them large.

use sonde_core::observation::Call;
use sonde_core::observation::connection::{Connection, PhaseInfo, TlsSession};
use sonde_core::observation::dial::{HttpResponse, Property};
use sonde_core::observation::dns::{Answer, Edns, Exchange, Query, ResolverConfig, WalkRequest, WalkResult};
use sonde_core::observation::system::{Sysctl, Variable};

/// A line with an ordinary answer.
const LINE_BYTES: usize = 1 << 10;

/// In bytes.
pub(crate) fn of(call: &Call) -> u64 {
    let more = match call {
        Call::DnsQuery { request, answer } => query(request) + exchange(answer),
        Call::DnsConfig { answer, .. } => config(answer),
        Call::DnsResolve { answer, .. } => {
            let steps = answer.steps.iter().map(|step| 192 + step.name.len() + 32 * step.addresses.len());
            steps.sum::<usize>() + 32 * answer.addresses.len()
        }
        Call::DnsWalk { request, answer } => walk(request, answer),
        Call::DialTcp { answer, .. } => phases(&answer.connection),
        Call::DialTcpSeries { answer, .. } => 64 * answer.attempts.len() + 256 * answer.failures.len(),
        Call::DialTls { request, answer } => {
            let issuers: usize = request.known_issuers.iter().map(|der| 24 + der.len()).sum();
            issuers + phases(&answer.connection) + answer.session.as_ref().map_or(0, session)
        }
        Call::DialTlsHello { request, .. } => 2 * request.suites.len(),
        Call::DialHttp { request, answer } => {
            let sequels = answer.sequels.iter().map(|sequel| 512 + sequel.response.as_ref().map_or(0, response));
            fields(&request.headers)
                + request.path.len()
                + request.body.len()
                + answer.response.as_ref().map_or(0, response)
                + answer.tunnel.as_ref().map_or(0, response)
                + sequels.sum::<usize>()
                + answer.http2.as_ref().map_or(0, |_| 512)
                + phases(&answer.connection)
                + answer.session.as_ref().map_or(0, session)
        }
        Call::Trace { answer, .. } => answer.hops.iter().map(|hop| 48 + 96 * hop.probes.len()).sum(),
        Call::PathMtu { request, answer } => 4 * request.sizes.len() + 128 * answer.rungs.len(),
        Call::Echo { answer, .. } => 24 * answer.replies.len(),
        Call::DialUdp { request, answer } => {
            let bytes = request.payload.as_ref().map_or(0, Vec::len) + answer.answer.as_ref().map_or(0, Vec::len);
            bytes + 24 * answer.replies.len()
        }
        Call::Listeners { answer, .. } => answer
            .as_ref()
            .map_or(0, |listeners| listeners.iter().map(|listener| 192 + 64 * listener.workers.len()).sum()),
        Call::Census { answer, .. } => 192 * answer.as_ref().map_or(0, |census| census.groups.len()),
        Call::Find { answer, .. } => answer.as_ref().map_or(0, |found| {
            found.sockets.iter().map(|socket| size_of_val(socket) + 64 * (2 + socket.processes.len())).sum()
        }),
        Call::Counters { answer, .. } => 64 * answer.as_ref().map_or(0, |counters| counters.counters.len()),
        Call::DefaultRoutes { answer } => 192 * answer.as_ref().map_or(0, Vec::len),
        Call::Links { answer } => answer.as_ref().map_or(0, |links| {
            links.iter().map(|link| 192 + 64 * (link.addresses.len() + link.statistics.len())).sum()
        }),
        Call::Arp { answer, .. } => {
            answer.as_ref().map_or(0, |asked| asked.iter().map(|question| 128 + 64 * question.claims.len()).sum())
        }
        Call::Proxies { answer, .. } => answer.as_deref().map_or(0, variables),
        Call::Rules { answer } => {
            answer.as_ref().map_or(0, |rules| rules.iter().map(|rule| 96 + rule.selector.len()).sum())
        }
        Call::Routes { answer } => 256 * answer.as_ref().map_or(0, |table| table.rows.len()),
        Call::Neighbours { answer } => 192 * answer.as_ref().map_or(0, |table| table.rows.len()),
        Call::Sysctls { names, answer } => {
            let value = |setting: &Sysctl| 96 + setting.name.len() + setting.value.as_ref().map_or(0, String::len);
            texts(names) + answer.as_ref().map_or(0, |found| found.iter().map(value).sum())
        }
        Call::Process { .. } => 512,
        Call::Environment { names, answer, .. } => texts(names) + answer.as_deref().map_or(0, variables),
        Call::Cgroup { answer, .. } => answer.as_ref().map_or(0, |facts| 512 + facts.path.len()),
        Call::Host { answer } => answer.as_ref().map_or(0, |facts| 512 + variables(&facts.os)),
        Call::History { answer, .. } => answer.as_ref().map_or(0, |recording| {
            let series = recording.series.iter().map(|series| {
                let key: usize = series.key.iter().map(|text| 24 + text.len()).sum();
                64 + key + 24 * series.points.len()
            });
            series.sum::<usize>() + 32 * recording.gaps.len()
        }),
        Call::Conntrack { .. }
        | Call::RouteTo { .. }
        | Call::Neighbour { .. }
        | Call::Clock { .. }
        | Call::Rejected { .. } => 0,
    };
    u64::try_from(LINE_BYTES + more).unwrap_or(u64::MAX)
}

fn phases(connection: &Connection) -> usize {
    size_of::<PhaseInfo>() * connection.phases.len()
}

fn response(response: &HttpResponse) -> usize {
    192 + fields(&response.headers) + fields(&response.trailers) + response.body_prefix.len()
}

fn fields(fields: &[Property]) -> usize {
    fields.iter().map(|field| 48 + field.name.len() + field.value.len()).sum()
}

fn query(query: &Query) -> usize {
    let edns = query.edns.as_ref().map_or(0, |edns| edns.options.iter().map(|option| 32 + option.data.len()).sum());
    query.name.len() + query.http_path.as_ref().map_or(0, String::len) + edns
}

fn exchange(exchange: &Exchange) -> usize {
    let strays = exchange.strays.iter().map(|stray| 96 + stray.answer.as_ref().map_or(0, answer));
    exchange.outcome.as_ref().map_or(0, answer)
        + strays.sum::<usize>()
        + 48 * exchange.icmp.len()
        + exchange.session.as_ref().map_or(0, session)
}

fn answer(answer: &Answer) -> usize {
    let records = answer.answers.iter().chain(&answer.authorities).chain(&answer.additionals);
    let records: usize = records.map(|record| 64 + record.name.len() + record.rdata.len()).sum();
    192 + records + answer.edns.as_ref().map_or(0, edns)
}

fn edns(edns: &Edns) -> usize {
    let errors = edns.extended_errors.iter().map(|error| 32 + error.extra_text.len());
    let options = edns.options.iter().map(|option| 32 + option.data.len());
    96 + errors.sum::<usize>() + options.sum::<usize>() + edns.nsid.as_ref().map_or(0, Vec::len)
}

fn texts(texts: &[String]) -> usize {
    texts.iter().map(|text| 24 + text.len()).sum()
}

fn variables(variables: &[Variable]) -> usize {
    variables.iter().map(|variable| 48 + variable.name.len() + variable.value.len()).sum()
}

fn config(config: &ResolverConfig) -> usize {
    let directives = config.directives.iter().map(|line| 64 + line.keyword.len() + texts(&line.words));
    let lines = config.hosts_lines.iter().map(|line| 64 + texts(&line.names));
    let variables = config.environment.iter().map(|variable| 48 + variable.name.len() + variable.value.len());
    let views = config.views.iter().map(|view| {
        192 + 64 * view.nameservers.len() + texts(&view.search) + texts(&view.options) + texts(&view.sources)
    });
    texts(&config.search)
        + texts(&config.options)
        + texts(&config.nsswitch_hosts)
        + 24 * (config.nameservers.len() + config.hosts_addresses.len() + config.manager.upstreams.len())
        + directives.sum::<usize>()
        + lines.sum::<usize>()
        + variables.sum::<usize>()
        + views.sum::<usize>()
}

fn walk(request: &WalkRequest, walk: &WalkResult) -> usize {
    let anchors = request.trust_anchors.iter().map(|anchor| 24 + anchor.len());
    let zones = walk.zones.iter().map(|zone| {
        let names = zone.parent_servers.iter().chain(&zone.child_servers).map(|name| 24 + name.len());
        let servers = zone.servers.iter().map(|server| {
            let said = server.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()).map_or(0, answer);
            160 + server.name.len() + said
        });
        128 + zone.security_detail.len() + names.sum::<usize>() + servers.sum::<usize>()
    });
    let sentences = walk.disagreements.iter().map(|sentence| 24 + sentence.len());
    anchors.sum::<usize>()
        + 32 * request.roots.len()
        + zones.sum::<usize>()
        + sentences.sum::<usize>()
        + walk.answer.as_ref().map_or(0, answer)
}

fn session(session: &TlsSession) -> usize {
    let certificates = session.chain.iter().map(|certificate| {
        let names: usize = certificate.dns_names.iter().map(|name| 24 + name.len()).sum();
        let urls = certificate.issuer_urls.iter().chain(&certificate.ocsp_urls).chain(&certificate.crl_urls);
        let texts = certificate.subject.len() + certificate.issuer.len();
        let urls: usize = urls.map(|url| 24 + url.len()).sum();
        512 + texts + names + urls + 32 * certificate.addresses.len() + certificate.der.len()
    });
    let problems: usize = session.problems.iter().map(|problem| 32 + problem.detail.len()).sum();
    let authorities: usize = session.client_certificate_authorities.iter().map(|name| 24 + name.len()).sum();
    certificates.sum::<usize>() + problems + authorities + session.plaintext.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use sonde_core::observation::dns::{
        Family, Lameness, Personality, Resolution, ResolveRequest, Resource, Security, Step, StepOutcome, Transport,
        WalkServer, Zone,
    };
    use sonde_core::observation::sockets::Counters;
    use sonde_core::observation::{Counter, Endpoint, Timing};

    #[test]
    fn a_long_answer_weighs_more_than_a_short_one() {
        let counters = |count| Call::Counters {
            host: false,
            answer: Ok(Counters {
                taken_at: Duration::ZERO,
                counters: vec![Counter { name: "Tcp.InSegs".to_owned(), value: 1 }; count],
            }),
        };
        assert!(of(&counters(1000)) >= 64_000);
        assert!(of(&counters(0)) < 2_000);
    }

    #[test]
    fn every_step_of_a_lookup_weighs() {
        let step = Step {
            timing: Timing::default(),
            server: Endpoint { address: [192, 0, 2, 53].into(), port: 53 },
            transport: Transport::Udp,
            name: "www.example.".to_owned(),
            qtype: 1,
            outcome: StepOutcome::TimedOut,
            addresses: Vec::new(),
        };
        let resolve = |count| Call::DnsResolve {
            request: ResolveRequest {
                name: "www".to_owned(),
                family: Family::Any,
                personality: Personality::Glibc,
                pid: None,
                timeout: Duration::from_secs(1),
            },
            answer: Resolution { steps: vec![step.clone(); count], ..Resolution::default() },
        };
        assert!(of(&resolve(100)) >= of(&resolve(0)) + 19_200);
    }

    #[test]
    fn the_answers_of_all_servers_of_a_walk_weigh() {
        let record = Resource { name: "a.".to_owned(), rtype: 1, rclass: 1, ttl: 1, rdata: "192.0.2.1".to_owned() };
        let answer = Answer { answers: vec![record; 50], ..Answer::default() };
        let server = WalkServer {
            name: "ns.example.".to_owned(),
            address: None,
            lameness: Lameness::None,
            elapsed: Duration::ZERO,
            outcome: Some(Ok(answer)),
            serial: None,
        };
        let zone = |count| Zone {
            name: "example.".to_owned(),
            parent_servers: Vec::new(),
            child_servers: Vec::new(),
            servers: vec![server.clone(); count],
            signed: false,
            security: Security::Insecure,
            security_detail: String::new(),
        };
        let request = WalkRequest {
            name: "example.".to_owned(),
            qtype: 1,
            roots: Vec::new(),
            trust_anchors: Vec::new(),
            port: 53,
            ipv6: false,
            query_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        };
        let walk = |count| Call::DnsWalk {
            request: request.clone(),
            answer: WalkResult { zones: vec![zone(count)], ..WalkResult::default() },
        };
        assert!(of(&walk(10)) >= of(&walk(0)) + 32_000);
    }
}
