//! The way to a port: its hops, its MTU, its echoes, and what the check makes of them.

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{
    Diagnosis, Echo, Evidence, Hop, HopProbe, IcmpError, MtuConclusion, MtuMethod, PathMtu, ProbeAnswer, Rung,
    RungOutcome, Trace, TraceTransport,
};

use crate::render::dial::conclude;
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, STRONG, paint};
use crate::render::text::{clean, count, elapsed, micros, socket};

/// Every trace with its hops, then sizes and echoes, then the check's sentence. `wide` adds every size that was tried.
pub(crate) fn page(diagnosis: &Diagnosis, wide: bool, width: usize) -> String {
    let mut page = Page::new(width);
    for evidence in diagnosis.evidence.iter().filter(|evidence| evidence.check == "path") {
        match &evidence.call {
            Some(Call::Trace(trace)) => traced(&mut page, trace, evidence),
            Some(Call::PathMtu(ladder)) => sizes(&mut page, ladder, evidence, wide),
            Some(Call::Echo(echo)) => echoes(&mut page, echo, evidence),
            _ => {}
        }
    }
    let measured = diagnosis.evidence.iter().any(|evidence| evidence.check == "path");
    for run in diagnosis.checks.iter().filter(|run| run.check == "path") {
        conclude(&mut page, run, (!measured).then_some(diagnosis));
    }
    page.finish()
}

fn traced(page: &mut Page, trace: &Trace, evidence: &Evidence) {
    let remote = trace.remote.as_ref().map_or_else(String::new, |remote| socket(&remote.address, remote.port));
    let with = if trace.transport() == TraceTransport::Udp { "datagrams" } else { "SYNs" };
    page.line(&format!("{}  {}", paint(STRONG, &clean(&remote)), paint(FAINT, &format!("by {with}"))));
    // A run of silent hops at the end is one line: thirty of them say no more.
    let heard = trace.hops.iter().rposition(|hop| !is_silent(hop)).map_or(0, |last| last + 1);
    for hop in trace.hops.iter().take(heard) {
        line(page, hop);
    }
    let rest = trace.hops.get(heard..).unwrap_or_default();
    if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
        let range = if first.ttl == last.ttl { first.ttl.to_string() } else { format!("{}-{}", first.ttl, last.ttl) };
        page.line(&format!("{range:>5}  {}", paint(FAINT, "nothing")));
    }
    if let Some(failure) = &evidence.failure {
        page.headline(Mark::Broken, &failure.detail);
    }
    if !trace.icmp_visible {
        page.faint("this kernel hands no ICMP errors to sockets that connect: hops cannot be seen (Linux 5.8 can)");
    }
}

fn line(page: &mut Page, hop: &Hop) {
    let mut senders: Vec<String> = Vec::new();
    for probe in &hop.probes {
        let what = match probe.answer() {
            ProbeAnswer::Icmp => {
                probe.icmp.as_ref().map_or_else(String::new, |icmp| format!("{}{}", sender(icmp), kind(icmp)))
            }
            ProbeAnswer::Answered => "answers".to_owned(),
            ProbeAnswer::Reset => "resets".to_owned(),
            ProbeAnswer::Unsent => {
                probe.failure.as_ref().map_or_else(|| "not sent".to_owned(), |failure| failure.detail.clone())
            }
            ProbeAnswer::Silent | ProbeAnswer::Unspecified => continue,
        };
        if !senders.contains(&what) {
            senders.push(what);
        }
    }
    let said = if senders.is_empty() { "nothing".to_owned() } else { senders.join(", ") };
    let trips: Vec<String> = hop.probes.iter().map(trip).collect();
    page.line(&format!("{:>5}  {:<32} {}", hop.ttl, clean(&said), paint(FAINT, &trips.join("  "))));
}

fn is_silent(hop: &Hop) -> bool {
    hop.probes.iter().all(|probe| probe.answer() == ProbeAnswer::Silent)
}

fn trip(probe: &HopProbe) -> String {
    probe.rtt.as_ref().map_or_else(|| "*".to_owned(), |rtt| elapsed(micros(Some(rtt))))
}

fn sender(icmp: &IcmpError) -> &str {
    if icmp.sender.is_empty() { "this host" } else { &icmp.sender }
}

/// Of an ICMP error that ends a trace; "time exceeded" is what every hop says.
fn kind(icmp: &IcmpError) -> String {
    let exceeded = if icmp.sender.contains(':') { 3 } else { 11 };
    if icmp.r#type == exceeded { String::new() } else { format!(" refuses (ICMP {}/{})", icmp.r#type, icmp.code) }
}

