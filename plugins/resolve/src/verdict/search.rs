//! A search domain that delays every lookup, while the name as written is answered at once.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::{called, ids, ms};
use crate::case::{Asked, Case, Variant};
use crate::names;
use crate::plan::VERY_SLOW_US;

/// Judges the suffixed names of one server.
pub(super) fn slow(case: &Case, server: usize) -> Vec<Finding> {
    let Some(plain) = case.candidates.iter().find(|candidate| candidate.suffix.is_none()) else { return Vec::new() };
    let udp = |name: &str| -> Vec<&Asked> {
        let over_udp = |asked: &&Asked| matches!(asked.question.variant, Variant::Udp | Variant::Plain);
        case.of_server(server).filter(over_udp).filter(|asked| names::same(&asked.question.name, name)).collect()
    };
    let prompt: Vec<&Asked> =
        udp(&plain.name).into_iter().filter(|asked| asked.answer().is_some() && !asked.slow()).collect();
    if prompt.len() < 2 {
        return Vec::new();
    }
    let delays = |asked: &&Asked| asked.silent() || asked.elapsed_us() > VERY_SLOW_US;
    let slow = case.candidates.iter().filter(|candidate| candidate.suffix.is_some()).find_map(|candidate| {
        let asked = udp(&candidate.name);
        (asked.len() > 1 && asked.iter().all(delays)).then_some((candidate, asked))
    });
    let Some((candidate, asked)) = slow else { return Vec::new() };
    let fastest = prompt.iter().map(|asked| asked.elapsed_us()).min().unwrap_or_default();
    let suffix = candidate.suffix.as_deref().unwrap_or_default();
    vec![
        supports("dns.search_slow")
            .proof()
            .about(suffix)
            .because(format!(
                "a lookup of {} first waits for {} in the search domain {suffix}, which {} does not answer in time",
                case.subject,
                candidate.name,
                called(case, server)
            ))
            .citing(ids(asked))
            .citing([case.config.evidence])
            .build(),
        refutes("dns.first_server_dead")
            .proof()
            .about(&case.servers[server])
            .because(format!("the name as written is answered by the same server in {}", ms(fastest)))
            .citing(ids(prompt.iter().copied()))
            .build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(&case.servers[server])
            .because("it answers other names at once")
            .citing(ids(prompt))
            .build(),
    ]
}
