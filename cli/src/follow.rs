//! Follows a run to its end: events as they come, the client's own deadline, Ctrl-C, and the exit code of the verdict.

use std::future::Future;
use std::time::Duration;

use sonde_proto::events::EventResponse;
use sonde_proto::json;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::{
    CancelDiagnosisRequest, CheckRun, CheckState, Diagnosis, DiagnosisEvent, StopReason, Verdict, VerdictState,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tonic::{Response, Status, Streaming};

use crate::arguments::{Format, Global};
use crate::command::{GRACE, LARGEST_MESSAGE_BYTES};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::diagnosis;
use crate::render::out::Output;
use crate::render::progress::Progress;
use crate::status::StatusError;

/// Follows the stream that `call` opens, prints its diagnosis, and gives the exit code. Where `accepted` finds that the run was
/// asked for wrongly, that is an error, and the diagnosis is not printed.
pub(crate) async fn run(
    session: &Session,
    call: impl Future<Output = Result<Response<Streaming<EventResponse>>, Status>>,
    budget: Duration,
    verbose: bool,
    output: &Output,
    accepted: impl FnOnce(&Diagnosis) -> Result<(), CommandError>,
) -> Result<u8, CommandError> {
    let mut progress = Progress::begin(verbose, session.origin());
    let followed = to_the_end(session, call, budget, Some(output), &mut progress).await;
    progress.end();
    let (diagnosis, interrupted) = followed?;
    if !interrupted {
        accepted(&diagnosis)?;
    }
    if output.format() != Format::Jsonl {
        let wide = output.format() == Format::Wide;
        let table = |diagnosis: &Diagnosis, width| diagnosis::draw(diagnosis, session.origin(), wide, width);
        output.message(&diagnosis, |diagnosis| Ok(vec![json::to_string(diagnosis)?]), table)?;
    }
    Ok(if interrupted { exit::INTERRUPTED } else { exit_code(&diagnosis) })
}

/// Follows the stream that `call` opens and gives its diagnosis, printing nothing to stdout. Ctrl-C ends it.
pub(crate) async fn collect(
    session: &Session,
    call: impl Future<Output = Result<Response<Streaming<EventResponse>>, Status>>,
    budget: Duration,
    verbose: bool,
) -> Result<Diagnosis, CommandError> {
    let mut progress = Progress::begin(verbose, session.origin());
    let followed = to_the_end(session, call, budget, None, &mut progress).await;
    progress.end();
    match followed? {
        (diagnosis, false) => Ok(diagnosis),
        (_, true) => Err(CommandError::Interrupted),
    }
}

/// Whether every check of those that `asked` names made a host call, or ended by its own word. One that was stopped before its
/// first one saw nothing: an error of the tool, in the check's own words.
pub(crate) fn began(diagnosis: &Diagnosis, asked: impl Fn(&CheckRun) -> bool) -> Result<(), CommandError> {
    let saw = |run: &CheckRun| diagnosis.evidence.iter().any(|evidence| evidence.check == run.check);
    let stopped = diagnosis.checks.iter().find(|run| run.state() == CheckState::Stopped && asked(run) && !saw(run));
    stopped.map_or(Ok(()), |run| Err(CommandError::Usage(run.summary.clone())))
}

/// Whether a check refused its arguments, as far as that can be told: it failed by itself, before its first host call.
pub(crate) fn arguments_taken(diagnosis: &Diagnosis, check: Option<&str>) -> Result<(), CommandError> {
    began(diagnosis, |run| run.stop_reason() == StopReason::Error && check.is_none_or(|name| run.check == name))
}

/// The budget of a run.
pub(crate) fn budget(global: &Global) -> Duration {
    global.timeout.unwrap_or(Duration::from_secs(15))
}

/// The deadline of its stream: a run that used up its budget still has its verdict to send.
pub(crate) fn deadline(budget: Duration) -> Duration {
    budget + GRACE / 2
}

/// A duration on the wire.
pub(crate) fn wire(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// The diagnosis, and whether the user ended it.
async fn to_the_end(
    session: &Session,
    call: impl Future<Output = Result<Response<Streaming<EventResponse>>, Status>>,
    budget: Duration,
    output: Option<&Output>,
    progress: &mut Progress,
) -> Result<(Diagnosis, bool), CommandError> {
    let late = tokio::time::sleep_until(Instant::now() + budget + GRACE);
    // Listened to from here on, not only from the first time that it is waited for.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(CommandError::Runtime)?;
    tokio::pin!(late);
    let too_late = || CommandError::NoAnswer(humantime::format_duration(budget));
    let mut stream = tokio::select! {
        opened = call => opened.map_err(StatusError::from)?.into_inner(),
        () = &mut late => return Err(too_late()),
        _ = interrupts.recv() => return Err(CommandError::Interrupted),
    };
    let mut run_id = None;
    loop {
        let message = tokio::select! {
            message = stream.message() => message.map_err(StatusError::from)?,
            () = &mut late => return Err(too_late()),
            _ = interrupts.recv() => {
                let diagnosis = cancel(session, run_id, &mut interrupts).await?;
                let finished = Event::Finished(Box::new(diagnosis.clone()));
                show(output, &DiagnosisEvent { at: diagnosis.elapsed, event: Some(finished) })?;
                return Ok((diagnosis, true));
            }
        };
        let Some(event) = message.ok_or(CommandError::NoDiagnosis)?.event else { continue };
        show(output, &event)?;
        progress.event(&event);
        match event.event {
            Some(Event::Started(started)) => run_id = Some(started.run_id),
            Some(Event::Finished(diagnosis)) => return Ok((*diagnosis, false)),
            _ => {}
        }
    }
}

fn show(output: Option<&Output>, event: &DiagnosisEvent) -> Result<(), CommandError> {
    output.map_or(Ok(()), |output| output.event(event))
}

/// Ends the run and takes what is known of it. A second Ctrl-C does not wait for that.
async fn cancel(session: &Session, run_id: Option<String>, interrupts: &mut Signal) -> Result<Diagnosis, CommandError> {
    let run_id = run_id.ok_or(CommandError::Interrupted)?;
    let mut client = DiagnosisServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
    let call = client.cancel_diagnosis(session.request(CancelDiagnosisRequest { run_id }, GRACE));
    tokio::select! {
        answer = tokio::time::timeout(GRACE, call) => match answer {
            Ok(Ok(response)) => response.into_inner().diagnosis.ok_or(CommandError::Interrupted),
            Ok(Err(_)) | Err(_) => Err(CommandError::Interrupted),
        },
        _ = interrupts.recv() => Err(CommandError::Interrupted),
    }
}

fn exit_code(diagnosis: &Diagnosis) -> u8 {
    match diagnosis.verdict.as_ref().map(Verdict::state) {
        Some(VerdictState::Healthy) => exit::HEALTHY,
        _ => exit::FAULT,
    }
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::Evidence;

    use super::*;

    fn code(state: VerdictState) -> u8 {
        let verdict = Some(Verdict { state: state.into(), ..Verdict::default() });
        exit_code(&Diagnosis { verdict, ..Diagnosis::default() })
    }

    #[test]
    fn only_a_healthy_verdict_ends_with_zero() {
        assert_eq!(code(VerdictState::Healthy), 0);
        assert_eq!(code(VerdictState::Fault), 1);
        assert_eq!(code(VerdictState::Undecided), 1);
        assert_eq!(exit_code(&Diagnosis::default()), 1);
    }

    #[test]
    fn a_check_that_failed_before_it_looked_at_anything_was_asked_wrongly() {
        let run = |reason: StopReason| CheckRun {
            check: "sysctl".to_owned(),
            state: CheckState::Stopped.into(),
            summary: "give baseline=a text".to_owned(),
            stop_reason: reason.into(),
            ..CheckRun::default()
        };
        let of = |reason, evidence| Diagnosis { checks: vec![run(reason)], evidence, ..Diagnosis::default() };
        let looked = || vec![Evidence { check: "sysctl".to_owned(), ..Evidence::default() }];
        let blind = of(StopReason::Error, vec![]);

        let refused = arguments_taken(&blind, Some("sysctl")).expect_err("it saw nothing").to_string();

        assert!(refused.contains("give baseline=a text"), "{refused}");
        assert!(arguments_taken(&blind, None).is_err());
        assert!(arguments_taken(&blind, Some("dns")).is_ok());
        assert!(arguments_taken(&of(StopReason::Error, looked()), Some("sysctl")).is_ok());
        assert!(arguments_taken(&of(StopReason::CpuBudget, vec![]), Some("sysctl")).is_ok());
    }
}
