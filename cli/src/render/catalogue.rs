//! Checks, causes and the daemon itself, for people.

use comfy_table::{Cell, ContentArrangement, Table};
use sonde_proto::v1::{Cause, Check, CheckArgument, CostClass, GetInfoResponse, Parameter, ParameterKind};

use crate::connection::Origin;
use crate::render::page::Page;
use crate::render::style::{FAINT, STRONG, paint};
use crate::render::text::{clean, moment};

/// The checks, one on each line.
pub(crate) fn checks(checks: &[Check], wide: bool, width: usize) -> String {
    let mut header = vec!["NAME", "SUMMARY", "TARGETS"];
    if wide {
        header.extend(["VERSION", "COST", "AFTER", "ORIGIN", "DIGEST"]);
    }
    let rows = checks.iter().map(|check| {
        let mut row = vec![check.name.clone(), check.summary.clone(), check.targets.join(" ")];
        if wide {
            let digest = check.digest.chars().take(12).collect();
            row.extend([
                check.version.clone(),
                cost(check.cost()).to_owned(),
                check.after.join(" "),
                check.origin.clone(),
                digest,
            ]);
        }
        row
    });
    table(&header, rows, width)
}

/// One check, with all that it says of itself.
pub(crate) fn check(check: &Check, width: usize) -> String {
    let mut page = Page::new(width);
    page.line(&format!("{}  {}", paint(STRONG, &clean(&check.name)), paint(FAINT, &clean(&check.version))));
    page.paragraph(&check.summary);
    page.field("targets", &check.targets.join(", "));
    page.field("cost", cost(check.cost()));
    page.field("after", &check.after.join(", "));
    page.field("calls", &check.interfaces.join(", "));
    page.field("wants", &check.destinations.join(", "));
    page.list("parameters", check.parameters.iter().map(parameter));
    page.field("decides", &check.causes.join(", "));
    page.list("properties", check.properties.iter().map(property));
    page.field("origin", &check.origin);
    page.field("digest", &check.digest);
    page.finish()
}

/// The causes, one on each line.
pub(crate) fn causes(causes: &[Cause], wide: bool, width: usize) -> String {
    let mut header = vec!["ID", "WHAT IS WRONG"];
    if wide {
        header.extend(["REMEDY", "CHECKS"]);
    }
    let rows = causes.iter().map(|cause| {
        let mut row = vec![cause.id.clone(), cause.title.clone()];
        if wide {
            row.extend([cause.remedy.clone(), cause.checks.join(" ")]);
        }
        row
    });
    table(&header, rows, width)
}

/// One cause, explained.
pub(crate) fn cause(cause: &Cause, width: usize) -> String {
    let mut page = Page::new(width);
    page.line(&format!("{}  {}", paint(STRONG, &clean(&cause.id)), paint(FAINT, &clean(&cause.layer))));
    page.paragraph(&cause.title);
    page.field("proof", &cause.proof);
    page.list(
        "look-alikes",
        cause.look_alikes.iter().map(|other| match (other.cause.as_str(), other.separator.as_str()) {
            ("", separator) => separator.to_owned(),
            (id, "") => id.to_owned(),
            (id, separator) => format!("{id}: {separator}"),
        }),
    );
    page.field("remedy", &cause.remedy);
    let none = "no check here can decide it yet".to_owned();
    page.field("checks", &if cause.checks.is_empty() { none } else { cause.checks.join(", ") });
    page.finish()
}

