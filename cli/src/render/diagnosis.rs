//! The picture of a diagnosis: header, layers, verdict, footer; wide adds every finding and every host call.

use sonde_proto::v1::vantage::Where;
use sonde_proto::v1::{CheckState, Diagnosis, Evidence, Finding, Period, RunState, Stance, Strength};

use crate::connection::Origin;
use crate::render::call::{answer, question};
use crate::render::layer;
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, STRONG, paint};
use crate::render::text::{clean, cut, elapsed, fit, micros};
use crate::render::verdict;

/// The picture, `width` columns wide.
pub(crate) fn draw(diagnosis: &Diagnosis, origin: &Origin, wide: bool, width: usize) -> String {
    let mut page = Page::new(width);
    header(&mut page, diagnosis);
    layer::draw(&mut page, diagnosis);
    page.gap();
    verdict::draw(&mut page, diagnosis);
    if wide {
        checks(&mut page, diagnosis);
        findings(&mut page, &diagnosis.findings);
        evidence(&mut page, diagnosis);
    }
    page.gap();
    footer(&mut page, diagnosis, origin);
    page.finish()
}

fn header(page: &mut Page, diagnosis: &Diagnosis) {
    let vantage = match diagnosis.vantage.as_ref().and_then(|vantage| vantage.r#where.as_ref()) {
        Some(Where::NetnsPath(path)) => format!("from {path}"),
        Some(Where::Pid(pid)) => format!("from the namespaces of process {pid}"),
        None => "from here".to_owned(),
    };
    let target = paint(STRONG, &clean(&diagnosis.target));
    let namespace = format!("{vantage}, network namespace {}", diagnosis.network_namespace);
    page.line(&format!("{target}  {}", paint(FAINT, &clean(&namespace))));
    if let Some(Period { from: Some(from), to: Some(to) }) = &diagnosis.period {
        let second = |time: &prost_types::Timestamp| prost_types::Timestamp { nanos: 0, ..*time }.to_string();
        page.faint(&format!("as recorded from {} to {}", second(from), second(to)));
    }
}

fn footer(page: &mut Page, diagnosis: &Diagnosis, origin: &Origin) {
    match diagnosis.state() {
        RunState::Cancelled => page.headline(Mark::Stopped, "cancelled: this is what was known by then"),
        RunState::DeadlineExceeded => {
            page.headline(Mark::Stopped, "out of time: this is what was known by then; --timeout gives more");
        }
        RunState::Running => page.headline(Mark::Open, "still running"),
        RunState::Finished | RunState::Unspecified => {}
    }
    let time = elapsed(micros(diagnosis.elapsed.as_ref()));
    page.faint(&format!("run {}  trace {}", diagnosis.run_id, diagnosis.trace_id));
    page.faint(&format!("{time} {origin}"));
}

fn checks(page: &mut Page, diagnosis: &Diagnosis) {
    page.gap();
    page.line(&paint(STRONG, "checks"));
    for check in &diagnosis.checks {
        let mark = layer::mark(check);
        let said = if check.state() == CheckState::Stopped { layer::stopped(check) } else { check.summary.clone() };
        let text = format!("{}  {}  {said}", check.check, elapsed(micros(check.elapsed.as_ref())));
        page.line(&format!("{} {}", paint(mark.style(), mark.sign()), clean(&text)));
    }
}

fn findings(page: &mut Page, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    page.gap();
    page.line(&paint(STRONG, "findings"));
    for finding in findings {
        let stance = match finding.stance() {
            Stance::Supports => "supports",
            Stance::Refutes => "refutes",
            Stance::Unspecified => "?",
        };
        let strength = match finding.strength() {
            Strength::Proof => "proof",
            Strength::Strong => "strong",
            Strength::Weak => "weak",
            Strength::Unspecified => "?",
        };
        let head = format!(
            "{:>3} {}  {stance} {} ({strength})  {}",
            finding.index, finding.check, finding.cause, finding.subject
        );
        page.line(&clean(&head));
        let measures: Vec<String> = finding
            .measures
            .iter()
            .map(|measure| format!("{}={}{}", measure.name, measure.value, unit(&measure.unit)))
            .collect();
        let items = [finding.summary.clone(), measures.join("  "), finding.evidence_ids.join(" ")];
        page.list("", items.iter().filter(|item| !item.is_empty()));
    }
}

fn evidence(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.evidence.is_empty() {
        return;
    }
    page.gap();
    page.line(&paint(STRONG, "evidence"));
    for call in &diagnosis.evidence {
        page.line(&call_line(call, page.width()));
    }
    if diagnosis.evidence_left_out > 0 {
        page.faint(&format!("and {} more, left out here; -o jsonl streams them all", diagnosis.evidence_left_out));
    }
}

/// One host call on one line, painted.
fn call_line(call: &Evidence, width: usize) -> String {
    let mark = if call.failure.is_some() { Mark::Broken } else { Mark::Works };
    let at = format!("{:>9}", format!("+{}", elapsed(micros(call.at.as_ref()))));
    let time = format!("{:>9}", elapsed(micros(call.elapsed.as_ref())));
    let id = fit(&clean(&call.id), 16);
    let check = fit(&clean(&call.check), 8);
    let text = cut(&clean(&format!("{}  {}", question(call), answer(call))), width.saturating_sub(50).max(24));
    format!("{} {} {at} {time} {check} {text}", paint(mark.style(), mark.sign()), paint(FAINT, &id))
}

