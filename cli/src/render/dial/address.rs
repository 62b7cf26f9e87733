//! The addresses, one on each line: from where, how long, what the kernel says of the connection, or how it failed; and its phases.

use sonde_proto::v1::{Connection, Failure};

use super::Dialled;
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, paint};
use crate::render::text::{clean, columns, count, cut, elapsed, fit, micros, socket};
use crate::render::timeline::{Scale, Span, spans};

/// One line for each address, with the bars of its first dial.
pub(super) fn draw(page: &mut Page, dials: &[&Dialled<'_>]) {
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for dial in dials {
        let remote = socket(&dial.remote.address, dial.remote.port);
        if !seen.contains(&remote) {
            rows.push(Row::of(&remote, dials));
            seen.push(remote);
        }
    }
    if rows.is_empty() {
        return;
    }
    let widths: [usize; COLUMNS] = std::array::from_fn(|index| {
        let cells = rows.iter().filter_map(|row| row.facts.as_ref().ok()).map(|facts| columns(&facts[index]));
        cells.chain(std::iter::once(columns(HEADER[index]))).max().unwrap_or(0)
    });
    let address = rows.iter().map(|row| columns(&row.remote)).max().unwrap_or(0).max(columns("address"));
    let facts_width = widths.iter().sum::<usize>() + 2 * (COLUMNS - 1);
    let bar = match page.width().saturating_sub(address + facts_width + 6) {
        0..12 => 0,
        room => room.min(36),
    };
    let all = || rows.iter().flat_map(|row| &row.spans);
    let scale = Scale::over(all(), bar);
    if rows.iter().any(|row| row.facts.is_ok()) {
        let header = aligned(&HEADER.map(str::to_owned), &widths);
        page.line(&paint(FAINT, &format!("  {}  {header}", fit("address", address))));
    }
    for row in &rows {
        let sign = paint(row.mark.style(), row.mark.sign());
        let facts = match &row.facts {
            Ok(cells) => aligned(cells, &widths),
            // Never cut: the error is what the line is for.
            Err(failure) => fit(failure, facts_width.max(columns(failure))),
        };
        let drawn = match &row.facts {
            Err(failure) if columns(failure) > facts_width => String::new(),
            _ => paint(row.mark.style(), scale.bar(&row.spans).trim_end()),
        };
        page.line(&format!("{sign} {}  {facts}  {drawn}", fit(&row.remote, address)));
    }
    if bar > 0 && all().next().is_some() {
        let legend = scale.legend(all());
        let margin = (address + facts_width + 6).min(page.width().saturating_sub(columns(&legend)));
        page.line(&format!("{:margin$}{}", "", paint(FAINT, &cut(&legend, page.width()))));
    }
}

struct Row {
    mark: Mark,
    remote: String,
    /// What the kernel says, or how it failed.
    facts: Result<[String; COLUMNS], String>,
    spans: Vec<Span>,
}

impl Row {
    fn of(remote: &str, dials: &[&Dialled<'_>]) -> Self {
        let here: Vec<_> =
            dials.iter().filter(|dial| socket(&dial.remote.address, dial.remote.port) == remote).collect();
        let failed: Vec<_> = here.iter().filter(|dial| dial.evidence.failure.is_some()).collect();
        // One that succeeded says most; that others did not, the sign and the notes say.
        let shown = here.iter().find(|dial| dial.evidence.failure.is_none()).or(here.first());
        let mark = match (shown, failed.len()) {
            (Some(dial), 0) => dial.mark(),
            (_, some) if some < here.len() => Mark::Unclear,
            _ => Mark::Broken,
        };
        let failure = shown.and_then(|dial| dial.evidence.failure.as_ref());
        let facts = match (failure, shown.and_then(|dial| dial.connection)) {
            (Some(failure), connection) => Err(clean(&failed_words(failure, connection, remote))),
            (None, connection) => Ok(connection.map(cells).unwrap_or_default()),
        };
        Self { mark, remote: clean(remote), facts, spans: shown.map(|dial| spans(dial.evidence)).unwrap_or_default() }
    }
}

/// In the order of [`HEADER`].
fn cells(connection: &Connection) -> [String; COLUMNS] {
    let info = connection.info.as_ref();
    let figure = |micros: u64| if micros == 0 { "–".to_owned() } else { elapsed(micros) };
    let handshake = connection.connect.as_ref().map_or(0, |timing| micros(timing.elapsed.as_ref()));
    // A repeated SYN spoils the kernel's round trip.
    let rtt = info.filter(|_| connection.syn_retransmits == 0).map_or(0, |info| micros(info.rtt.as_ref()));
    let sizes = info.map_or_else(String::new, |info| format!("{}/{}", info.snd_mss_bytes, info.pmtu_bytes));
    [
        connection.local.as_ref().map_or_else(String::new, |local| format!(":{}", local.port)),
        elapsed(handshake),
        connection.scheduler_delay.as_ref().map_or_else(|| "–".to_owned(), |delay| elapsed(micros(Some(delay)))),
        figure(rtt),
        connection.syn_retransmits.to_string(),
        sizes,
    ]
}

/// `ECONNREFUSED connection refused, after 120 µs ; ICMP type 3 code 13 from 192.0.2.1`, without the address that the line begins with, and how often the SYN was sent again.
pub(super) fn failed_words(failure: &Failure, connection: Option<&Connection>, remote: &str) -> String {
    let said = failure.detail.split_once(&format!("{remote}: ")).map_or(failure.detail.as_str(), |(_, rest)| rest);
    let mut text = match failure.errno_name.as_str() {
        "" => said.to_owned(),
        name => format!("{name} {said}"),
    };
    text = format!("{text}, after {}", elapsed(micros(failure.elapsed.as_ref())));
    if let Some(icmp) = &failure.icmp {
        let sender = if icmp.sender.is_empty() { "this host's kernel" } else { &icmp.sender };
        text = format!("{text}; ICMP type {} code {} from {sender}", icmp.r#type, icmp.code);
    }
    match connection.map_or(0, |connection| connection.syn_retransmits) {
        0 => text,
        again => format!("{text}; {}", count(again as usize, "SYN retransmit", "SYN retransmits")),
    }
}

/// Numbers at the right of their columns.
pub(super) fn aligned<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| {
        let fill = width.saturating_sub(columns(cell));
        format!("{:fill$}{cell}", "")
    });
    cells.collect::<Vec<_>>().join("  ")
}

const COLUMNS: usize = 6;
const HEADER: [&str; COLUMNS] = ["from", "handshake", "scheduler", "kernel rtt", "SYN again", "mss/pmtu"];
