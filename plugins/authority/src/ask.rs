//! Finds the servers of the name's zone through a resolver and asks them, without recursion, following referrals.

use std::pin::Pin;
use std::time::Duration;

use sonde_sdk::dns::{Exchange, Query, qtype};
use sonde_sdk::prelude::*;
use sonde_sdk::timer::Allowance;
use sonde_sdk::types::Reason;

use crate::case::{Asked, Case, Leads, Level, Says, lies_in, parent, plain, says};
use crate::verdict;

/// Everything there is to ask; none where no resolver tells which zone the name is in.
pub(crate) async fn gather(name: &str, wanted: u16, resolvers: &[String], allowance: Allowance) -> Option<Case> {
    let mut found = None;
    for resolver in resolvers {
        if let Some((zone, exchange)) = zone(resolver, name, allowance).await {
            found = Some((resolver.clone(), zone, exchange));
            break;
        }
    }
    let (resolver, zone, zone_found) = found?;
    let told = ask(Query::new(&resolver, name, wanted), RESOLVER, allowance).await?;
    let mut case = Case {
        name: plain(name),
        qtype: wanted,
        levels: Vec::new(),
        again: None,
        leads: Leads::Unasked,
        told: vec![told],
        zone_found,
        nonsense: None,
        resolver,
    };
    descend(&mut case, zone, allowance).await;
    if verdict::contradicts(&case) {
        timer::sleep(COUNTDOWN.min(allowance.left())).await;
        case.told.extend(ask(Query::new(&case.resolver, name, wanted), RESOLVER, allowance).await);
        if let Some(server) = case.authority() {
            case.again = ask(Query::new(&server.address, name, wanted).without_recursion(), AUTHORITY, allowance).await;
        }
    }
    case.nonsense = nonsense(&case, allowance).await;
    Some(case)
}

/// The zone that holds the name as far as the resolver can see, and the exchange that shows it.
async fn zone(resolver: &str, name: &str, allowance: Allowance) -> Option<(String, Exchange)> {
    let asked = |label: String| -> Pin<Box<dyn Future<Output = Apex> + '_>> {
        Box::pin(apex(resolver, name, label, allowance))
    };
    let mut own = asked(plain(name));
    // It goes on where that takes longer.
    let early = wait::at_most(HEAD_START, own.as_mut()).await;
    let answers = matches!(early, Some(Apex::Unknown));
    let own = match early {
        Some(Apex::Of(found)) => return Some(*found),
        Some(Apex::Unknown | Apex::Silent) => None,
        None => Some(own),
    };
    // A resolver that is silent for a broken zone may answer for one above. All at once: a dead one must not be waited for at each.
    let above = std::iter::successors(parent(name), |label| parent(label))
        .take(MOST_LABELS - 1)
        .filter(|label| answers || !label.is_empty())
        .map(asked);
    let found = wait::all(own.into_iter().chain(above)).await;
    found.into_iter().find_map(|apex| match apex {
        Apex::Of(found) => Some(*found),
        Apex::Unknown | Apex::Silent => None,
    })
}

/// What a resolver tells of the zone that a label is in.
enum Apex {
    /// Its name, and the exchange that shows it.
    Of(Box<(String, Exchange)>),
    /// It answers, and tells none.
    Unknown,
    Silent,
}

/// Every negative answer carries the SOA of its zone (RFC 2308), which must be above the name.
async fn apex(resolver: &str, name: &str, label: String, allowance: Allowance) -> Apex {
    let text = if label.is_empty() { "." } else { &label };
    let Some(exchange) = ask(Query::new(resolver, text, qtype::SOA), RESOLVER, allowance).await else {
        return Apex::Silent;
    };
    let Ok(answer) = &exchange.outcome else { return Apex::Silent };
    let mut records = answer.answers.iter().chain(&answer.authorities);
    let soa = records.find(|record| record.rtype == qtype::SOA && lies_in(name, &record.name));
    match soa.map(|record| plain(&record.name)) {
        Some(zone) => Apex::Of(Box::new((zone, exchange))),
        None => Apex::Unknown,
    }
}

