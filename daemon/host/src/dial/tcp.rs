//! `dial.tcp`.

use std::time::Duration;

use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

/// `MAX_TCP_KEEPIDLE` and `MAX_TCP_KEEPINTVL` of net/tcp.h.
const MOST_KEEPALIVE_SECONDS: u64 = 32_767;
/// `MAX_TCP_KEEPCNT`.
const MOST_KEEPALIVE_PROBES: u8 = 127;

pub(super) async fn dial(caller: &Caller, request: &wit::TcpRequest) -> wit::TcpDial {
    let Answered { id, timing, answer: dial } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::TcpRequest::FUNCTION, core::TcpRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::TcpDial {
        evidence: id.0,
        timing: timing.into(),
        connection: dial.connection.into(),
        outcome: dial.outcome.map_err(Into::into),
        deltas: dial.deltas.map(Into::into),
    }
}

/// What is asked of one dial, or what is wrong with it.
pub(super) fn parsed(request: &wit::TcpRequest, longest: Duration) -> Result<core::TcpRequest, String> {
    Ok(core::TcpRequest {
        remote: types::remote(&request.remote)?,
        local_address: request.local_address.as_deref().map(types::address).transpose()?,
        local_port: request.local_port.map(local_port).transpose()?,
        device: request.device.as_deref().map(super::device).transpose()?,
        keepalive: request.keepalive.as_ref().map(keepalive).transpose()?,
        user_timeout: request.user_timeout_us.map(user_timeout).transpose()?,
        hold: Duration::from_micros(request.hold_us).min(longest),
        close: request.close.into(),
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn local_port(port: u16) -> Result<u16, String> {
    match port {
        0 => Err("local port 0 cannot be bound; leave it out and the kernel chooses".to_owned()),
        port => Ok(port),
    }
}

fn keepalive(keepalive: &wit::Keepalive) -> Result<core::Keepalive, String> {
    if !(1..=MOST_KEEPALIVE_PROBES).contains(&keepalive.probes) {
        return Err(format!("{} keepalive probes; give 1 to {MOST_KEEPALIVE_PROBES}", keepalive.probes));
    }
    Ok(core::Keepalive {
        idle: whole_seconds("idle time", keepalive.idle_us)?,
        interval: whole_seconds("interval", keepalive.interval_us)?,
        probes: keepalive.probes,
    })
}

fn whole_seconds(what: &str, micros: u64) -> Result<Duration, String> {
    let duration = Duration::from_micros(micros);
    if duration.subsec_nanos() > 0 || !(1..=MOST_KEEPALIVE_SECONDS).contains(&duration.as_secs()) {
        return Err(format!("a keepalive {what} of {duration:?}; give whole seconds, 1 to {MOST_KEEPALIVE_SECONDS}"));
    }
    Ok(duration)
}

/// The kernel counts in milliseconds, in an `int`; 0 would mean its default.
fn user_timeout(micros: u64) -> Result<Duration, String> {
    let millis = micros / 1000;
    if !micros.is_multiple_of(1000) || !(1..=i32::MAX as u64).contains(&millis) {
        return Err(format!("a user timeout of {micros} us; give whole milliseconds, 1 to {}", i32::MAX));
    }
    Ok(Duration::from_millis(millis))
}

fn failed(timing: Timing, failure: Failure) -> core::TcpDial {
    core::TcpDial { timing, connection: Connection::default(), outcome: Err(failure), deltas: None }
}

impl HostCall for core::TcpRequest {
    type Answer = core::TcpDial;
    const FUNCTION: &'static str = "dial.tcp";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
        self.hold = self.hold.min(remaining.saturating_sub(self.timeout));
    }

    async fn perform(&self, run: &Run) -> core::TcpDial {
        sonde_probe::dial::tcp(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::TcpDial {
        failed(timing, failure)
    }

    fn observed(self, answer: core::TcpDial) -> Call {
        Call::DialTcp { request: self, answer }
    }

    fn timing(answer: &core::TcpDial) -> Option<Timing> {
        Some(answer.timing)
    }

    fn is_alone(&self) -> bool {
        self.deltas
    }
}

impl From<wit::Closing> for core::Closing {
    fn from(closing: wit::Closing) -> Self {
        match closing {
            wit::Closing::Fin => Self::Fin,
            wit::Closing::Rst => Self::Rst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> wit::TcpRequest {
        wit::TcpRequest {
            remote: wit::Endpoint { address: "10.0.0.1".to_owned(), port: 80 },
            local_address: None,
            local_port: None,
            device: None,
            keepalive: None,
            user_timeout_us: None,
            hold_us: 0,
            close: wit::Closing::Fin,
            timeout_us: 1_000_000,
            deltas: false,
        }
    }

    fn problem(request: &wit::TcpRequest) -> String {
        parsed(request, Duration::from_secs(5)).expect_err("it makes no sense")
    }

    #[test]
    fn a_device_is_quoted_where_the_kernel_would_refuse_its_name() {
        for name in ["", "eth0/1", "a b", "a-name-of-16-byte", "..", "eth0\u{1b}"] {
            let message = problem(&wit::TcpRequest { device: Some(name.to_owned()), ..request() });
            assert!(message.contains("1 to 15 bytes"), "{message}");
        }
        let good = wit::TcpRequest { device: Some("eth0.100".to_owned()), ..request() };
        assert_eq!(parsed(&good, Duration::from_secs(5)).expect("good").device.as_deref(), Some("eth0.100"));
    }

    #[test]
    fn keepalive_is_in_whole_seconds_that_the_kernel_takes() {
        let second = 1_000_000;
        for (idle_us, interval_us, probes) in [
            (0, second, 1),
            (second + 1, second, 1),
            (second, 40_000 * second, 1),
            (second, second, 0),
            (second, second, 128),
        ] {
            let keepalive = Some(wit::Keepalive { idle_us, interval_us, probes });
            assert!(problem(&wit::TcpRequest { keepalive, ..request() }).contains("keepalive"));
        }
    }

    #[test]
    fn a_user_timeout_or_a_port_of_nothing_is_refused() {
        assert!(problem(&wit::TcpRequest { user_timeout_us: Some(0), ..request() }).contains("0 us"));
        assert!(problem(&wit::TcpRequest { user_timeout_us: Some(1500), ..request() }).contains("whole milliseconds"));
        assert!(problem(&wit::TcpRequest { local_port: Some(0), ..request() }).contains("local port 0"));
    }

    #[test]
    fn what_is_held_has_the_time_that_the_handshake_leaves() {
        let asked = wit::TcpRequest { hold_us: 8_000_000, ..request() };
        let mut call = parsed(&asked, Duration::from_secs(9)).expect("good");
        call.clamp(Duration::from_secs(9));
        assert_eq!((call.timeout, call.hold), (Duration::from_secs(1), Duration::from_secs(8)));
        call.clamp(Duration::from_secs(5));
        assert_eq!((call.timeout, call.hold), (Duration::from_secs(1), Duration::from_secs(4)));
        call.clamp(Duration::from_millis(300));
        assert_eq!((call.timeout, call.hold), (Duration::from_millis(300), Duration::ZERO));
    }

    #[test]
    fn nothing_is_held_longer_than_the_run_lasts() {
        let held = parsed(&wit::TcpRequest { hold_us: u64::MAX, ..request() }, Duration::from_secs(5)).expect("good");
        assert_eq!(held.hold, Duration::from_secs(5));
    }
}
