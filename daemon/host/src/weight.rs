//! What a line of the ledger weighs in memory, roughly: hosts with thousands of links or listeners make some of them large.

use sonde_core::observation::Call;
use sonde_core::observation::dial::TlsSession;

/// A line with an ordinary answer.
const LINE_BYTES: usize = 1 << 10;

/// In bytes.
pub(crate) fn of(call: &Call) -> u64 {
    let more = match call {
        Call::DnsQuery { answer, .. } => answer.outcome.as_ref().map_or(0, |answer| {
            let records = answer.answers.iter().chain(&answer.authorities).chain(&answer.additionals);
            records.map(|record| 64 + record.name.len() + record.rdata.len()).sum()
        }),
        Call::DnsConfig { answer, .. } => {
            64 * (answer.search.len() + answer.options.len() + answer.hosts_addresses.len())
        }
        Call::DialTls { answer, .. } => answer.session.as_ref().map_or(0, session),
        Call::DialHttp { request, answer } => {
            let sent: usize = request.headers.iter().map(|field| 48 + field.name.len() + field.value.len()).sum();
            let received = answer.response.as_ref().map_or(0, |response| {
                let headers: usize =
                    response.headers.iter().map(|field| 48 + field.name.len() + field.value.len()).sum();
                headers + response.body_prefix.len()
            });
            sent + request.path.len() + received + answer.session.as_ref().map_or(0, session)
        }
        Call::Listeners { answer, .. } => 192 * answer.as_ref().map_or(0, Vec::len),
        Call::Census { answer, .. } => 192 * answer.as_ref().map_or(0, |census| census.groups.len()),
        Call::Counters { answer } => 64 * answer.as_ref().map_or(0, |counters| counters.counters.len()),
        Call::DefaultRoutes { answer } => 192 * answer.as_ref().map_or(0, Vec::len),
        Call::Links { answer } => answer.as_ref().map_or(0, |links| {
            links.iter().map(|link| 192 + 64 * (link.addresses.len() + link.statistics.len())).sum()
        }),
        Call::DialTcp { .. }
        | Call::RouteTo { .. }
        | Call::Neighbour { .. }
        | Call::Clock { .. }
        | Call::Rejected { .. } => 0,
    };
    u64::try_from(LINE_BYTES + more).unwrap_or(u64::MAX)
}

fn session(session: &TlsSession) -> usize {
    let certificates = session.chain.iter().map(|certificate| {
        let names: usize = certificate.dns_names.iter().map(|name| 24 + name.len()).sum();
        512 + certificate.subject.len() + certificate.issuer.len() + names + 32 * certificate.addresses.len()
    });
    certificates.sum::<usize>() + session.plaintext.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sonde_core::observation::Counter;
    use sonde_core::observation::sockets::Counters;

    #[test]
    fn a_long_answer_weighs_more_than_a_short_one() {
        let counters = |count| Call::Counters {
            answer: Ok(Counters {
                taken_at: std::time::Duration::ZERO,
                counters: vec![Counter { name: "Tcp.InSegs".to_owned(), value: 1 }; count],
            }),
        };
        assert!(of(&counters(1000)) >= 64_000);
        assert!(of(&counters(0)) < 2_000);
    }
}
