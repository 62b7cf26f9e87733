//! One line for each layer of a diagnosis: how it stands, the facts, how long, and when.
//!
//! A layer is what one check tested. The facts are those of the host call that says most about it.

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{CheckRun, CheckState, Conclusion, Diagnosis, Evidence, StopReason};

use crate::render::call::{answer, question};
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, STRONG, paint};
use crate::render::text::{clean, columns, elapsed, fit, micros};
use crate::render::timeline::{Phase, Scale, Span, spans};

/// The lines of all layers, with the legend of their bars.
pub(crate) fn draw(page: &mut Page, diagnosis: &Diagnosis) {
    let layers: Vec<Layer> = diagnosis.checks.iter().map(|check| Layer::of(check, diagnosis)).collect();
    let name_width = layers.iter().map(|layer| columns(&layer.name)).max().unwrap_or(0).clamp(4, 16);
    let bar_width = match page.width() {
        0..70 => 0,
        width => (width / 4).min(36),
    };
    let facts_width = page.width().saturating_sub(name_width + TIME_WIDTH + bar_width + 8).max(16);
    let all = || layers.iter().flat_map(|layer| &layer.spans);
    let scale = Scale::over(all(), bar_width);
    for layer in &layers {
        let sign = paint(layer.mark.style(), layer.mark.sign());
        let name = paint(STRONG, &fit(&layer.name, name_width));
        let facts = fit(&layer.facts, facts_width);
        let bar = scale.bar(&layer.spans);
        let bar = match bar.trim_end() {
            "" => String::new(),
            drawn => paint(layer.mark.style(), drawn),
        };
        page.line(&format!("{sign} {name}  {facts}  {:>TIME_WIDTH$}  {bar}", layer.time));
    }
    if bar_width > 0 && all().next().is_some() {
        let margin = name_width + facts_width + TIME_WIDTH + 8;
        let legend = scale.legend(all());
        // Under the bars where it fits, else at the right edge.
        let margin = margin.min(page.width().saturating_sub(columns(&legend)));
        page.line(&format!("{:margin$}{}", "", paint(FAINT, &legend)));
    }
}

/// How a check stands.
pub(crate) fn mark(check: &CheckRun) -> Mark {
    match (check.state(), check.conclusion()) {
        (CheckState::Concluded, Conclusion::Works) => Mark::Works,
        (CheckState::Concluded, Conclusion::Broken) => Mark::Broken,
        (CheckState::Concluded, Conclusion::Unclear | Conclusion::Unspecified) => Mark::Unclear,
        (CheckState::Concluded, Conclusion::Skipped) => Mark::Skipped,
        (CheckState::Stopped, _) => Mark::Stopped,
        (CheckState::Unspecified | CheckState::Pending | CheckState::Running, _) => Mark::Open,
    }
}

/// Why the host stopped a check, in words.
fn stop_reason(check: &CheckRun) -> &'static str {
    match check.stop_reason() {
        StopReason::Unspecified => "for an unknown reason",
        StopReason::CpuBudget => "it used up its CPU time",
        StopReason::Memory => "it wanted more memory than it may have",
        StopReason::Deadline => "its time was up",
        StopReason::DataLimit => "it passed more data than it may",
        StopReason::Trap => "it trapped",
        StopReason::Error => "it failed by itself",
        StopReason::Cancelled => "the run was cancelled",
    }
}

/// Why the host stopped a check, and its own words where they add to that.
pub(crate) fn stopped(check: &CheckRun) -> String {
    let reason = stop_reason(check);
    if check.summary.is_empty() || check.summary == reason {
        reason.to_owned()
    } else {
        format!("{reason}: {}", check.summary)
    }
}

struct Layer {
    mark: Mark,
    name: String,
    facts: String,
    time: String,
    spans: Vec<Span>,
}

impl Layer {
    fn of(check: &CheckRun, diagnosis: &Diagnosis) -> Self {
        let calls: Vec<&Evidence> = telling_calls(check, diagnosis);
        let shown = most_telling(&calls, check, diagnosis);
        let facts = match mark(check) {
            Mark::Stopped => format!("stopped: {}", stopped(check)),
            Mark::Open => "did not begin or end".to_owned(),
            Mark::Skipped => check.summary.clone(),
            // Where no socket stands out, none of the searches says more than their sum.
            Mark::Works if check.check == "connections" => check.summary.clone(),
            Mark::Works | Mark::Broken | Mark::Unclear => match shown {
                Some(call) => format!("{}  {}", question(call), answer(call)),
                None => check.summary.clone(),
            },
        };
        let time = shown.map(|call| call.elapsed.as_ref()).or(Some(check.elapsed.as_ref())).flatten();
        // What succeeded is drawn on top of what failed at the same time.
        let mut spans: Vec<Span> = calls.iter().copied().flat_map(spans).collect();
        spans.sort_by_key(|span| span.phase != Phase::Lost);
        Self {
            mark: mark(check),
            name: clean(&name(&check.check, shown)),
            facts: clean(&facts),
            time: time.map_or_else(String::new, |time| elapsed(micros(Some(time)))),
            spans,
        }
    }
}

