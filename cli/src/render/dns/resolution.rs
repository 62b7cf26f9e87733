//! What a name comes to in programs of each kind: the steps side by side, and the JSON that is a contract.
//!
//! One object for each personality: `personality`, `steps` (`at`, `server`, `transport`, `name`, `type`, `outcome`, `elapsed`), `result`
//! (`addresses`, or `error` with `code` and `text`), `elapsed`. Durations are protobuf's: seconds with a final `s`. `at` counts from the
//! begin of the lookup.

use serde::Serialize;
use sonde_proto::v1::{DnsPersonality, DnsResolution, DnsStep, DnsStepOutcome, DnsTransport, Evidence};

use super::codes;
use crate::render::style::{BAD, FAINT, GOOD, LABEL, STRONG, UNSURE, paint};
use crate::render::text::{self, clean, columns, elapsed, fit};

/// One lookup and the evidence it is.
pub(crate) struct Lookup<'a> {
    /// With its times.
    pub(crate) evidence: &'a Evidence,
    /// What was seen.
    pub(crate) resolution: &'a DnsResolution,
}

/// The name that the command line takes.
pub(crate) fn personality(resolution: &DnsResolution) -> &'static str {
    match resolution.personality() {
        DnsPersonality::Unspecified => "?",
        DnsPersonality::Glibc => "glibc",
        DnsPersonality::Musl => "musl",
        DnsPersonality::Go => "go",
        DnsPersonality::System => "system",
    }
}

/// One lookup in JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    personality: &'static str,
    name: String,
    steps: Vec<StepDocument>,
    result: ResultDocument,
    elapsed: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    canonical_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    go: Option<GoDocument>,
    evidence: String,
}

#[derive(Debug, Serialize)]
struct StepDocument {
    at: String,
    server: String,
    transport: &'static str,
    name: String,
    r#type: String,
    outcome: String,
    elapsed: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum ResultDocument {
    Addresses(Vec<String>),
    Error { code: String, text: String },
}

#[derive(Debug, Serialize)]
struct GoDocument {
    netgo: bool,
    because: String,
    order: String,
}

/// The contract, in the order given.
pub(crate) fn documents(lookups: &[Lookup<'_>]) -> Vec<Document> {
    lookups.iter().map(document).collect()
}

fn document(lookup: &Lookup<'_>) -> Document {
    let Lookup { evidence, resolution } = lookup;
    let begin = text::micros(evidence.at.as_ref());
    Document {
        personality: personality(resolution),
        name: resolution.name.clone(),
        steps: resolution.steps.iter().map(|step| step_document(step, begin)).collect(),
        result: match failure_of(lookup) {
            None => ResultDocument::Addresses(resolution.addresses.clone()),
            Some((code, text)) => ResultDocument::Error { code, text },
        },
        elapsed: seconds(text::micros(evidence.elapsed.as_ref())),
        source: resolution.source.clone(),
        canonical_name: resolution.canonical_name.clone(),
        go: resolution.go.as_ref().map(|go| GoDocument {
            netgo: go.netgo,
            because: go.because.clone(),
            order: go.order.clone(),
        }),
        evidence: evidence.id.clone(),
    }
}

fn step_document(step: &DnsStep, begin: u64) -> StepDocument {
    let (at, took) = times(step);
    StepDocument {
        at: seconds(at.saturating_sub(begin)),
        server: step.server.as_ref().map_or_else(String::new, |server| text::socket(&server.address, server.port)),
        transport: transport(step.transport()),
        name: step.name.clone(),
        r#type: codes::record_type(step.qtype),
        outcome: outcome(step),
        elapsed: seconds(took),
        addresses: step.addresses.clone(),
        detail: detail(step),
    }
}

/// Why there are no addresses: as the runtime says it, or why the lookup could not be done.
fn failure_of(lookup: &Lookup<'_>) -> Option<(String, String)> {
    if let Some(error) = &lookup.resolution.error {
        return Some((error.code.clone(), error.text.clone()));
    }
    lookup.evidence.failure.as_ref().map(|failure| (failure.error_type.clone(), failure.detail.clone()))
}

fn times(step: &DnsStep) -> (u64, u64) {
    let timing = step.timing.as_ref();
    let part = |duration: Option<&prost_types::Duration>| text::micros(duration);
    (part(timing.and_then(|timing| timing.at.as_ref())), part(timing.and_then(|timing| timing.elapsed.as_ref())))
}

/// An RCODE's name, or in one word how it ended.
fn outcome(step: &DnsStep) -> String {
    match step.outcome() {
        DnsStepOutcome::Answered => codes::response_code(step.rcode.unwrap_or_default()),
        DnsStepOutcome::Truncated => "truncated".to_owned(),
        DnsStepOutcome::TimedOut => "timeout".to_owned(),
        DnsStepOutcome::Rejected => "rejected".to_owned(),
        DnsStepOutcome::Failed => match step.failure.as_ref().map(|failure| failure.error_type.as_str()) {
            Some("connection_refused") => "refused".to_owned(),
            Some(other) => other.to_owned(),
            None => "failed".to_owned(),
        },
        DnsStepOutcome::Abandoned => "abandoned".to_owned(),
        DnsStepOutcome::Unspecified => String::new(),
    }
}

fn detail(step: &DnsStep) -> String {
    match &step.failure {
        Some(failure) => failure.detail.clone(),
        None => step.rejection.clone(),
    }
}

fn transport(transport: DnsTransport) -> &'static str {
    match transport {
        DnsTransport::Tcp => "tcp",
        DnsTransport::Tls => "tls",
        DnsTransport::Https => "https",
        DnsTransport::Quic => "quic",
        DnsTransport::Udp | DnsTransport::Unspecified => "udp",
    }
}

/// As protobuf's JSON mapping writes durations, with microseconds.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
}