fn sizes(page: &mut Page, ladder: &PathMtu, evidence: &Evidence, wide: bool) {
    let by = match ladder.method() {
        MtuMethod::IcmpEcho => " by echo",
        MtuMethod::Udp => " by datagrams",
        MtuMethod::Unspecified => "",
    };
    let said = match ladder.conclusion() {
        MtuConclusion::Measured => format!("{} bytes{by}", ladder.mtu_bytes),
        MtuConclusion::BlackHole => {
            format!("{} bytes pass, {} vanish without a notice{by}", ladder.mtu_bytes, ladder.lost_from_bytes)
        }
        MtuConclusion::Unclear => format!("unclear{by}: sizes are lost at random, or the time was up"),
        MtuConclusion::Unanswered | MtuConclusion::Unspecified => {
            let why = evidence.failure.as_ref().map_or("no size is answered", |failure| failure.detail.as_str());
            format!("not measured: {why}")
        }
    };
    page.field("path MTU", &said);
    let known = [
        ("link", ladder.link_mtu_bytes),
        ("route", ladder.route_mtu_bytes),
        ("TCP's path", ladder.tcp_pmtu_bytes),
        ("MSS", ladder.mss_bytes),
    ];
    let known: Vec<String> =
        known.iter().filter(|(_, bytes)| *bytes > 0).map(|(name, bytes)| format!("{name} {bytes}")).collect();
    page.field("", &known.join(", "));
    let notices = ladder.rungs.iter().filter_map(|rung| rung.icmp.as_ref().map(|icmp| (rung, icmp)));
    page.list(
        "",
        notices.map(|(rung, icmp)| {
            format!(
                "{} says {} bytes are too big, its next link takes {}",
                sender(icmp),
                rung.size_bytes,
                icmp.mtu_bytes
            )
        }),
    );
    if wide {
        page.list("", ladder.rungs.iter().map(tried));
    }
}

fn tried(rung: &Rung) -> String {
    let what = match rung.outcome() {
        RungOutcome::Answered => format!("answered in {}", elapsed(micros(rung.rtt.as_ref()))),
        RungOutcome::TooBig => "too big for a router".to_owned(),
        RungOutcome::TooBigHere => "too big for this host".to_owned(),
        RungOutcome::Silent => format!("nothing, in {}", count(rung.attempts as usize, "attempt", "attempts")),
        RungOutcome::Unsent | RungOutcome::Unspecified => {
            rung.failure.as_ref().map_or_else(|| "not sent".to_owned(), |failure| failure.detail.clone())
        }
    };
    format!("{} bytes: {what}", rung.size_bytes)
}

fn echoes(page: &mut Page, echo: &Echo, evidence: &Evidence) {
    let mut said = match &evidence.failure {
        Some(failure) => failure.detail.clone(),
        None => format!("{} of {} came back", echo.received, echo.sent),
    };
    if let Some(trips) = &echo.round_trips {
        let [min, median, max, jitter] =
            [&trips.min, &trips.median, &trips.max, &trips.jitter].map(|trip| elapsed(micros(trip.as_ref())));
        said = format!("{said}, {min} to {max}, median {median}, jitter {jitter}");
    }
    for (number, what) in
        [(echo.duplicates, "duplicate"), (echo.reordered, "out of order"), (echo.corrupted, "corrupted")]
    {
        if number > 0 {
            said = format!("{said}, {number} {what}");
        }
    }
    if evidence.failure.is_none() && echo.sent < echo.count {
        said = format!("{said}; {} were to be sent", echo.count);
    }
    page.field("echo", &said);
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{CheckRun, CheckState, Conclusion};

    use super::*;

    fn shown(name: &str, wide: bool) -> String {
        let json = match name {
            "dying" => include_str!("../../testdata/path_dying.json"),
            _ => include_str!("../../testdata/path_healthy.json"),
        };
        let diagnosis: Diagnosis = sonde_proto::json::from_str(json).expect("it is a diagnosis");
        anstream::adapter::strip_str(&page(&diagnosis, wide, 100)).to_string()
    }

    #[test]
    fn a_healthy_path_shows_hops_sizes_and_echoes() {
        insta::assert_snapshot!(shown("healthy", true));
    }

    #[test]
    fn a_name_without_an_address_shows_why() {
        let check = |check: &str, conclusion: Conclusion, summary: &str| CheckRun {
            check: check.to_owned(),
            state: CheckState::Concluded.into(),
            conclusion: conclusion.into(),
            summary: summary.to_owned(),
            ..CheckRun::default()
        };
        let checks = vec![
            check("resolve", Conclusion::Broken, "nowhere.example does not exist"),
            check("path", Conclusion::Skipped, "the target has no address"),
        ];
        let page = page(&Diagnosis { checks, ..Diagnosis::default() }, false, 100);
        let page = anstream::adapter::strip_str(&page).to_string();
        assert!(page.contains("the target has no address") && page.contains("does not exist"), "{page}");
    }

    #[test]
    fn a_dying_path_shows_after_which_hop() {
        insta::assert_snapshot!(shown("dying", false));
    }
}
