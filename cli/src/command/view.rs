//! A command that shows what one check saw: it runs the check over the API and takes its evidence. Nothing here measures.

use std::time::Duration;

use clap::ValueEnum;
use sonde_proto::v1::check_service_client::CheckServiceClient;
use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{
    CheckArgument, Diagnosis, Evidence, OnDisconnect, RejectedCall, RunCheckRequest, run_check_request,
};

use crate::arguments::Global;
use crate::command::{LARGEST_MESSAGE_BYTES, vantage};
use crate::connection::Session;
use crate::error::CommandError;
use crate::follow;

/// A check to run for its evidence.
pub(crate) struct View {
    /// Its name.
    pub(crate) check: &'static str,
    /// What to run it on.
    pub(crate) target: String,
    /// Its arguments.
    pub(crate) arguments: Vec<CheckArgument>,
    /// Further destinations that the run may touch.
    pub(crate) endpoints: Vec<String>,
    /// Where the caller names none.
    pub(crate) budget: Duration,
}

impl View {
    /// Runs it. A check that could not even begin its host calls is an error of the tool, in the check's own words.
    pub(crate) async fn run(self, session: &Session, global: &Global) -> Result<Diagnosis, CommandError> {
        let budget = global.timeout.unwrap_or(self.budget);
        let check = self.check;
        let request = RunCheckRequest {
            check: Some(run_check_request::Check::Name(check.to_owned())),
            target: self.target,
            arguments: self.arguments,
            vantage: vantage(global)?,
            budget: Some(follow::wire(budget)),
            on_disconnect: OnDisconnect::Cancel.into(),
            omit_evidence: false,
            period: None,
            endpoints: self.endpoints,
        };
        let mut client = CheckServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.run_check(session.request(request, follow::deadline(budget)));
        let diagnosis = follow::collect(session, call, budget, global.verbose).await?;
        follow::began(&diagnosis, |run| run.check == check)?;
        Ok(diagnosis)
    }
}

/// The host calls of one kind; none is an error of the tool, as is one that was refused for its arguments.
pub(crate) fn evidence(diagnosis: &Diagnosis, wanted: impl Fn(&Call) -> bool) -> Result<Vec<&Evidence>, CommandError> {
    accepted(diagnosis)?;
    let found: Vec<_> =
        diagnosis.evidence.iter().filter(|evidence| evidence.call.as_ref().is_some_and(&wanted)).collect();
    if found.is_empty() {
        let said = diagnosis.checks.iter().map(|run| run.summary.as_str()).find(|summary| !summary.is_empty());
        return Err(CommandError::Usage(said.unwrap_or("nothing was asked").to_owned()));
    }
    Ok(found)
}

/// A check whose calls were refused for their arguments saw nothing: an error of the tool. Once it has asked anything, a refusal
/// is a part of what it saw.
pub(crate) fn accepted(diagnosis: &Diagnosis) -> Result<(), CommandError> {
    let is_refused = |evidence: &Evidence| matches!(evidence.call, Some(Call::Rejected(RejectedCall { .. })));
    let asked = |check: &str| diagnosis.evidence.iter().any(|one| one.check == check && !is_refused(one));
    let refused = diagnosis.evidence.iter().find(|one| is_refused(one) && !asked(&one.check));
    match refused.and_then(|refused| refused.failure.as_ref()) {
        Some(failure) => Err(CommandError::Usage(failure.detail.clone())),
        None => Ok(()),
    }
}

/// Which addresses.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Family {
    /// IPv4
    #[value(name = "4")]
    Ipv4,
    /// IPv6
    #[value(name = "6")]
    Ipv6,
}

impl Family {
    /// As the argument `family` of a check.
    pub(crate) fn argument(self) -> CheckArgument {
        argument(
            "family",
            match self {
                Self::Ipv4 => "4",
                Self::Ipv6 => "6",
            },
        )
    }
}

/// An argument of the check.
pub(crate) fn argument(name: &str, value: impl Into<String>) -> CheckArgument {
    CheckArgument { name: name.to_owned(), value: value.into() }
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{Failure, TcpDial};

    use super::*;

    fn diagnosis(calls: Vec<Call>) -> Diagnosis {
        let evidence = |call| Evidence {
            check: "dial".to_owned(),
            failure: matches!(call, Call::Rejected(_))
                .then(|| Failure { detail: "no such host".to_owned(), ..Failure::default() }),
            call: Some(call),
            ..Evidence::default()
        };
        Diagnosis { evidence: calls.into_iter().map(evidence).collect(), ..Diagnosis::default() }
    }

    #[test]
    fn a_call_refused_for_its_arguments_is_an_error_only_where_it_is_all_there_is() {
        let (refused, dial) = (Call::Rejected(RejectedCall::default()), Call::TcpDial(TcpDial::default()));

        let alone = accepted(&diagnosis(vec![refused.clone()]));
        let beside = accepted(&diagnosis(vec![dial, refused]));

        assert!(alone.is_err_and(|error| error.to_string().contains("no such host")));
        assert!(beside.is_ok());
    }
}
