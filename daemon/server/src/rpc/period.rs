//! The times of requests: what lies ahead, or is not kept any more, is refused with what is kept.

use std::time::Duration;

use sonde_core::observation::history::Period;
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::NetworkNamespace;
use sonde_proto::v1;
use tonic::Status;

use super::refusal;
use crate::convert;
use crate::recorder::Recording;

/// The time that a request names; its end is now where it names none, or one that has not come.
pub(super) fn asked(period: Option<&v1::Period>, now: Duration) -> Result<Option<Period>, Status> {
    let Some(period) = period else { return Ok(None) };
    let Some(from) = period.from else {
        return Err(refusal::invalid("period.from", "the period has no begin; give period.from"));
    };
    let from = instant("period.from", &from)?;
    let to = period.to.as_ref().map_or(Ok(now), |to| instant("period.to", to))?;
    if from >= now {
        let problem = format!("{} is in the future; give a time before {}", shown(from), shown(now));
        return Err(refusal::invalid("period.from", problem));
    }
    if to <= from {
        let problem = format!("the period ends at {}, before it begins at {}", shown(to), shown(from));
        return Err(refusal::invalid("period.to", problem));
    }
    Ok(Some(Period { from, to: to.min(now) }))
}

/// The same for a run, which needs a recording of it.
pub(super) fn of_run(
    period: Option<&v1::Period>,
    recording: Option<&Recording>,
    namespace: NetworkNamespace,
) -> Result<Option<Period>, Status> {
    let Some(period) = asked(period, RunClock::wall_now())? else { return Ok(None) };
    let Some(recording) = recording else { return Err(unrecorded()) };
    let kept = recording.archive.kept(namespace);
    match kept {
        Some(kept) if period.from < kept.to && period.to > kept.from => Ok(Some(period)),
        kept => Err(not_kept(&period, kept, namespace.inode)),
    }
}

/// There is no recorder.
pub(super) fn unrecorded() -> Status {
    let problem = "failed to look at the past: nothing is recorded here; run a daemon that does with `sonde daemon run`, and ask it";
    refusal::precondition("RECORDER", "", problem)
}

fn not_kept(period: &Period, kept: Option<Period>, network_namespace: u64) -> Status {
    let kept = match kept {
        Some(kept) => format!("what is kept is of {} to {}", shown(kept.from), shown(kept.to)),
        None => "nothing is recorded of this network namespace so far; it is from now on, where there is a place for it, and always \
                 where recorder.namespaces of the configuration names it"
            .to_owned(),
    };
    let problem = format!("failed to look at {} to {}: {kept}", shown(period.from), shown(period.to));
    refusal::precondition("HISTORY", &network_namespace.to_string(), problem)
}

fn instant(field: &str, time: &prost_types::Timestamp) -> Result<Duration, Status> {
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let seconds = u64::try_from(time.seconds).ok().filter(|seconds| *seconds <= LAST_SECOND);
    let (Some(seconds), Some(nanos)) = (seconds, nanos) else {
        let problem = format!("{}s and {}ns is no time since 1970; give an RFC 3339 time", time.seconds, time.nanos);
        return Err(refusal::invalid(field, problem));
    };
    Ok(Duration::new(seconds, nanos))
}

/// RFC 3339.
fn shown(time: Duration) -> String {
    convert::timestamp(Duration::from_secs(time.as_secs())).to_string()
}

/// 9999-12-31T23:59:59Z, the last that google.protobuf.Timestamp allows.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_795_000_000);

    fn at(seconds: i64) -> prost_types::Timestamp {
        prost_types::Timestamp { seconds, nanos: 0 }
    }

    fn period(from: Option<i64>, to: Option<i64>) -> v1::Period {
        v1::Period { from: from.map(at), to: to.map(at) }
    }

    #[test]
    fn an_end_that_has_not_come_is_now() {
        let of = |to| asked(Some(&period(Some(1_794_999_400), to)), NOW).expect("a time").expect("named").to;

        assert_eq!((of(None), of(Some(1_795_009_999))), (NOW, NOW));
        assert_eq!(of(Some(1_794_999_500)).as_secs(), 1_794_999_500);
    }

    #[test]
    fn a_time_that_makes_no_sense_is_refused_with_its_value() {
        for (wrong, expected) in [
            (period(None, Some(5)), "no begin"),
            (period(Some(1_795_000_001), None), "2026-11-18T11:06:41Z is in the future"),
            (period(Some(100), Some(50)), "before it begins"),
            (period(Some(-1), None), "no time since 1970"),
        ] {
            let status = asked(Some(&wrong), NOW).expect_err("it makes no sense");
            assert!(status.message().contains(expected), "{status}");
        }
    }

    #[test]
    fn without_a_recorder_the_past_is_refused_with_how_to_have_one() {
        let namespace = NetworkNamespace { inode: 1, cookie: None };
        let status = of_run(Some(&period(Some(100), Some(200))), None, namespace).expect_err("there is no recorder");

        assert_eq!(status.code(), tonic::Code::FailedPrecondition);
        assert!(status.message().contains("sonde daemon run"), "{status}");
    }
}
