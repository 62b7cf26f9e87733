//! The cookies that redirects hand out along the way.

use sonde_sdk::dial::HttpExchange;

/// The cookies to send next: those sent before, and those just handed out, which replace their namesakes.
pub(super) fn carried(sent: &str, exchange: &HttpExchange) -> String {
    let mut jar: Vec<(&str, &str)> = sent.split("; ").filter_map(|pair| pair.split_once('=')).collect();
    for header in
        exchange.response.iter().flat_map(|r| &r.headers).filter(|h| h.name.eq_ignore_ascii_case("set-cookie"))
    {
        let pair = header.value.split(';').next().unwrap_or_default().trim();
        if pair.len() > LONGEST_COOKIE || pair.bytes().any(|byte| byte.is_ascii_control()) {
            continue;
        }
        if let Some((name, value)) = pair.split_once('=') {
            jar.retain(|(known, _)| *known != name);
            jar.push((name, value));
        }
    }
    jar.into_iter().take(MOST_COOKIES).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

const MOST_COOKIES: usize = 8;
const LONGEST_COOKIE: usize = 512;
