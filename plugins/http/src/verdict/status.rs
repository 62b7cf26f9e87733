//! The server answered: what its status says, and whether it says so every time.

use sonde_sdk::check::Outcome;
use sonde_sdk::connection::Verification;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::{Judgement, same_again};
use crate::case::{self, Case, End, Get};
use crate::plan;

/// Judges a complete answer, and its repetitions.
pub(super) fn judge(case: &Case, get: &Get, exchange: &HttpExchange, code: u16) -> Vec<Finding> {
    if let Some(findings) = refusals(case, get) {
        return findings;
    }
    if let Some(findings) = throttled(case, get, exchange, code) {
        return findings;
    }
    let all: Vec<&HttpExchange> = case.repeats(get).collect();
    let (bad, good): (Vec<&HttpExchange>, Vec<&HttpExchange>) = all.iter().partition(|exchange| plan::fails(exchange));
    let good: Vec<&HttpExchange> = good.into_iter().filter(|e| matches!(case::end(e), End::Answered(..400))).collect();
    if !bad.is_empty() && !good.is_empty() {
        return share(case, get, &bad, &good);
    }
    if let Some(findings) = one_address(case, get, &bad) {
        return findings;
    }
    match code {
        400 => super::wire::tls_required(case, get, exchange).unwrap_or_default(),
        401 | 403 | 407 => pair(case, get, exchange, code, "http.unauthorized", "wants credentials", &NOT_FOUND),
        404 | 410 => missing(case, get, exchange, code),
        429 => pair(case, get, exchange, code, "http.rate_limited", "throttles this client", &UNAVAILABLE),
        431 => pair(
            case,
            get,
            exchange,
            code,
            "http.header_too_large",
            "finds the request header too large",
            &UNAUTHORIZED,
        ),
        500 => pair(case, get, exchange, code, "http.server_error", "fails", &BAD_GATEWAY),
        502 => pair(
            case,
            get,
            exchange,
            code,
            "http.bad_gateway",
            "got no valid answer from its upstream",
            &GATEWAY_TIMEOUT,
        ),
        503 => pair(case, get, exchange, code, "http.unavailable", "declares itself unavailable", &BACKEND_ERRORING),
        504 => pair(case, get, exchange, code, "http.gateway_timeout", "waited in vain for its upstream", &SERVER_SLOW),
        501 | 505.. => vec![
            supports("http.server_error")
                .about(subject(case, get))
                .because(format!("{} answers {} for {}", case.endpoint(&get.address), case::spoken(exchange), get.path))
                .citing(std::iter::once(exchange.evidence).chain(same_again(case, get, exchange)))
                .build(),
        ],
        _ => Vec::new(),
    }
}

/// What a status of a server that fails speaks for, and which look-alike the same status rules out when it comes again, and why.
pub(super) fn failing(code: u16) -> Option<(&'static str, &'static str, &'static str)> {
    let (cause, look_alike) = match code {
        500 => ("http.server_error", BAD_GATEWAY),
        502 => ("http.bad_gateway", GATEWAY_TIMEOUT),
        503 => ("http.unavailable", BACKEND_ERRORING),
        504 => ("http.gateway_timeout", SERVER_SLOW),
        _ => return None,
    };
    Some((cause, look_alike.id, look_alike.why))
}

/// A look-alike, and why the second answer rules it out.
struct LookAlike {
    id: &'static str,
    why: &'static str,
}

const NOT_FOUND: LookAlike =
    LookAlike { id: "http.not_found", why: "the path exists: asked again it is not 404 that it answers" };
const UNAVAILABLE: LookAlike = LookAlike { id: "http.unavailable", why: "asked again it is 429, not 503" };
const UNAUTHORIZED: LookAlike = LookAlike { id: "http.unauthorized", why: "asked again it is 431, not 401" };
const BAD_GATEWAY: LookAlike =
    LookAlike { id: "http.bad_gateway", why: "asked again it is 500: no proxy speaks of its upstream" };
