//! The request by way of the proxy that an environment names, beside the same request made directly.

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use crate::case::{self, Case, End, Get};

/// Judges the detour, where the caller asked for it.
pub(super) fn judge(case: &Case, get: &Get, direct: &HttpExchange) -> Vec<Finding> {
    let (Some(proxy), Some(read)) = (case.proxy(), &case.proxies) else { return Vec::new() };
    let tried: Vec<&HttpExchange> = case.detours.iter().filter_map(|detour| detour.exchange.as_ref()).collect();
    let failed: Vec<&HttpExchange> = tried.iter().copied().filter(|exchange| fails(exchange)).collect();
    if failed.is_empty() || failed.len() < tried.len() || !matches!(case::end(direct), End::Answered(..400)) {
        return Vec::new();
    }
    let support = supports("http.proxy_env")
        .about(case.origin.url(&get.path))
        .because(format!(
            "{} sends this request to {}:{}, where it fails: {}",
            proxy.variable,
            proxy.host,
            proxy.port,
            how(failed[0])
        ))
        .citing(std::iter::once(read.evidence).chain(failed.iter().map(|exchange| exchange.evidence)));
    vec![
        if failed.len() > 1 { support.proof() } else { support.strong() }.build(),
        refutes("fw.drop_remote")
            .proof()
            .about(case.endpoint(&get.address))
            .because("asked directly, the server answers")
            .citing([direct.evidence])
            .build(),
    ]
}

/// What the environment says, whatever the verdict.
pub(super) fn notes(case: &Case) -> Option<(&'static str, String)> {
    let read = case.proxies.as_ref()?;
    let text = match (&read.outcome, case.proxy()) {
        (Err(failure), _) => format!("not readable: {}", failure.detail),
        (Ok(_), None) => "no proxy is named for this URL".to_owned(),
        (Ok(_), Some(proxy)) => format!("{} names {}:{}", proxy.variable, proxy.host, proxy.port),
    };
    Some(("proxy", text))
}

/// Not granted or not possible here says nothing of the proxy.
fn fails(exchange: &HttpExchange) -> bool {
    match &exchange.outcome {
        Err(failure) => !failure.is_our_own(),
        // What a proxy says of itself or of the way behind it.
        Ok(()) => exchange.response.as_ref().is_some_and(|response| matches!(response.status, 407 | 502 | 503 | 504)),
    }
}

fn how(exchange: &HttpExchange) -> String {
    match &exchange.outcome {
        Err(failure) => failure.detail.clone(),
        Ok(()) => case::said(exchange),
    }
}
