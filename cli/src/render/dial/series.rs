//! The addresses that were dialled many times in one call, one on each line: how many connected, how long the handshakes took, and
//! below it why the others failed.

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{Diagnosis, Evidence, TcpSeries};

use super::CHECK;
use super::address::{aligned, failed_words};
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, paint};
use crate::render::text::{clean, columns, elapsed, fit, micros, socket};

/// Whether there was any.
pub(super) fn draw(page: &mut Page, diagnosis: &Diagnosis) -> bool {
    let own = diagnosis.evidence.iter().filter(|evidence| evidence.check == CHECK);
    let rows: Vec<Row> = own.filter_map(Row::of).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|index| {
        let cells = rows.iter().map(|row| columns(&row.cells[index]));
        cells.chain(std::iter::once(columns(HEADER[index]))).max().unwrap_or(0)
    });
    let address = rows.iter().map(|row| columns(&row.remote)).max().unwrap_or(0).max(columns("address"));
    if !rows.is_empty() {
        let header = aligned(&HEADER.map(str::to_owned), &widths);
        page.line(&paint(FAINT, &format!("  {}  {header}", fit("address", address))));
    }
    for row in &rows {
        let sign = paint(row.mark.style(), row.mark.sign());
        page.line(&format!("{sign} {}  {}", fit(&row.remote, address), aligned(&row.cells, &widths)));
        page.list("", &row.failures);
    }
    !rows.is_empty()
}

struct Row {
    mark: Mark,
    remote: String,
    /// In the order of [`HEADER`].
    cells: [String; COLUMNS],
    failures: Vec<String>,
}

impl Row {
    fn of(evidence: &Evidence) -> Option<Self> {
        let Some(Call::TcpSeries(series)) = &evidence.call else { return None };
        let remote = series.each.as_ref()?.remote.as_ref()?;
        let remote = socket(&remote.address, remote.port);
        let all = series.connected as usize == series.attempts.len() && evidence.failure.is_none();
        let mark = match series.connected {
            0 => Mark::Broken,
            _ if all => Mark::Works,
            _ => Mark::Unclear,
        };
        // Of the series itself, where it was not run at all, and of its attempts.
        let not_run = evidence.failure.iter().map(|failure| failed_words(failure, None, &remote));
        let groups = series.failures.iter().filter_map(|group| {
            let said = failed_words(group.first.as_ref()?, None, &remote);
            Some(format!("{} failed, the first with {said}", group.count))
        });
        let failures = not_run.chain(groups).collect();
        Some(Self { mark, cells: cells(series), failures, remote: clean(&remote) })
    }
}

fn cells(series: &TcpSeries) -> [String; COLUMNS] {
    let spread = series.spread.unwrap_or_default();
    let times = [spread.min, spread.median, spread.p99, spread.max, spread.jitter];
    // Where nothing connected there is none of them.
    let [min, median, p99, max, jitter] =
        times.map(|time| time.map_or_else(|| "–".to_owned(), |time| elapsed(micros(Some(&time)))));
    let connected = format!("{} of {}", series.connected, series.attempts.len());
    [connected, min, median, p99, max, jitter, series.syn_retransmits.to_string()]
}

const COLUMNS: usize = 7;
const HEADER: [&str; COLUMNS] = ["connected", "min", "median", "p99", "max", "jitter", "SYN again"];