/// The daemon.
pub(crate) fn daemon(info: &GetInfoResponse, origin: &Origin, width: usize) -> String {
    let mut page = Page::new(width);
    page.line(&paint(STRONG, &clean(&format!("sonded {}", info.version))));
    page.field("answers", &origin.to_string());
    page.field("process", &info.pid.to_string());
    page.field("since", &info.started_at.as_ref().map(moment).unwrap_or_default());
    page.field("namespaces", &format!("network {}, mount {}", info.network_namespace, info.mount_namespace));
    page.field("running", &info.running_diagnoses.to_string());
    page.field("traces", if info.exports_traces { "exported" } else { "not exported: no OTLP endpoint is set" });
    page.field("checks", &info.checks.join(", "));
    page.field("kernel", &info.kernel_release);
    page.list(
        "features",
        info.kernel_features.iter().map(|feature| {
            let there = if feature.available { "yes" } else { "no" };
            let detail = if feature.detail.is_empty() { String::new() } else { format!(" ({})", feature.detail) };
            format!("{}: {there}{detail}", feature.name)
        }),
    );
    let none = "none: some evidence will be missing".to_owned();
    page.field("privileges", &if info.capabilities.is_empty() { none } else { info.capabilities.join(", ") });
    page.finish()
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, width: usize) -> String {
    table_of(header, rows.map(|row| row.iter().map(|cell| Cell::new(clean(cell))).collect()), width)
}

/// Columns without lines between them; what is in the cells has been made harmless.
pub(crate) fn table_of(header: &[&str], rows: impl Iterator<Item = Vec<Cell>>, width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .force_no_tty()
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    if table.row_count() == 0 {
        text.push_str("(none)\n");
    }
    text
}

fn parameter(parameter: &Parameter) -> String {
    let kind = match parameter.kind() {
        ParameterKind::Unspecified => "?",
        ParameterKind::Text => "text",
        ParameterKind::Integer => "integer",
        ParameterKind::Number => "number",
        ParameterKind::Boolean => "true|false",
        ParameterKind::Duration => "duration",
        ParameterKind::Address => "address",
    };
    let unit =
        if matches!(parameter.unit.as_str(), "" | "1") { String::new() } else { format!(" in {}", parameter.unit) };
    let default = parameter.default_value.as_ref().map(|value| format!(" [default: {value}]")).unwrap_or_default();
    format!("{}=<{kind}{unit}>  {}{default}", parameter.name, parameter.summary)
}

fn property(property: &CheckArgument) -> String {
    format!("{}={}", property.name, property.value)
}

fn cost(cost: CostClass) -> &'static str {
    match cost {
        CostClass::Unspecified => "",
        CostClass::Cheap => "cheap",
        CostClass::Moderate => "moderate",
        CostClass::Heavy => "heavy",
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use sonde_proto::json;
    use sonde_proto::v1::{ListCausesResponse, ListChecksResponse};

    use super::*;

    fn listed_checks() -> Vec<Check> {
        let text = include_str!("../../testdata/checks.json");
        json::from_str::<ListChecksResponse>(text).expect("it is right").checks
    }

    fn listed_causes() -> Vec<Cause> {
        let text = include_str!("../../testdata/causes.json");
        json::from_str::<ListCausesResponse>(text).expect("it is right").causes
    }

    #[test]
    fn checks_are_a_table_that_keeps_to_its_width() {
        let text = checks(&listed_checks(), false, 60);

        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn wide_checks_show_where_they_come_from() {
        insta::assert_snapshot!(checks(&listed_checks(), true, 140));
    }

    #[test]
    fn a_check_shows_parameters_with_kinds_units_and_defaults() {
        insta::assert_snapshot!(strip_str(&check(&listed_checks()[1], 90)).to_string());
    }

    #[test]
    fn causes_are_a_table() {
        insta::assert_snapshot!(causes(&listed_causes(), false, 90));
    }

    #[test]
    fn a_cause_shows_proof_look_alikes_and_remedy() {
        insta::assert_snapshot!(strip_str(&cause(&listed_causes()[0], 90)).to_string());
    }

    #[test]
    fn nothing_to_list_is_said() {
        assert!(causes(&[], false, 80).ends_with("(none)\n"));
    }

    #[test]
    fn the_daemon_shows_what_it_can_do_here() {
        let text = include_str!("../../testdata/info.json");
        let info: GetInfoResponse = json::from_str(text).expect("it is right");
        let origin = Origin::Daemon { endpoint: "unix:/run/sonde/sonde.sock".into() };

        insta::assert_snapshot!(strip_str(&daemon(&info, &origin, 90)).to_string());
    }
}
