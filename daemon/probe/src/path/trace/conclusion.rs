//! What the hops of a trace say together: whether the destination was reached, and if not, where the probes die.

use std::net::IpAddr;

use sonde_core::observation::path::{Hop, ProbeAnswer, TraceRequest};
use sonde_core::observation::{IcmpError, Phase, Reason};

use crate::failure::Fault;

type Outcome = Result<(), (Fault, Option<IcmpError>)>;

/// Nothing beyond it can say more: an answer, or an ICMP error other than "time exceeded".
pub(super) fn is_final(answer: &ProbeAnswer) -> bool {
    match answer {
        ProbeAnswer::Answered | ProbeAnswer::Reset => true,
        ProbeAnswer::Icmp(error) => !is_exceeded(error),
        ProbeAnswer::Silent | ProbeAnswer::Unsent(_) => false,
    }
}

/// The TTL at which the destination answered, and what it or the path said.
pub(super) fn conclude(hops: &[Hop], request: &TraceRequest) -> (Option<u8>, Outcome) {
    let last = hops.iter().find_map(|hop| {
        let mut probes = hops_answers(hop).filter(|answer| is_final(answer));
        // Of several, what the destination says counts more than what a router says.
        let first = probes.next()?;
        let best = probes.find(|answer| matches!(answer, ProbeAnswer::Answered)).unwrap_or(first);
        Some((hop, best))
    });
    match last {
        Some((hop, ProbeAnswer::Answered)) => (Some(hop.ttl), Ok(())),
        Some((hop, ProbeAnswer::Icmp(error))) => {
            let reached = (error.sender == Some(request.remote.address)).then_some(hop.ttl);
            (reached, Err((refused(hop.ttl, error), Some(error.clone()))))
        }
        Some((hop, _)) => {
            let detail = format!("hop {} resets the connection, as a closed port does", hop.ttl);
            (Some(hop.ttl), Err((Fault::new(Phase::Connect, Reason::Refused, detail), None)))
        }
        None => (None, Err((Fault::new(Phase::Wait, Reason::TimedOut, dies(hops, request.max_hops)), None))),
    }
}

fn hops_answers(hop: &Hop) -> impl Iterator<Item = &ProbeAnswer> {
    hop.probes.iter().map(|probe| &probe.answer)
}

/// By the codes of RFC 792, RFC 1812 section 5.2.7.1 and RFC 4443 section 3.1, as the kernel converts them.
fn refused(ttl: u8, error: &IcmpError) -> Fault {
    let sender = error.sender.map_or_else(|| "this host".to_owned(), |sender| sender.to_string());
    let reason = match (error.sender.is_some_and(|sender| sender.is_ipv6()), error.icmp_type, error.code) {
        (false, 3, 2 | 3) | (true, 1, 4) => Reason::Refused,
        (false, 3, 0 | 6 | 9 | 11) | (true, 1, 0) => Reason::NetworkUnreachable,
        (true, 1, 1 | 5 | 6) => Reason::NotPermitted,
        (false, 3, 4) | (true, 2, _) => Reason::MessageTooBig,
        _ => Reason::HostUnreachable,
    };
    let (kind, code) = (error.icmp_type, error.code);
    Fault::new(Phase::Connect, reason, format!("{sender} refuses it at hop {ttl}, with ICMP type {kind} code {code}"))
}

fn dies(hops: &[Hop], max_hops: u8) -> String {
    let heard = hops.iter().rev().find_map(|hop| Some((hop.ttl, sender(hop)?)));
    match heard {
        None => "nothing comes back, of no hop".to_owned(),
        Some((ttl, router)) if ttl == max_hops => format!("still on the way after hop {ttl} ({router})"),
        Some((ttl, router)) => format!("nothing comes back from beyond hop {ttl} ({router})"),
    }
}

fn sender(hop: &Hop) -> Option<IpAddr> {
    hops_answers(hop).find_map(|answer| match answer {
        ProbeAnswer::Icmp(error) => error.sender,
        _ => None,
    })
}

