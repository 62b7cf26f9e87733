//! The requests of an HTTP dial: what each was answered, and where it leads.

use sonde_proto::v1::HttpExchange;
use sonde_proto::v1::evidence::Call;

use super::Dialled;
use super::address::failed_words;
use crate::render::page::Page;
use crate::render::style::{FAINT, STRONG, paint};
use crate::render::text::{clean, count, elapsed, micros, socket};

/// It is a dial of the target itself, and not of a place that a redirect names.
pub(super) fn is_first(dial: &Dialled<'_>, all: &[Dialled<'_>]) -> bool {
    let place = |dial: &Dialled<'_>| exchange(dial).map(|exchange| (url(exchange), dial.remote.port));
    all.first().is_none_or(|first| place(first) == place(dial))
}

/// One line for each answer of the target, one for each hop, with its phases.
pub(super) fn draw(page: &mut Page, first: &[&Dialled<'_>], hops: &[&Dialled<'_>]) {
    let mut answers: Vec<&Dialled<'_>> = Vec::new();
    for dial in first.iter().filter(|dial| exchange(dial).is_some()) {
        if !answers.iter().any(|known| said(known) == said(dial)) {
            answers.push(dial);
        }
    }
    if answers.is_empty() {
        return;
    }
    page.gap();
    page.line(&paint(STRONG, "requests"));
    for dial in answers.into_iter().chain(hops.iter().copied()) {
        let Some(exchange) = exchange(dial) else { continue };
        let mark = dial.mark();
        let sign = paint(mark.style(), mark.sign());
        let at = socket(&dial.remote.address, dial.remote.port);
        page.line(&format!(
            "{sign} {}  {}  {}",
            clean(&said(dial)),
            clean(&format!("{} {}", exchange.method, url(exchange))),
            paint(FAINT, &clean(&format!("@{at}")))
        ));
        let leads = exchange.response.as_ref().map_or("", |response| header(response, "location"));
        if !leads.is_empty() {
            page.field("leads to", leads);
        }
        page.field("phases", &phases(exchange));
    }
}

/// Its exchange; none of another kind of dial.
fn exchange<'a>(dial: &Dialled<'a>) -> Option<&'a HttpExchange> {
    match &dial.evidence.call {
        Some(Call::HttpExchange(exchange)) => Some(exchange),
        _ => None,
    }
}

fn url(exchange: &HttpExchange) -> String {
    let scheme = if exchange.tls_server_name.is_empty() { "http" } else { "https" };
    format!("{scheme}://{}{}", exchange.host, exchange.path)
}

/// `301 HTTP/1.1, 178 bytes`, or how it failed.
fn said(dial: &Dialled<'_>) -> String {
    let response = exchange(dial).and_then(|exchange| exchange.response.as_ref());
    let answered = response.map(|response| {
        let whole = if response.body_complete { "" } else { ", cut short" };
        let bytes = count(usize::try_from(response.body_bytes).unwrap_or(usize::MAX), "byte", "bytes");
        format!("{} {}, {bytes}{whole}", response.status, response.version)
    });
    let at = socket(&dial.remote.address, dial.remote.port);
    match (answered, &dial.evidence.failure) {
        (Some(answered), None) => answered,
        (Some(answered), Some(failure)) => format!("{answered}; {}", failed_words(failure, None, &at)),
        (None, Some(failure)) => failed_words(failure, dial.connection, &at),
        (None, None) => "no answer".to_owned(),
    }
}

fn header<'a>(response: &'a sonde_proto::v1::HttpResponse, name: &str) -> &'a str {
    response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map_or("", |header| &header.value)
}

fn phases(exchange: &HttpExchange) -> String {
    let phases = exchange.phases.unwrap_or_default();
    let parts = [
        ("connect", phases.connect),
        ("tls", phases.tls),
        ("send", phases.send),
        ("wait", phases.wait),
        ("receive", phases.receive),
    ];
    let parts = parts.iter().filter_map(|(name, timing)| {
        timing.as_ref().map(|timing| format!("{name} {}", elapsed(micros(timing.elapsed.as_ref()))))
    });
    parts.collect::<Vec<_>>().join(", ")
}