/// Asks the servers of the zone, and those that they refer to.
async fn descend(case: &mut Case, mut zone: String, allowance: Allowance) {
    let text = if zone.is_empty() { ".".to_owned() } else { zone.clone() };
    let Some(exchange) = ask(Query::new(&case.resolver, &text, qtype::NS), RESOLVER, allowance).await else { return };
    let Ok(answer) = &exchange.outcome else { return };
    let mut names: Vec<String> = answer.of_type(qtype::NS).map(|record| plain(&record.rdata)).collect();
    let mut glue: Vec<(String, String)> = Vec::new();
    for _ in 0..MOST_LEVELS {
        names.truncate(MOST_SERVERS);
        let addresses = wait::all(names.iter().map(|server| address(case, server, &glue, allowance))).await;
        let servers = wait::all(names.iter().zip(addresses).filter_map(|(server, address)| {
            let question = Query::new(&address?, &case.name, case.qtype).without_recursion();
            Some(asked(server.clone(), question, allowance))
        }))
        .await;
        let level = Level { zone: zone.clone(), servers: servers.into_iter().flatten().collect() };
        let next = below(&level, case);
        case.levels.push(level);
        let Some((below, server)) = next else { return };
        let Ok(answer) = &server.exchange.outcome else { return };
        let of_zone = answer.authorities.iter().filter(|r| r.rtype == qtype::NS && plain(&r.name) == below);
        names = of_zone.map(|record| plain(&record.rdata)).collect();
        glue = answer
            .additionals
            .iter()
            .filter(|record| record.rtype == qtype::A)
            .map(|record| (plain(&record.name), record.rdata.clone()))
            .collect();
        zone = below;
    }
}

/// A zone further down that some server of the level refers to.
fn below(level: &Level, case: &Case) -> Option<(String, Asked)> {
    level.servers.iter().find_map(|server| match says(&server.exchange, &case.name, case.qtype) {
        Says::Referral(zone) if zone != level.zone && lies_in(&zone, &level.zone) => Some((zone, server.clone())),
        _ => None,
    })
}

/// As the glue or else the resolver says. Addresses of IPv4 only: one address of each server tells what it serves.
async fn address(case: &Case, server: &str, glue: &[(String, String)], allowance: Allowance) -> Option<String> {
    if let Some((_, address)) = glue.iter().find(|(name, _)| name == server) {
        return Some(address.clone());
    }
    let exchange = ask(Query::new(&case.resolver, server, qtype::A), RESOLVER, allowance).await?;
    let answer = exchange.outcome.ok()?;
    answer.of_type(qtype::A).map(|record| record.rdata.clone()).next()
}

async fn asked(name: String, question: Query, allowance: Allowance) -> Option<Asked> {
    let address = question.server.address.clone();
    let exchange = ask(question, AUTHORITY, allowance).await?;
    // What we were not allowed to ask tells nothing.
    let denied = exchange.outcome.as_ref().is_err_and(|failure| matches!(failure.reason, Reason::Denied(_)));
    (!denied).then_some(Asked { name, address, exchange })
}

/// A label that nobody created, beside the name: where even that has an address, the resolver invents answers.
async fn nonsense(case: &Case, allowance: Allowance) -> Option<(Exchange, Exchange)> {
    let server = case.authority()?;
    let Says::Records(_) = says(case.told.first()?, &case.name, case.qtype) else { return None };
    let above =
        parent(&case.name).filter(|above| lies_in(above, case.levels.last().map_or("", |level| &level.zone)))?;
    let label = format!("sonde-{:016x}.{above}", case.zone_found.evidence);
    let resolver = ask(Query::new(&case.resolver, &label, case.qtype), RESOLVER, allowance).await?;
    let authority = Query::new(&server.address, &label, case.qtype).without_recursion();
    Some((resolver, ask(authority, AUTHORITY, allowance).await?))
}

/// One query; none where no time is left.
async fn ask(query: Query, longest: Duration, allowance: Allowance) -> Option<Exchange> {
    let left = allowance.left();
    if left < SHORTEST { None } else { Some(dns::query(query.within(longest.min(left))).await) }
}

/// Of a query that a resolver may have to pass on.
const RESOLVER: Duration = Duration::from_millis(1500);
/// Of the first query for the zone, before the zones above are asked for.
const HEAD_START: Duration = Duration::from_millis(300);
/// Of a query that a server answers by itself.
const AUTHORITY: Duration = Duration::from_millis(800);
/// A question that may take no longer than this is not worth asking.
const SHORTEST: Duration = Duration::from_millis(20);
/// Of all of it.
pub(crate) const LONGEST: Duration = Duration::from_secs(6);
/// TTLs are in seconds.
const COUNTDOWN: Duration = Duration::from_millis(1100);
const MOST_LABELS: usize = 4;
const MOST_LEVELS: usize = 4;
const MOST_SERVERS: usize = 4;
