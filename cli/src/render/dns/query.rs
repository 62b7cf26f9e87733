//! One exchange, laid out as dig does, so that eyes used to dig find everything where they look.

use std::fmt::Write as _;

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{
    DnsAnswer, DnsEdns, DnsFlags, DnsQuery, DnsResource, DnsStrayKind, DnsTransport, Evidence, TlsSession, Verification,
};

use super::codes;
use crate::render::text::{self, clean};

/// The data of the answer only, one record a line.
pub(crate) fn short(evidence: &Evidence) -> String {
    match &evidence.call {
        Some(Call::DnsQuery(query)) => match &query.answer {
            Some(answer) => {
                answer.answers.iter().fold(String::new(), |page, record| page + &clean(&record.rdata) + "\n")
            }
            None => failed(evidence),
        },
        _ => String::new(),
    }
}

/// Header, sections, and what was measured.
pub(crate) fn page(evidence: &Evidence) -> String {
    let Some(Call::DnsQuery(query)) = &evidence.call else { return String::new() };
    let mut page = String::new();
    match &query.answer {
        Some(answer) => sections(&mut page, answer),
        None => page.push_str(&failed(evidence)),
    }
    measured(&mut page, evidence, query);
    page
}

fn failed(evidence: &Evidence) -> String {
    let detail = evidence.failure.as_ref().map_or("no answer", |failure| failure.detail.as_str());
    format!(";; no answer: {}\n", clean(detail))
}

fn sections(page: &mut String, answer: &DnsAnswer) {
    let flags = flags(answer.flags.as_ref());
    put(
        page,
        &format!(
            ";; ->>HEADER<<- opcode: {}, status: {}, id: {}",
            codes::opcode(answer.opcode),
            codes::response_code(answer.rcode),
            answer.id
        ),
    );
    put(
        page,
        &format!(
            ";; flags: {flags}; QUERY: {}, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {}\n",
            u8::from(answer.question.is_some()),
            answer.answers.len(),
            answer.authorities.len(),
            answer.additionals.len() + usize::from(answer.edns.is_some())
        ),
    );
    if let Some(edns) = &answer.edns {
        put(page, ";; OPT PSEUDOSECTION:");
        options(page, edns);
    }
    if let Some(question) = &answer.question {
        put(page, ";; QUESTION SECTION:");
        let (class, kind) = (codes::class(question.qclass), codes::record_type(question.qtype));
        put(page, &format!(";{}\t\t{class}\t{kind}\n", clean(&question.name)));
    }
    section(page, "ANSWER", &answer.answers);
    section(page, "AUTHORITY", &answer.authorities);
    section(page, "ADDITIONAL", &answer.additionals);
}

/// In dig's order; QR is set in every answer.
fn flags(flags: Option<&DnsFlags>) -> String {
    let flags = flags.copied().unwrap_or_default();
    let bits = [
        (flags.authoritative, "aa"),
        (flags.truncated, "tc"),
        (flags.recursion_desired, "rd"),
        (flags.recursion_available, "ra"),
        (flags.z, "z"),
        (flags.authentic_data, "ad"),
        (flags.checking_disabled, "cd"),
    ];
    bits.iter().filter(|(set, _)| *set).fold("qr".to_owned(), |words, (_, word)| words + " " + word)
}

fn options(page: &mut String, edns: &DnsEdns) {
    let dnssec_ok = if edns.dnssec_ok { " do" } else { "" };
    put(page, &format!("; EDNS: version: {}, flags:{dnssec_ok}; udp: {}", edns.version, edns.udp_size_bytes));
    if let Some(nsid) = &edns.nsid {
        put(page, &format!("; NSID: {} (\"{}\")", hex(nsid), clean(&String::from_utf8_lossy(nsid))));
    }
    if let Some(subnet) = &edns.client_subnet {
        put(page, &format!("; CLIENT-SUBNET: {}/{}", clean(&subnet.prefix), subnet.scope));
    }
    if let Some(cookie) = &edns.cookie {
        put(page, &format!("; COOKIE: {}{}", hex(&cookie.client), hex(&cookie.server)));
    }
    for error in &edns.extended_errors {
        let name = codes::extended_error(error.info_code);
        let text =
            if error.extra_text.is_empty() { String::new() } else { format!(": ({})", clean(&error.extra_text)) };
        put(page, &format!("; EDE: {} ({name}){text}", error.info_code));
    }
    if let Some(padding) = edns.padding_bytes {
        put(page, &format!("; PAD: {padding} bytes"));
    }
    if edns.tcp_keepalive.is_some() {
        put(page, &format!("; TCP KEEPALIVE: {}", text::elapsed(text::micros(edns.tcp_keepalive.as_ref()))));
    }
    for option in &edns.options {
        put(page, &format!("; OPT={}: {}", option.code, hex(&option.data)));
    }
}

