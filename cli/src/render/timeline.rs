//! Phase bars: when each part of a host call happened, drawn to the scale of the whole run.

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{Connection, DnsStepOutcome, DnsTransport, Evidence, Timing};

use crate::render::text::{elapsed, micros};

/// A part of a host call. Microseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// What was going on.
    pub(crate) phase: Phase,
    /// Its begin.
    pub(crate) from: u64,
    /// Its end.
    pub(crate) to: u64,
}

/// What was going on. Each has a shade of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The request is written, or its answer awaited.
    Wait,
    /// The answer comes; or the whole of a call that has no parts.
    Answer,
    /// Nothing that succeeded: the call failed.
    Lost,
}

impl Phase {
    /// One column wide.
    pub(crate) fn shade(self) -> char {
        match self {
            Self::Connect => '▒',
            Self::Tls => '▓',
            Self::Wait => '░',
            Self::Answer => '█',
            Self::Lost => '┄',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Wait => "wait",
            Self::Answer => "answer",
            Self::Lost => "failed",
        }
    }
}

/// The parts of one host call, in the order to draw them.
pub(crate) fn spans(evidence: &Evidence) -> Vec<Span> {
    let from = micros(evidence.at.as_ref());
    let to = from.saturating_add(micros(evidence.elapsed.as_ref()));
    let whole = if evidence.failure.is_some() { Phase::Lost } else { Phase::Answer };
    let mut spans = vec![Span { phase: whole, from, to }];
    match &evidence.call {
        Some(Call::TcpDial(dial)) => connected(&mut spans, dial.connection.as_ref(), evidence.failure.is_none()),
        Some(Call::TlsDial(dial)) => {
            let connection = dial.connection.as_ref();
            connected(&mut spans, connection, evidence.failure.is_none() || dial.handshake.is_some());
            if evidence.failure.is_none() {
                timed(&mut spans, Phase::Tls, dial.handshake.as_ref());
            }
        }
        Some(Call::HttpExchange(exchange)) => {
            let phases = exchange.phases.unwrap_or_default();
            let parts = [phases.connect, phases.tls, phases.send, phases.wait, phases.receive];
            exchanged(&mut spans, &parts, evidence.failure.is_some());
        }
        // A datagram has no parts to draw: it is sent and answered.
        Some(Call::DnsQuery(query)) if query.transport() != DnsTransport::Udp => {
            let phases = query.phases.unwrap_or_default();
            let parts = [phases.connect, phases.tls, phases.send, phases.wait, phases.receive];
            exchanged(&mut spans, &parts, evidence.failure.is_some());
        }
        Some(Call::DnsResolution(resolution)) => {
            for step in &resolution.steps {
                let lost = !matches!(step.outcome(), DnsStepOutcome::Answered | DnsStepOutcome::Truncated);
                timed(&mut spans, if lost { Phase::Lost } else { Phase::Wait }, step.timing.as_ref());
            }
        }
        _ => {}
    }
    // What has parts and succeeded is shown by them alone.
    if whole == Phase::Answer && spans.len() > 1 {
        spans.remove(0);
    }
    spans
}

fn connected(spans: &mut Vec<Span>, connection: Option<&Connection>, succeeded: bool) {
    if succeeded {
        timed(spans, Phase::Connect, connection.and_then(|connection| connection.connect.as_ref()));
    }
}

/// The phases of an exchange in order. Of a failed one the last phase begun is the one that failed.
fn exchanged(spans: &mut Vec<Span>, parts: &[Option<Timing>; 5], failed: bool) {
    let last = parts.iter().rposition(Option::is_some);
    let shades = [Phase::Connect, Phase::Tls, Phase::Wait, Phase::Wait, Phase::Answer];
    for (index, (phase, timing)) in shades.into_iter().zip(parts).enumerate() {
        if !failed || last != Some(index) {
            timed(spans, phase, timing.as_ref());
        }
    }
}

fn timed(spans: &mut Vec<Span>, phase: Phase, timing: Option<&Timing>) {
    if let Some(timing) = timing {
        let from = micros(timing.at.as_ref());
        spans.push(Span { phase, from, to: from.saturating_add(micros(timing.elapsed.as_ref())) });
    }
}

/// The window that all bars share. Microseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    from: u64,
    to: u64,
    cells: usize,
}