/// "Time exceeded": type 11 of ICMP, type 3 of `ICMPv6`, which in ICMP is "unreachable".
fn is_exceeded(error: &IcmpError) -> bool {
    match error.sender {
        Some(IpAddr::V6(_)) => error.icmp_type == 3,
        Some(IpAddr::V4(_)) | None => error.icmp_type == 11,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sonde_core::observation::Endpoint;
    use sonde_core::observation::path::{HopProbe, TraceTransport};

    use super::*;

    fn icmp(sender: &str, icmp_type: u8, code: u8) -> ProbeAnswer {
        let sender = Some(sender.parse().expect("an address"));
        ProbeAnswer::Icmp(IcmpError { sender, icmp_type, code, mtu: None })
    }

    /// One probe of each TTL.
    fn of(answers: &[ProbeAnswer], max_hops: u8, to: &str) -> (Option<u8>, Result<(), (Reason, String)>) {
        let hops: Vec<Hop> = (1..)
            .zip(answers)
            .map(|(ttl, answer)| {
                let probe = HopProbe { at: Duration::ZERO, rtt: None, answer: answer.clone() };
                Hop { ttl, probes: vec![probe] }
            })
            .collect();
        let request = TraceRequest {
            remote: Endpoint { address: to.parse().expect("an address"), port: 443 },
            transport: TraceTransport::Tcp,
            max_hops,
            probes_per_hop: 1,
            probe_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        };
        let (reached, outcome) = conclude(&hops, &request);
        (reached, outcome.map_err(|(fault, _)| (fault.reason, fault.detail)))
    }

    const TO: &str = "10.0.9.9";

    #[test]
    fn a_syn_ack_is_there() {
        let answers = [icmp("10.0.0.1", 11, 0), ProbeAnswer::Silent, ProbeAnswer::Answered];
        assert_eq!(of(&answers, 30, TO), (Some(3), Ok(())));
    }

    #[test]
    fn a_reset_is_there_and_refused() {
        let (reached, outcome) = of(&[icmp("10.0.0.1", 11, 0), ProbeAnswer::Reset], 30, TO);
        assert_eq!((reached, outcome.expect_err("refused").0), (Some(2), Reason::Refused));
    }

    #[test]
    fn silence_names_the_last_hop_heard() {
        let answers = [icmp("10.0.0.1", 11, 0), icmp("10.0.1.1", 11, 0), ProbeAnswer::Silent, ProbeAnswer::Silent];
        let (reached, outcome) = of(&answers, 30, TO);
        let said = "nothing comes back from beyond hop 2 (10.0.1.1)".to_owned();
        assert_eq!((reached, outcome), (None, Err((Reason::TimedOut, said))));
    }

    #[test]
    fn a_path_longer_than_asked_is_still_on_the_way() {
        let (_, outcome) = of(&[icmp("10.0.0.1", 11, 0), icmp("10.0.1.1", 11, 0)], 2, TO);
        assert_eq!(outcome.expect_err("not there").1, "still on the way after hop 2 (10.0.1.1)");
    }

    #[test]
    fn a_routers_refusal_ends_the_trace_but_is_no_arrival() {
        let (reached, outcome) = of(&[icmp("10.0.0.1", 11, 0), icmp("10.0.1.1", 3, 13)], 30, TO);
        let (reason, said) = outcome.expect_err("refused");
        assert_eq!((reached, reason), (None, Reason::HostUnreachable));
        assert_eq!(said, "10.0.1.1 refuses it at hop 2, with ICMP type 3 code 13");
        let (reached, outcome) = of(&[icmp(TO, 3, 3)], 30, TO);
        assert_eq!((reached, outcome.expect_err("refused").0), (Some(1), Reason::Refused));
    }

    #[test]
    fn type_3_is_exceeded_in_one_family_and_unreachable_in_the_other() {
        assert!(is_final(&icmp("10.0.0.1", 3, 0)));
        assert!(!is_final(&icmp("2001:db8::1", 3, 0)));
        assert!(is_final(&icmp("2001:db8::1", 1, 4)));
        assert_eq!(of(&[icmp("2001:db8::9", 1, 4)], 30, "2001:db8::9").0, Some(1));
    }
}