const GATEWAY_TIMEOUT: LookAlike = LookAlike { id: "http.gateway_timeout", why: "asked again it is 502, not 504" };
const BACKEND_ERRORING: LookAlike =
    LookAlike { id: "lb.backend_erroring", why: "every repeated request is answered 503, not only a part" };
const SERVER_SLOW: LookAlike =
    LookAlike { id: "http.server_slow", why: "asked again the answer is 504 of a proxy, not a late page" };

fn pair(
    case: &Case,
    get: &Get,
    exchange: &HttpExchange,
    code: u16,
    id: &str,
    verb: &str,
    look_alike: &LookAlike,
) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let retry = exchange.response.as_ref().and_then(|response| response.header("retry-after"));
    let retry = retry.map_or_else(String::new, |after| format!(", to be tried again after {after}"));
    let support = supports(id)
        .about(subject(case, get))
        .because(format!("{at} {verb}: {} for {}{retry}", case::said(exchange), get.path))
        .citing([exchange.evidence])
        .measuring(Measure::count("status", i64::from(code)));
    let again = same_again(case, get, exchange);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes(look_alike.id).proof().about(subject(case, get)).because(look_alike.why).citing(again).build(),
    ]
}

/// 429, and an answer after the pause that the server asked for.
fn throttled(case: &Case, get: &Get, exchange: &HttpExchange, code: u16) -> Option<Vec<Finding>> {
    let wait = exchange.response.as_ref().filter(|_| code == 429)?.retry_after()?;
    let later = case.repeats(get).find(|other| matches!(case::end(other), End::Answered(..400)))?;
    let at = case.endpoint(&get.address);
    let wait = wait.as_secs();
    Some(vec![
        supports("http.rate_limited")
            .proof()
            .about(subject(case, get))
            .because(format!(
                "{at} throttles this client: {} for {}, to be tried again after {wait} s",
                case::said(exchange),
                get.path
            ))
            .citing([exchange.evidence])
            .measuring(Measure::count("retry after seconds", i64::try_from(wait).unwrap_or(i64::MAX)))
            .build(),
        refutes("http.unavailable")
            .proof()
            .about(subject(case, get))
            .because(format!("asked again after {wait} s, it answers"))
            .citing([later.evidence])
            .build(),
    ])
}

/// 404: the page, or the whole virtual host?
fn missing(case: &Case, get: &Get, exchange: &HttpExchange, code: u16) -> Vec<Finding> {
    let support = supports("http.not_found")
        .about(subject(case, get))
        .because(format!("{} has no {} ({})", case.origin.header(), get.path, case::said(exchange)))
        .citing([exchange.evidence])
        .measuring(Measure::count("status", i64::from(code)));
    let again: Vec<&HttpExchange> = case
        .repeats(get)
        .filter(|other| other.evidence != exchange.evidence && case::end(other) == End::Answered(code))
        .collect();
    let Some(second) = again.first() else { return vec![support.strong().build()] };
    let verification = second.session.as_ref().map(|session| session.verification);
    if verification == Some(Verification::NameMismatch) {
        return vec![
            support.strong().build(),
            supports("tls.default_cert_served")
                .about(subject(case, get))
                .because("the certificate is for another name too, so the server may not know this virtual host")
                .citing([second.evidence])
                .build(),
        ];
    }
    let why = match verification {
        Some(Verification::Accepted) => "asked again, the certificate covers the name, so the virtual host exists",
        Some(_) => "asked again, the certificate is not another name's",
        None => "asked again in plain HTTP, where no certificate plays a part",
    };
    vec![
        support.proof().build(),
        refutes("tls.default_cert_served")
            .strong()
            .about(subject(case, get))
            .because(why)
            .citing([second.evidence])
            .build(),
    ]
}