/// The layer that a built-in check tests; any other check stands for itself.
fn name(check: &str, shown: Option<&Evidence>) -> String {
    let call = shown.and_then(|evidence| evidence.call.as_ref());
    match (check, call) {
        ("resolve", _) => "dns",
        ("connect", Some(Call::DefaultRoutes(_) | Call::RouteLookup(_) | Call::NeighbourLookup(_))) => "route",
        ("connect", _) => "tcp",
        (other, _) => other,
    }
    .to_owned()
}

/// The calls of a check that are of the kind it is about, else of the highest kind it made.
fn telling_calls<'a>(check: &CheckRun, diagnosis: &'a Diagnosis) -> Vec<&'a Evidence> {
    let own = || diagnosis.evidence.iter().filter(|evidence| evidence.check == check.check);
    // What the hosts file answers works whatever the name servers say.
    let queried = || own().any(|evidence| matches!(evidence.call, Some(Call::DnsQuery(_))) && succeeded(evidence));
    if check.check == "resolve" && mark(check) == Mark::Works && !queried() {
        let hosts: Vec<_> = own().filter(|evidence| in_hosts_file(evidence)).collect();
        if !hosts.is_empty() {
            return hosts;
        }
    }
    let highest = own().map(rank).min();
    own().filter(|evidence| Some(rank(evidence)) == highest).collect()
}

/// What the first cause's proof cites, else what agrees with the check's conclusion, else the first.
fn most_telling<'a>(calls: &[&'a Evidence], check: &CheckRun, diagnosis: &Diagnosis) -> Option<&'a Evidence> {
    let cited = |evidence: &Evidence| {
        let causes = diagnosis.verdict.iter().flat_map(|verdict| &verdict.causes).take(1);
        causes.flat_map(|cause| &cause.proof).any(|argument| argument.evidence_ids.contains(&evidence.id))
    };
    let agrees = |evidence: &Evidence| (check.conclusion() == Conclusion::Works) == succeeded(evidence);
    let first = |wanted: &dyn Fn(&Evidence) -> bool| calls.iter().copied().find(|evidence| wanted(evidence));
    first(&cited).or_else(|| first(&agrees)).or_else(|| calls.first().copied())
}

/// The hosts file has addresses of the name.
fn in_hosts_file(evidence: &Evidence) -> bool {
    matches!(&evidence.call, Some(Call::DnsConfig(config)) if !config.hosts_addresses.is_empty())
}

/// Brought what one asks for: a name error is an answer, but none to go on with.
fn succeeded(evidence: &Evidence) -> bool {
    let empty = match &evidence.call {
        Some(Call::DnsQuery(query)) => {
            query.answer.as_ref().is_none_or(|answer| answer.rcode != 0 || answer.answers.is_empty())
        }
        Some(Call::HttpExchange(exchange)) => exchange.response.as_ref().is_none_or(|response| response.status >= 400),
        Some(Call::DnsResolution(resolution)) => resolution.addresses.is_empty(),
        _ => false,
    };
    evidence.failure.is_none() && !empty
}

/// What a built-in check is about comes first; else the higher the layer of a call, the more of the path it covers.
fn rank(evidence: &Evidence) -> u8 {
    match &evidence.call {
        Some(Call::DnsQuery(_)) if evidence.check == "resolve" => 0,
        Some(Call::TcpDial(_)) if evidence.check == "connect" => 0,
        Some(Call::TlsDial(_)) if evidence.check == "tls" => 0,
        Some(Call::Listeners(_)) if evidence.check == "listener" => 0,
        Some(Call::SocketSearch(_)) if evidence.check == "connections" => 0,
        Some(Call::HostFacts(_) | Call::ProcessFacts(_)) if evidence.check == "machine" => 0,
        Some(Call::HttpExchange(_)) => 0,
        Some(Call::TlsDial(_) | Call::TlsHelloDial(_)) => 1,
        Some(Call::Trace(_)) if evidence.check == "path" => 0,
        Some(Call::TcpDial(_) | Call::TcpSeries(_) | Call::UdpDial(_)) => 2,
        Some(Call::DnsQuery(_)) => 3,
        Some(Call::DnsResolution(_)) => 4,
        Some(Call::DnsWalk(_) | Call::ProcessFacts(_)) => 5,
        Some(Call::Listeners(_)) => 6,
        Some(Call::Census(_)) => 7,
        Some(Call::DefaultRoutes(_)) => 8,
        Some(Call::RouteLookup(_)) => 9,
        Some(Call::NeighbourLookup(_)) => 10,
        Some(Call::Links(_)) => 11,
        Some(Call::DnsConfig(_)) => 12,
        Some(Call::Counters(_)) => 13,
        Some(Call::ClockState(_)) => 14,
        // Beside the point of whatever asks for them.
        Some(
            Call::SocketSearch(_)
            | Call::ConntrackLookup(_)
            | Call::ArpLookup(_)
            | Call::Proxies(_)
            | Call::PolicyRules(_)
            | Call::RouteTable(_)
            | Call::NeighbourTable(_)
            | Call::Sysctls(_)
            | Call::Environment(_)
            | Call::CgroupFacts(_)
            | Call::HostFacts(_)
            | Call::History(_)
            | Call::Trace(_)
            | Call::PathMtu(_)
            | Call::Echo(_),
        ) => 15,
        Some(Call::Rejected(_)) => 16,
        None => 17,
    }
}

/// Room for `999.9 ms` and `600.000 s`.
const TIME_WIDTH: usize = 9;