/// The personalities below each other where there is no room, else side by side.
pub(crate) fn page(name: &str, lookups: &[Lookup<'_>], width: usize, wide: bool) -> String {
    let blocks: Vec<Vec<String>> = lookups.iter().map(|lookup| block(lookup, wide)).collect();
    let widest = blocks.iter().flatten().map(|line| visible(line)).max().unwrap_or(0);
    let mut page = format!("{}\n\n", paint(STRONG, &clean(name)));
    let abreast = (width / (widest + GUTTER).max(1)).clamp(1, blocks.len().max(1));
    for row in blocks.chunks(abreast) {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cells = row.iter().map(|block| {
                let cell = block.get(line).map_or("", String::as_str);
                let fill = (widest + GUTTER).saturating_sub(visible(cell));
                format!("{cell}{:fill$}", "")
            });
            page.push_str(cells.collect::<String>().trim_end());
            page.push('\n');
        }
        page.push('\n');
    }
    page
}

fn block(lookup: &Lookup<'_>, wide: bool) -> Vec<String> {
    let Lookup { evidence, resolution } = lookup;
    let took = elapsed(text::micros(evidence.elapsed.as_ref()));
    let mut lines = vec![format!("{}  {}", paint(LABEL, personality(resolution)), paint(FAINT, &took))];
    let begin = text::micros(evidence.at.as_ref());
    for step in &resolution.steps {
        lines.push(step_line(step, begin, wide));
    }
    match failure_of(lookup) {
        None => {
            let from = if resolution.source.is_empty() {
                String::new()
            } else {
                format!(" from {}", clean(&resolution.source))
            };
            lines.push(format!(
                "{}{from}",
                paint(GOOD, &resolution.addresses.iter().map(|address| clean(address)).collect::<Vec<_>>().join(" "))
            ));
        }
        Some((code, text)) => {
            let style = if resolution.error.is_some() { BAD } else { UNSURE };
            lines.push(format!("{} {}", paint(style, &clean(&code)), clean(&text)));
        }
    }
    if let Some(go) = &resolution.go {
        let taken = if go.netgo { "netgo" } else { "cgo" };
        lines.push(paint(FAINT, &format!("built with cgo: {taken}, {}", clean(&go.because))));
    }
    lines
}

