//! `dial.tcp`.

use std::time::Duration;

use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

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

fn parsed(request: &wit::TcpRequest, longest: Duration) -> Result<core::TcpRequest, String> {
    Ok(core::TcpRequest {
        remote: types::remote(&request.remote)?,
        local_address: request.local_address.as_deref().map(types::address).transpose()?,
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::TcpDial {
    core::TcpDial { timing, connection: core::Connection::default(), outcome: Err(failure), deltas: None }
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
