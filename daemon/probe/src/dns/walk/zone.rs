//! The next zone cut below a zone on the way to a name.
//!
//! A referral shows it, but not always the nearest one: a server of both `example.` and `b.example.` refers a question for
//! `a.b.example.` straight below `b.example.`, or answers it. So every name between is asked for its NS, as RFC 9156 does;
//! a name without NS is an empty non-terminal, or ordinary.

use futures_util::stream::{StreamExt, iter};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::ask::{Asker, Reply, text};
use super::judge;
use super::servers::Survey;

/// Names between a zone and the name: a reverse name of IPv6 has 34 labels.
const MOST_STEPS: usize = 40;

/// Names asked for at one time.
const AT_ONCE: usize = 8;

/// How many servers are asked in turn for what one should know.
const TRIES: usize = 3;

/// A cut and what the parent's servers say of it.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) name: Name,
    /// Each with the server that said so.
    pub(super) referrals: Vec<(String, Message)>,
}

/// What stands between `zone` and the name.
#[derive(Clone, Debug, Default)]
pub(super) struct Below {
    pub(super) cut: Option<Cut>,
    /// Of names between that are answered wrongly, each a sentence.
    pub(super) problems: Vec<String>,
}

/// Looks for the nearest cut below `zone` on the way to `qname`.
pub(super) async fn below(
    asker: &Asker<'_>,
    zone: &Name,
    surveys: &[Survey],
    qname: &Name,
    qtype: RecordType,
) -> Below {
    // The nearest of those that the servers refer to.
    let referred = surveys
        .iter()
        .filter_map(|survey| judge::referral(zone, &survey.name))
        .filter(|cut| cut.zone_of(qname))
        .min_by_key(Name::num_labels);
    // A DS belongs to the parent (RFC 4035 section 3.1.4.1).
    let own = u8::from(qtype == RecordType::DS);
    let last = referred.as_ref().map_or_else(|| qname.num_labels().saturating_sub(own), |cut| cut.num_labels() - 1);
    let between: Vec<Name> =
        (zone.num_labels() + 1..=last).take(MOST_STEPS).map(|labels| qname.trim_to(labels.into())).collect();
    let usable: Vec<&Survey> = surveys.iter().filter(|survey| survey.usable(zone)).collect();
    let replies: Vec<(Name, Option<(String, Reply)>)> = iter(between)
        .map(|name| {
            let usable = &usable;
            async move {
                let reply = first_answer(asker, usable, &name, RecordType::NS).await;
                (name, reply)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let exists = referred.is_some() || usable.iter().any(|survey| survey.name.rcode() == Some(0));
    let mut found = Below::default();
    for (name, reply) in replies {
        let Some((who, reply)) = reply else { continue };
        let Some(message) = reply.message else { continue };
        if !judge::ns_names(&message, &name).is_empty() {
            found.cut = Some(Cut { name, referrals: vec![(who, message)] });
            return found;
        }
        if exists && u16::from(message.metadata.response_code) == 3 {
            let sentence = format!("{who} says that {} does not exist, though names below it do", text(&name));
            found.problems.push(sentence);
        }
    }
    found.cut = referred.map(|name| {
        let referrals = surveys
            .iter()
            .filter(|survey| judge::referral(zone, &survey.name).as_ref() == Some(&name))
            .filter_map(|survey| Some((survey.who(), survey.name.message.clone()?)))
            .collect();
        Cut { name, referrals }
    });
    found
}

/// What the first of a few servers says that answers at all; where there are fewer, they are asked again, as a datagram may
/// be lost.
pub(super) async fn first_answer(
    asker: &Asker<'_>,
    servers: &[&Survey],
    name: &Name,
    rtype: RecordType,
) -> Option<(String, Reply)> {
    let mut last = None;
    for survey in servers.iter().cycle().take(TRIES) {
        let reply = asker.ask(survey.server.endpoint, name, rtype).await;
        let good = matches!(reply.rcode(), Some(0 | 3));
        if reply.message.is_some() {
            last = Some((survey.who(), reply));
        }
        if good {
            break;
        }
    }
    last
}