fn section(page: &mut String, name: &str, records: &[DnsResource]) {
    if records.is_empty() {
        return;
    }
    put(page, &format!(";; {name} SECTION:"));
    for record in records {
        let (class, kind) = (codes::class(record.class), codes::record_type(record.r#type));
        let (owner, data) = (clean(&record.name), clean(&record.rdata));
        put(page, &format!("{owner}\t{}\t{class}\t{kind}\t{data}", record.ttl_seconds));
    }
    page.push('\n');
}

fn measured(page: &mut String, evidence: &Evidence, query: &DnsQuery) {
    let phases = query.phases.as_ref();
    let parts = [
        ("connect", phases.and_then(|phases| phases.connect.as_ref())),
        ("tls", phases.and_then(|phases| phases.tls.as_ref())),
        ("send", phases.and_then(|phases| phases.send.as_ref())),
        ("wait", phases.and_then(|phases| phases.wait.as_ref())),
        ("receive", phases.and_then(|phases| phases.receive.as_ref())),
    ];
    let parts = parts.iter().filter_map(|(name, phase)| {
        phase.map(|phase| format!("{name} {}", text::elapsed(text::micros(phase.elapsed.as_ref()))))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let parts = if parts.is_empty() { parts } else { format!(" ({parts})") };
    put(page, &format!(";; Query time: {}{parts}", text::elapsed(text::micros(evidence.elapsed.as_ref()))));
    if let Some(server) = &query.server {
        put(page, &format!(";; SERVER: {}#{} ({})", clean(&server.address), server.port, transport(query.transport())));
    }
    if query.kernel_rtt.is_some() {
        put(
            page,
            &format!(";; Round trip of the connection: {}", text::elapsed(text::micros(query.kernel_rtt.as_ref()))),
        );
    }
    if let Some(session) = &query.session {
        put(page, &tls(session));
    }
    if let Some(status) = query.http_status {
        put(page, &format!(";; HTTP status: {status}"));
    }
    for stray in &query.strays {
        let from = stray.from.as_ref().map_or_else(String::new, |from| text::socket(&clean(&from.address), from.port));
        put(page, &format!(";; Not the answer: {} bytes from {from}, {}", stray.size_bytes, why(stray.kind())));
    }
    for icmp in &query.icmp {
        let sender = if icmp.sender.is_empty() { "this host" } else { &icmp.sender };
        put(page, &format!(";; ICMP: type {}, code {}, from {}", icmp.r#type, icmp.code, clean(sender)));
    }
    let received = query.answer.as_ref().map_or(0, |answer| answer.size_bytes);
    put(page, &format!(";; MSG SIZE sent: {}, rcvd: {received}", query.query_bytes));
}

fn tls(session: &TlsSession) -> String {
    let word = |text: &str| if text.is_empty() { "?".to_owned() } else { clean(text) };
    let verdict = match session.verification() {
        Verification::Accepted => "certificate accepted".to_owned(),
        _ => format!("certificate not accepted: {}", clean(&session.verification_detail)),
    };
    format!(";; TLS: {}, {}, {verdict}", word(&session.version), word(&session.cipher))
}

fn transport(transport: DnsTransport) -> &'static str {
    match transport {
        DnsTransport::Unspecified => "?",
        DnsTransport::Udp => "UDP",
        DnsTransport::Tcp => "TCP",
        DnsTransport::Tls => "TLS",
        DnsTransport::Https => "HTTPS",
        DnsTransport::Quic => "QUIC",
    }
}

fn why(kind: DnsStrayKind) -> &'static str {
    match kind {
        DnsStrayKind::Unspecified => "for an unknown reason",
        DnsStrayKind::WrongSource => "from an address that was not asked",
        DnsStrayKind::WrongId => "with another id",
        DnsStrayKind::WrongQuestion => "of another question",
        DnsStrayKind::Malformed => "not a DNS message",
        DnsStrayKind::NotAnAnswer => "a query",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn put(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{DnsExtendedError, DnsQuestion, Endpoint, Failure};

    use super::*;

    fn evidence(query: DnsQuery) -> Evidence {
        Evidence {
            elapsed: Some(prost_types::Duration { seconds: 0, nanos: 1_204_000 }),
            call: Some(Call::DnsQuery(query)),
            ..Evidence::default()
        }
    }

    fn answered() -> DnsQuery {
        let record = |name: &str, rdata: &str| DnsResource {
            name: name.into(),
            r#type: 1,
            class: 1,
            ttl_seconds: 60,
            rdata: rdata.into(),
        };
        DnsQuery {
            server: Some(Endpoint { address: "192.0.2.53".into(), port: 53 }),
            transport: DnsTransport::Udp.into(),
            query_bytes: 44,
            answer: Some(DnsAnswer {
                id: 4242,
                flags: Some(DnsFlags { recursion_desired: true, recursion_available: true, ..DnsFlags::default() }),
                question: Some(DnsQuestion { name: "orders.example.".into(), qtype: 1, qclass: 1 }),
                answers: vec![record("orders.example.", "192.0.2.5")],
                edns: Some(DnsEdns {
                    udp_size_bytes: 1232,
                    extended_errors: vec![DnsExtendedError { info_code: 3, extra_text: "old\u{1b}[2J".into() }],
                    ..DnsEdns::default()
                }),
                size_bytes: 59,
                ..DnsAnswer::default()
            }),
            ..DnsQuery::default()
        }
    }

    #[test]
    fn an_answer_is_laid_out_as_dig_does() {
        insta::assert_snapshot!(page(&evidence(answered())));
    }

    #[test]
    fn short_shows_the_data_only() {
        assert_eq!(short(&evidence(answered())), "192.0.2.5\n");
    }

    #[test]
    fn a_query_without_answer_says_why() {
        let failure =
            Failure { detail: "wait for an answer of 192.0.2.53:53: nothing within 2 s".into(), ..Failure::default() };
        let query = DnsQuery { answer: None, ..answered() };
        let evidence = Evidence { failure: Some(failure), ..evidence(query) };

        assert!(page(&evidence).starts_with(";; no answer: wait for an answer"));
    }
}
