//! A walk: zone by zone, server by server.

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{DnsLameness, DnsSecurity, DnsWalk, DnsZone, DnsZoneServer, Evidence};

use super::codes;
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, STRONG, paint};
use crate::render::text::{self, clean, elapsed};

/// Every zone with its servers, what the last one says, and what is wrong.
pub(crate) fn page(evidence: &Evidence, width: usize) -> String {
    let Some(Call::DnsWalk(walk)) = &evidence.call else { return String::new() };
    let mut page = Page::new(width);
    for zone in &walk.zones {
        show(&mut page, zone);
    }
    answer(&mut page, walk);
    for disagreement in &walk.disagreements {
        page.headline(Mark::Unclear, &clean(disagreement));
    }
    if let Some(failure) = &evidence.failure {
        page.headline(Mark::Broken, &clean(&failure.detail));
    }
    page.gap();
    let took = elapsed(text::micros(evidence.elapsed.as_ref()));
    page.faint(&format!("{} in {took}", text::count(usize::try_from(walk.queries).unwrap_or(0), "query", "queries")));
    page.finish()
}

fn show(page: &mut Page, zone: &DnsZone) {
    let signed = match (zone.signed, zone.security()) {
        (_, DnsSecurity::Secure) => "signed, valid".to_owned(),
        (_, DnsSecurity::Bogus) => format!("bogus: {}", clean(&zone.security_detail)),
        (true, _) => format!("signed, not checked: {}", clean(&zone.security_detail)),
        (false, _) => "unsigned".to_owned(),
    };
    page.line(&format!("{}  {}", paint(STRONG, &clean(&zone.name)), paint(FAINT, &signed)));
    for server in &zone.servers {
        let address = if server.address.is_empty() { "no address".to_owned() } else { clean(&server.address) };
        let serial = server.serial.map_or_else(String::new, |serial| format!(", serial {serial}"));
        let took = elapsed(text::micros(server.elapsed.as_ref()));
        page.line(&format!("  {} {} ({address})  {}{serial}  {took}", sign(server), clean(&server.name), said(server)));
    }
}

fn sign(server: &DnsZoneServer) -> String {
    let mark = match server.lameness() {
        DnsLameness::None => Mark::Works,
        DnsLameness::Unspecified => Mark::Skipped,
        _ => Mark::Broken,
    };
    paint(mark.style(), mark.sign())
}

fn said(server: &DnsZoneServer) -> String {
    let code = server.answer.as_ref().map_or_else(String::new, |answer| codes::response_code(answer.rcode));
    match server.lameness() {
        DnsLameness::Unspecified => "not asked".to_owned(),
        DnsLameness::None => code,
        DnsLameness::ErrorRcode => format!("{code}: it does not serve the zone"),
        DnsLameness::NotAuthoritative => format!("{code} without authority: it does not serve the zone"),
        DnsLameness::UpwardReferral => "it refers away from the zone".to_owned(),
        DnsLameness::Silent => {
            server.failure.as_ref().map_or_else(|| "no answer".to_owned(), |failure| clean(&failure.detail))
        }
        DnsLameness::NoAddress => "its name has no address".to_owned(),
    }
}

fn answer(page: &mut Page, walk: &DnsWalk) {
    page.gap();
    let (name, kind) = (clean(&walk.name), codes::record_type(walk.qtype));
    let mark = match walk.security() {
        DnsSecurity::Bogus => Mark::Broken,
        _ if walk.answer.is_none() => Mark::Unclear,
        _ => Mark::Works,
    };
    let said = match &walk.answer {
        None => "no server of its zone speaks for it".to_owned(),
        Some(answer) if answer.answers.is_empty() => format!("{}, no such record", codes::response_code(answer.rcode)),
        Some(answer) => {
            let records = answer.answers.iter().filter(|record| record.r#type != RRSIG);
            records.map(|record| clean(&record.rdata)).collect::<Vec<_>>().join(", ")
        }
    };
    page.headline(mark, &format!("{name} {kind}: {said}"));
    if !walk.continues_at.is_empty() {
        page.field("goes on at", &clean(&walk.continues_at));
    }
    let security = match walk.security() {
        DnsSecurity::Secure => "valid from the anchor down",
        DnsSecurity::Insecure => "unsigned",
        DnsSecurity::Bogus => "bogus",
        DnsSecurity::Indeterminate | DnsSecurity::Unspecified => "not checked",
    };
    let detail =
        if walk.security_detail.is_empty() { String::new() } else { format!(": {}", clean(&walk.security_detail)) };
    let code = walk.security_code.map_or_else(String::new, |code| format!(" (EDE {code})"));
    page.field("DNSSEC", &format!("{security}{detail}{code}"));
}

/// RFC 4034.
const RRSIG: u32 = 46;

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{DnsAnswer, DnsResource};

    use super::*;

    #[test]
    fn a_walk_shows_every_zone_with_every_server() {
        let server = |name: &str, address: &str, lameness: DnsLameness, rcode: u32| DnsZoneServer {
            name: name.into(),
            address: address.into(),
            lameness: lameness.into(),
            answer: Some(DnsAnswer { rcode, ..DnsAnswer::default() }),
            serial: (lameness == DnsLameness::None).then_some(7),
            ..DnsZoneServer::default()
        };
        let record =
            DnsResource { name: "a.example.".into(), r#type: 1, rdata: "192.0.2.5".into(), ..DnsResource::default() };
        let walk = DnsWalk {
            name: "a.example.".into(),
            qtype: 1,
            zones: vec![
                DnsZone {
                    name: ".".into(),
                    servers: vec![server("ns.root.", "192.0.2.1", DnsLameness::None, 0)],
                    signed: true,
                    security: DnsSecurity::Secure.into(),
                    ..DnsZone::default()
                },
                DnsZone {
                    name: "example.".into(),
                    servers: vec![
                        server("ns1.example.", "192.0.2.2", DnsLameness::None, 0),
                        server("ns2.example.", "192.0.2.3", DnsLameness::ErrorRcode, 5),
                    ],
                    ..DnsZone::default()
                },
            ],
            answer: Some(DnsAnswer { answers: vec![record], ..DnsAnswer::default() }),
            security: DnsSecurity::Insecure.into(),
            queries: 5,
            ..DnsWalk::default()
        };
        let evidence = Evidence { call: Some(Call::DnsWalk(walk)), ..Evidence::default() };

        insta::assert_snapshot!(anstream::adapter::strip_str(&page(&evidence, 100)).to_string());
    }
}