/// Some requests fail and some do not: one backend of several.
fn share(case: &Case, get: &Get, bad: &[&HttpExchange], good: &[&HttpExchange]) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let total = bad.len() + good.len();
    let codes: Vec<String> = {
        let mut codes: Vec<u16> =
            bad.iter().filter_map(|e| e.response.as_ref().map(|response| response.status)).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.iter().map(ToString::to_string).collect()
    };
    let how = if codes.is_empty() {
        "end without an answer".to_owned()
    } else {
        format!("are answered {}", codes.join(" or "))
    };
    let support = supports("lb.backend_erroring")
        .about(&at)
        .because(format!("{} of {total} equal requests to {at} {how}, the others succeed", bad.len()))
        .citing(bad.iter().map(|exchange| exchange.evidence))
        .measuring(Measure::count("failed requests", i64::try_from(bad.len()).unwrap_or(i64::MAX)))
        .measuring(Measure::count("requests", i64::try_from(total).unwrap_or(i64::MAX)));
    vec![
        // One failure may be a moment's; a share is one that comes back.
        if bad.len() > 1 && good.len() > 1 && !codes.is_empty() { support.proof() } else { support }.build(),
        refutes("http.unavailable")
            .proof()
            .about(&at)
            .because(format!("{} of {total} requests succeed", good.len()))
            .citing(good.iter().map(|exchange| exchange.evidence))
            .build(),
    ]
}

/// This address fails every time while another of the name's answers.
pub(super) fn one_address(case: &Case, get: &Get, bad: &[&HttpExchange]) -> Option<Vec<Finding>> {
    // The same request, so not one that only this address redirected to.
    let elsewhere = case.elsewhere(&get.address).filter(|_| *get == case.opening(&get.address));
    let good: Vec<u64> = elsewhere.map(|exchange| exchange.evidence).collect();
    let (first, [_, ..]) = (bad.first()?, good.as_slice()) else { return None };
    let at = case.endpoint(&get.address);
    let how = match case::end(first) {
        End::Answered(_) => format!("answers {}", case::spoken(first)),
        _ => "ends the connection without a whole answer".to_owned(),
    };
    let support = supports("lb.backend_erroring")
        .about(&at)
        .because(format!("{at} {how} for {}, while another address of {} answers it", get.path, case.origin.host))
        .citing(bad.iter().map(|exchange| exchange.evidence))
        .measuring(Measure::count("failed requests", i64::try_from(bad.len()).unwrap_or(i64::MAX)));
    Some(vec![
        if bad.len() > 1 { support.proof() } else { support.strong() }.build(),
        refutes("http.unavailable")
            .proof()
            .about(&at)
            .because("the same request at another address is answered, so it is not the whole service")
            .citing(good)
            .build(),
    ])
}

/// The first try was refused, and others were not.
pub(super) fn refusing_backend(case: &Case) -> Option<Judgement> {
    let findings = case.addresses.iter().map(|address| case.opening(address)).find_map(|get| refusals(case, &get))?;
    let outcome = Outcome::broken(findings[0].summary.clone());
    Some(Judgement { findings, outcome })
}

/// Some connections are refused and some are not: one backend of several.
pub(super) fn refusals(case: &Case, get: &Get) -> Option<Vec<Finding>> {
    let at = case.endpoint(&get.address);
    let (bad, good): (Vec<&HttpExchange>, Vec<&HttpExchange>) =
        case.repeats(get).partition(|exchange| plan::refuses(exchange));
    let good: Vec<&HttpExchange> = good.into_iter().filter(|e| matches!(case::end(e), End::Answered(_))).collect();
    if bad.is_empty() || good.is_empty() {
        return None;
    }
    let total = bad.len() + good.len();
    let support = supports("lb.backend_refused")
        .about(&at)
        .because(format!("{} of {total} connections to {at} are refused, the others are accepted", bad.len()))
        .citing(bad.iter().map(|exchange| exchange.evidence))
        .measuring(Measure::count("refused connections", i64::try_from(bad.len()).unwrap_or(i64::MAX)));
    Some(vec![
        if bad.len() > 1 && good.len() > 1 { support.proof() } else { support }.build(),
        refutes("tcp.port_closed")
            .strong()
            .about(&at)
            .because(format!("{} of {total} connections are accepted", good.len()))
            .citing(good.iter().map(|exchange| exchange.evidence))
            .build(),
    ])
}

fn subject(case: &Case, get: &Get) -> String {
    case.origin.url(&get.path)
}