impl Scale {
    /// From the first begin to the last end, over `cells` columns.
    pub(crate) fn over<'a>(spans: impl Iterator<Item = &'a Span> + Clone, cells: usize) -> Self {
        let from = spans.clone().map(|span| span.from).min().unwrap_or(0);
        let to = spans.map(|span| span.to).max().unwrap_or(0);
        Self { from, to, cells }
    }

    /// A bar of exactly `cells` columns. Whatever happened takes at least one; a later span covers an earlier one.
    pub(crate) fn bar(&self, spans: &[Span]) -> String {
        let mut bar = vec![' '; self.cells];
        for span in spans {
            let first = self.cell(span.from).min(self.cells.saturating_sub(1));
            let end = self.cell(span.to).max(first + 1);
            for cell in bar.iter_mut().take(end).skip(first) {
                *cell = span.phase.shade();
            }
        }
        bar.into_iter().collect()
    }

    /// What the shades mean, and how long the window is.
    pub(crate) fn legend<'a>(&self, spans: impl Iterator<Item = &'a Span>) -> String {
        let mut phases: Vec<Phase> = spans.map(|span| span.phase).collect();
        phases.sort_unstable();
        phases.dedup();
        let shades: Vec<String> = phases.iter().map(|phase| format!("{} {}", phase.shade(), phase.word())).collect();
        format!("{}, {} in all", shades.join("  "), elapsed(self.to.saturating_sub(self.from)))
    }

    fn cell(&self, at: u64) -> usize {
        let length = u128::from(self.to.saturating_sub(self.from)).max(1);
        let offset = u128::from(at.saturating_sub(self.from)).min(length);
        let cells = self.cells as u128;
        usize::try_from((offset * cells + length / 2) / length).unwrap_or(self.cells)
    }
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{DnsPhases, DnsQuery, DnsResolution, DnsStep};

    use super::*;

    fn span(phase: Phase, from: u64, to: u64) -> Span {
        Span { phase, from, to }
    }

    fn timing(at_us: i32, elapsed_us: i32) -> Timing {
        let duration = |micros: i32| Some(prost_types::Duration { seconds: 0, nanos: micros * 1000 });
        Timing { at: duration(at_us), elapsed: duration(elapsed_us) }
    }

    fn evidence(call: Call) -> Evidence {
        let at = Some(prost_types::Duration { seconds: 0, nanos: 0 });
        Evidence {
            at,
            elapsed: Some(prost_types::Duration { seconds: 0, nanos: 100_000 }),
            call: Some(call),
            ..Evidence::default()
        }
    }

    #[test]
    fn an_encrypted_query_is_drawn_by_its_phases_and_a_datagram_as_one() {
        let phases = DnsPhases {
            connect: Some(timing(0, 30)),
            tls: Some(timing(30, 40)),
            send: None,
            wait: Some(timing(70, 30)),
            receive: None,
        };
        let query = |transport: DnsTransport| {
            let query = DnsQuery { transport: transport.into(), phases: Some(phases), ..DnsQuery::default() };
            spans(&evidence(Call::DnsQuery(query)))
        };

        assert_eq!(
            query(DnsTransport::Tls),
            [span(Phase::Connect, 0, 30), span(Phase::Tls, 30, 70), span(Phase::Wait, 70, 100)]
        );
        assert_eq!(query(DnsTransport::Udp), [span(Phase::Answer, 0, 100)]);
    }

    #[test]
    fn the_steps_of_a_lookup_are_drawn_lost_where_they_are() {
        let step = |outcome: DnsStepOutcome, at| DnsStep {
            outcome: outcome.into(),
            timing: Some(timing(at, 50)),
            ..DnsStep::default()
        };
        let steps = vec![step(DnsStepOutcome::TimedOut, 0), step(DnsStepOutcome::Answered, 50)];
        let resolution = DnsResolution { steps, ..DnsResolution::default() };

        assert_eq!(
            spans(&evidence(Call::DnsResolution(resolution))),
            [span(Phase::Lost, 0, 50), span(Phase::Wait, 50, 100)]
        );
    }

    #[test]
    fn bars_share_one_scale() {
        let spans = [span(Phase::Answer, 0, 250), span(Phase::Connect, 250, 500), span(Phase::Wait, 500, 1_000)];
        let scale = Scale::over(spans.iter(), 8);

        assert_eq!(scale.bar(&spans[..1]), "██      ");
        assert_eq!(scale.bar(&spans[1..]), "  ▒▒░░░░");
    }

    #[test]
    fn what_took_no_time_still_takes_a_cell_inside_the_bar() {
        let spans = [span(Phase::Lost, 0, 1_000_000), span(Phase::Connect, 1_000_000, 1_000_000)];
        let scale = Scale::over(spans.iter(), 4);

        assert_eq!(scale.bar(&spans), "┄┄┄▒");
    }

    #[test]
    fn an_empty_window_does_not_divide_by_zero() {
        let spans = [span(Phase::Answer, 7, 7)];

        assert_eq!(Scale::over(spans.iter(), 4).bar(&spans), "█   ");
        assert_eq!(Scale::over([].iter(), 0).bar(&[]), "");
    }

    #[test]
    fn extreme_times_stay_inside() {
        let spans = [span(Phase::Answer, 0, u64::MAX), span(Phase::Wait, u64::MAX, u64::MAX)];

        assert_eq!(Scale::over(spans.iter(), 3).bar(&spans), "██░");
    }
}
