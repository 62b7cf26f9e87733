//! What `sonde dial` shows: a line for each address, each session with its chain, each hop, and the check's own notes.

mod address;
mod hop;
mod series;
mod session;

use sonde_proto::v1::{CheckRun, CheckState, Connection, Diagnosis, Endpoint, Evidence, TlsSession, evidence::Call};

use crate::render::layer;
use crate::render::page::Page;
use crate::render::style::{FAINT, Mark, STRONG, paint};
use crate::render::text::{clean, elapsed, micros};

/// The page; `wide` adds serial numbers, fingerprints, key identifiers and where a certificate's issuer says more.
pub(crate) fn page(diagnosis: &Diagnosis, wide: bool, width: usize) -> String {
    let mut page = Page::new(width);
    let dials: Vec<Dialled<'_>> = diagnosis.evidence.iter().filter_map(Dialled::of).collect();
    let namespace = match diagnosis.network_namespace {
        0 => String::new(),
        inode => format!("network namespace {inode}"),
    };
    page.line(&format!("{}  {}", paint(STRONG, &clean(&diagnosis.target)), paint(FAINT, &clean(&namespace))));
    let (first, hops): (Vec<_>, Vec<_>) = dials.iter().partition(|dial| hop::is_first(dial, &dials));
    address::draw(&mut page, &first);
    let repeated = series::draw(&mut page, diagnosis);
    hop::draw(&mut page, &first, &hops);
    session::draw(&mut page, &dials, wide);
    for run in diagnosis.checks.iter().filter(|run| run.check == CHECK) {
        conclude(&mut page, run, (dials.is_empty() && !repeated).then_some(diagnosis));
    }
    page.gap();
    page.faint(&format!("run {}  trace {}", diagnosis.run_id, diagnosis.trace_id));
    page.faint(&format!("{} in all", elapsed(micros(diagnosis.elapsed.as_ref()))));
    page.finish()
}

/// What the check itself says; where it asked nothing also why there was no address.
pub(super) fn conclude(page: &mut Page, run: &CheckRun, why: Option<&Diagnosis>) {
    page.gap();
    let said = if run.state() == CheckState::Stopped { layer::stopped(run) } else { run.summary.clone() };
    page.headline(layer::mark(run), &said);
    for before in why.into_iter().flat_map(|diagnosis| &diagnosis.checks).filter(|before| before.check != run.check) {
        page.list("", [&before.summary]);
    }
    for note in &run.notes {
        page.list("", [format!("{}: {}", note.name, note.text)]);
    }
    page.field("next step", &run.next_step);
}

/// One dial: the parts that all kinds have.
#[derive(Clone, Copy, Debug)]
struct Dialled<'a> {
    evidence: &'a Evidence,
    remote: &'a Endpoint,
    connection: Option<&'a Connection>,
    session: Option<&'a TlsSession>,
}

impl<'a> Dialled<'a> {
    fn of(evidence: &'a Evidence) -> Option<Self> {
        let (remote, connection, session) = match evidence.call.as_ref().filter(|_| evidence.check == CHECK)? {
            Call::TcpDial(dial) => (&dial.remote, &dial.connection, None),
            Call::TlsDial(dial) => (&dial.remote, &dial.connection, dial.session.as_ref()),
            Call::HttpExchange(exchange) => (&exchange.remote, &exchange.connection, exchange.session.as_ref()),
            _ => return None,
        };
        Some(Self { evidence, remote: remote.as_ref()?, connection: connection.as_ref(), session })
    }

    /// It succeeded, and what it presented is accepted.
    fn mark(&self) -> Mark {
        let good = self.evidence.failure.is_none() && self.session.is_none_or(session::is_accepted);
        if good { Mark::Works } else { Mark::Broken }
    }
}

/// The check behind the command.
const CHECK: &str = "dial";

#[cfg(test)]
mod tests;
