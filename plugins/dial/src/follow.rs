//! Follows the redirects of an HTTP answer: each hop is a host call of its own, granted or denied as such.

use std::time::Duration;

use sonde_sdk::dial::{self, HttpExchange};
use sonde_sdk::dns::{Family, Personality, ResolveRequest};
use sonde_sdk::prelude::*;

use crate::attempt::{self, Series};
use crate::request::{self, HttpWish, Wish};

/// Follows from the first address that redirects. Why it stopped before the end, if it did.
pub(crate) async fn redirects(
    target: &Target,
    wish: &Wish,
    wanted: &HttpWish,
    series: &mut [Series],
    deadline: Duration,
) -> Option<String> {
    let start = series.iter().position(|series| series.exchange.as_deref().is_some_and(leads))?;
    let mut address = series[start].endpoint.address.clone();
    let mut exchange = series[start].exchange.take()?;
    let mut wanted = wanted.clone();
    let mut visited = vec![wanted.place.clone()];
    while let Some(location) = location(&exchange) {
        let from = wanted.place.clone();
        let place = match from.follow(location) {
            Ok(place) => place,
            Err(astray) => return Some(astray.to_string()),
        };
        if visited.len() > usize::from(wanted.redirects) {
            return (wanted.redirects > 0)
                .then(|| format!("not followed further than {} hops; the next is {}", wanted.redirects, place.url()));
        }
        if visited.contains(&place) {
            return Some(format!("they lead in a circle: {} again", place.url()));
        }
        visited.push(place.clone());
        if place.host != from.host {
            match addresses(target, wish, &place.host, deadline).await {
                Ok(found) => address = found,
                Err(problem) => return Some(problem),
            }
        }
        wanted = wanted.at(place, status(&exchange));
        let patience = wish.timeout.min(deadline.saturating_sub(timer::now()));
        if patience.is_zero() {
            return Some(format!("no time was left for {}", wanted.place.url()));
        }
        let endpoint = Endpoint::new(&address, wanted.place.port);
        let next = dial::http(attempt::http_request(&endpoint, wish, &wanted, patience)).await;
        let trouble = attempt::of_exchange(&next).trouble;
        *exchange = next;
        if let Some(trouble) = trouble {
            let why = format!("{}: {trouble}", wanted.place.url());
            if let Some(last) = series[start].attempts.last_mut() {
                last.trouble = Some(why.clone());
            }
            return Some(why);
        }
    }
    None
}

/// The first address of a host that a redirect names.
async fn addresses(target: &Target, wish: &Wish, host: &str, deadline: Duration) -> Result<String, String> {
    let takes = |address: &&String| wish.family.takes(&Endpoint::new(address, 1));
    if host.parse::<std::net::IpAddr>().is_ok() {
        let address = host.to_owned();
        return if takes(&&address) {
            Ok(address)
        } else {
            Err(format!("{host} is not of the family that is dialled"))
        };
    }
    if target.host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(host)) {
        let known = target.addresses.iter().find(takes);
        return known.cloned().ok_or_else(|| format!("{host} has no address to dial"));
    }
    let request = ResolveRequest {
        name: host.to_owned(),
        family: Family::Any,
        personality: Personality::Glibc,
        pid: None,
        timeout_us: wait::microseconds(deadline.saturating_sub(timer::now())),
    };
    let resolution = dns::resolve(request).await;
    resolution.addresses.iter().find(takes).cloned().ok_or_else(|| format!("{host} does not resolve to an address"))
}

fn leads(exchange: &HttpExchange) -> bool {
    location(exchange).is_some()
}

fn status(exchange: &HttpExchange) -> u16 {
    exchange.response.as_ref().map_or(0, |response| response.status)
}

/// RFC 9110 section 15.4: those that a client follows by itself.
fn location(exchange: &HttpExchange) -> Option<&str> {
    let response = exchange.response.as_ref()?;
    request::is_redirect(response.status).then(|| response.header("location")).flatten()
}