/// UCUM's `1` is no unit to show.
fn unit(ucum: &str) -> String {
    match ucum {
        "" | "1" => String::new(),
        "us" => " µs".to_owned(),
        "By" => " bytes".to_owned(),
        other => format!(" {other}"),
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use sonde_proto::json;
    use sonde_proto::v1::evidence::Call;
    use sonde_proto::v1::{CheckRun, Conclusion, DnsConfig, DnsQuery, Failure, StopReason};

    use super::*;

    macro_rules! diagnosis {
        ($name:literal) => {
            json::from_str::<Diagnosis>(include_str!(concat!("../../testdata/", $name, ".json"))).expect("it is right")
        };
    }

    fn drawn(diagnosis: &Diagnosis, wide: bool, width: usize) -> String {
        let origin = Origin::Embedded { reason: "no daemon is running".into() };
        strip_str(&draw(diagnosis, &origin, wide, width)).to_string()
    }

    #[test]
    fn a_time_that_is_over_is_named() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let period = Some(Period { from: at(1_795_000_000), to: at(1_795_000_120) });

        let text = drawn(&Diagnosis { period, ..diagnosis!("healthy") }, false, 100);

        assert!(text.contains("as recorded from 2026-11-18T11:06:40Z to 2026-11-18T11:08:40Z"), "{text}");
    }

    #[test]
    fn a_healthy_target_is_short() {
        insta::assert_snapshot!(drawn(&diagnosis!("healthy"), false, 100));
    }

    #[test]
    fn a_fault_shows_cause_proof_ruled_out_look_alikes_and_remedy() {
        insta::assert_snapshot!(drawn(&diagnosis!("expired"), false, 100));
    }

    #[test]
    fn wide_adds_every_finding_and_host_call() {
        insta::assert_snapshot!(drawn(&diagnosis!("expired"), true, 140));
    }

    #[test]
    fn an_undecided_run_shows_the_candidates_and_what_is_missing() {
        insta::assert_snapshot!(drawn(&diagnosis!("undecided"), false, 100));
    }

    #[test]
    fn stopped_checks_are_shown_with_their_reason_and_hostile_text_is_harmless() {
        let text = drawn(&diagnosis!("out_of_time"), false, 100);

        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_stopped_check_says_its_reason_once() {
        let mut diagnosis = diagnosis!("out_of_time");
        for check in diagnosis.checks.iter_mut().filter(|check| check.stop_reason() == StopReason::Deadline) {
            check.summary = "its time was up".to_owned();
        }

        let text = drawn(&diagnosis, true, 120);

        assert!(text.contains("its time was up") && !text.contains("up: its time was up"), "{text}");
    }

    #[test]
    fn a_name_of_the_hosts_file_shows_its_addresses_not_a_refused_query() {
        let failure = Failure { detail: "connection refused".into(), ..Failure::default() };
        let query = DnsQuery { name: "localhost.".into(), qtype: 1, ..DnsQuery::default() };
        let config = DnsConfig { hosts_addresses: vec!["127.0.0.1".into()], ..DnsConfig::default() };
        let call = |id: &str, call| Evidence {
            id: id.into(),
            check: "resolve".into(),
            call: Some(call),
            ..Evidence::default()
        };
        let refused = Evidence { failure: Some(failure), ..call("2", Call::DnsQuery(query)) };
        let check = CheckRun {
            check: "resolve".into(),
            state: CheckState::Concluded.into(),
            conclusion: Conclusion::Works.into(),
            ..CheckRun::default()
        };
        let diagnosis = Diagnosis {
            checks: vec![check],
            evidence: vec![refused, call("1", Call::DnsConfig(config))],
            ..Diagnosis::default()
        };

        let text = drawn(&diagnosis, false, 120);

        assert!(text.contains("hosts file: 127.0.0.1") && !text.contains("refused"), "{text}");
    }

    #[test]
    fn a_proof_that_is_said_twice_is_shown_once() {
        let mut diagnosis = diagnosis!("expired");
        let once = drawn(&diagnosis, false, 100);
        for cause in diagnosis.verdict.iter_mut().flat_map(|verdict| &mut verdict.causes) {
            cause.proof.extend(cause.proof.clone());
        }

        assert_eq!(drawn(&diagnosis, false, 100), once);
    }

    #[test]
    fn this_whole_host_shows_route_and_listeners() {
        insta::assert_snapshot!(drawn(&diagnosis!("host"), false, 100));
    }

    #[test]
    fn a_narrow_terminal_drops_the_bars() {
        insta::assert_snapshot!(drawn(&diagnosis!("expired"), false, 60));
    }

    #[test]
    fn no_layer_line_is_wider_than_the_page() {
        for width in [40, 60, 80, 100, 160] {
            let text = drawn(&diagnosis!("healthy"), false, width);
            assert!(text.lines().skip(1).all(|line| crate::render::text::columns(line) <= width), "{width}\n{text}");
        }
    }

    #[test]
    fn an_empty_diagnosis_is_drawn_without_a_panic() {
        assert!(drawn(&Diagnosis::default(), true, 0).contains("there is no verdict"));
    }
}