fn step_line(step: &DnsStep, begin: u64, wide: bool) -> String {
    let (at, took) = times(step);
    let server = step.server.as_ref().map_or("", |server| server.address.as_str());
    let over = if step.transport() == DnsTransport::Udp { "" } else { "/tcp" };
    let more = if wide && !detail(step).is_empty() { format!(" {}", clean(&detail(step))) } else { String::new() };
    format!(
        "{} {} {} @{}{over} {} {}{more}",
        paint(FAINT, &fit(&format!("+{}", elapsed(at.saturating_sub(begin))), 9)),
        fit(&codes::record_type(step.qtype), 4),
        clean(&step.name),
        clean(server),
        outcome(step),
        paint(FAINT, &elapsed(took)),
    )
}

/// Columns without the escape sequences of colours.
fn visible(line: &str) -> usize {
    let mut plain = String::with_capacity(line.len());
    let mut escaped = false;
    for character in line.chars() {
        match character {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            _ => plain.push(character),
        }
    }
    columns(&plain)
}

/// Between two personalities.
const GUTTER: usize = 4;

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{DnsResolveError, Endpoint, Timing};

    use super::*;

    fn duration(micros: i32) -> prost_types::Duration {
        prost_types::Duration { seconds: 0, nanos: micros * 1000 }
    }

    fn step(at: i32, server: &str, qtype: u32, outcome: DnsStepOutcome, rcode: Option<u32>) -> DnsStep {
        DnsStep {
            timing: Some(Timing { at: Some(duration(at)), elapsed: Some(duration(300)) }),
            server: Some(Endpoint { address: server.into(), port: 53 }),
            transport: DnsTransport::Udp.into(),
            name: "orders.example.".into(),
            qtype,
            outcome: outcome.into(),
            rcode,
            ..DnsStep::default()
        }
    }

    fn found() -> DnsResolution {
        DnsResolution {
            name: "orders.example".into(),
            personality: DnsPersonality::Glibc.into(),
            steps: vec![
                step(1100, "192.0.2.1", 1, DnsStepOutcome::Answered, Some(0)),
                step(1100, "192.0.2.1", 28, DnsStepOutcome::TimedOut, None),
            ],
            source: "dns".into(),
            addresses: vec!["192.0.2.5".into()],
            ..DnsResolution::default()
        }
    }

    fn absent() -> DnsResolution {
        DnsResolution {
            name: "orders.example".into(),
            personality: DnsPersonality::Musl.into(),
            steps: vec![step(1200, "192.0.2.2", 1, DnsStepOutcome::Answered, Some(3))],
            error: Some(DnsResolveError { code: "EAI_NONAME".into(), text: "Name does not resolve".into() }),
            ..DnsResolution::default()
        }
    }

    fn evidence() -> Evidence {
        Evidence {
            id: "00000000000000aa".into(),
            at: Some(duration(1000)),
            elapsed: Some(duration(5000)),
            ..Evidence::default()
        }
    }

    #[test]
    fn the_json_has_the_fields_of_the_contract() {
        let (evidence, one, other) = (evidence(), found(), absent());
        let lookups =
            [Lookup { evidence: &evidence, resolution: &one }, Lookup { evidence: &evidence, resolution: &other }];
        let json = serde_json::to_value(documents(&lookups)).expect("it is JSON");

        assert_eq!(json[0]["personality"], "glibc");
        assert_eq!(json[0]["steps"][0]["at"], "0.000100s");
        assert_eq!(json[0]["steps"][0]["server"], "192.0.2.1:53");
        assert_eq!(json[0]["steps"][0]["type"], "A");
        assert_eq!(json[0]["steps"][0]["outcome"], "NOERROR");
        assert_eq!(json[0]["steps"][1]["outcome"], "timeout");
        assert_eq!(json[0]["result"]["addresses"][0], "192.0.2.5");
        assert_eq!(json[1]["result"]["error"]["code"], "EAI_NONAME");
        assert_eq!(json[1]["elapsed"], "0.005000s");
    }

    #[test]
    fn personalities_stand_side_by_side_where_there_is_room() {
        let (evidence, one, other) = (evidence(), found(), absent());
        let lookups =
            [Lookup { evidence: &evidence, resolution: &one }, Lookup { evidence: &evidence, resolution: &other }];

        insta::assert_snapshot!(
            anstream::adapter::strip_str(&page("orders.example", &lookups, 160, false)).to_string()
        );
        let narrow = page("orders.example", &lookups, 60, false);
        assert!(narrow.lines().count() > page("orders.example", &lookups, 160, false).lines().count());
    }
}
