//! Answers whose head cannot be read, or does not end, beside those that are no HTTP or do not come.

use sonde_sdk::check::Conclusion;
use sonde_sdk::connection::Verification;
use sonde_sdk::dial::{Http2Facts, HttpExchange};
use sonde_sdk::testkit;
use sonde_sdk::types::{Phase, Reason};

use super::super::play::{Net, answer, bytes, unanswered};
use super::{names, suspects};

/// An answer that begins with `HTTP/` and of which the daemon's library says this.
fn malformed(said: &str) -> HttpExchange {
    unanswered(Reason::Malformed(said.to_owned()))
}

/// The first bytes of an answer came, and then nothing.
fn begun() -> HttpExchange {
    let mut exchange = unanswered(Reason::TimedOut);
    exchange.outcome = Err(testkit::failure(Phase::Receive, Reason::TimedOut, 2500));
    exchange
}

#[test]
fn a_malformed_header_is_http_and_leaves_it_undecided() {
    let judgement = Net::new(|_, _| malformed("invalid HTTP header parsed")).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.findings.is_empty(), "{judgement:#?}");
    assert!(judgement.outcome.summary.contains("malformed header"), "{}", judgement.outcome.summary);
}

#[test]
fn a_header_that_is_too_large_is_told_by_its_limit() {
    let judgement = Net::new(|_, _| malformed("message head is too large")).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.outcome.summary.contains("larger than the 64 KiB"), "{}", judgement.outcome.summary);
}

#[test]
fn bytes_that_no_http_begins_with_are_still_another_protocol() {
    let judgement = Net::new(|_, _| bytes(b"220 mail.example ESMTP\r\n")).run();
    names(&judgement, "http.not_http", "http.empty_reply");
    assert!(judgement.outcome.summary.contains("220 mail.example"), "{}", judgement.outcome.summary);
}

#[test]
fn an_answer_that_stops_in_its_head_has_begun() {
    let judgement = Net::new(|_, _| begun()).run();
    suspects(&judgement, "http.slow_body");
    assert!(judgement.outcome.summary.contains("in the middle of its head"), "{}", judgement.outcome.summary);
}

#[test]
fn an_answer_of_which_nothing_came_has_not_begun_and_is_waited_for_so_long() {
    let judgement = Net::new(|_, _| unanswered(Reason::TimedOut)).run();
    names(&judgement, "app.not_responding", "http.server_slow");
    assert!(judgement.outcome.summary.contains("does not answer within 8.0 s"), "{}", judgement.outcome.summary);
}

#[test]
fn the_settings_of_http_2_are_no_begun_answer() {
    let settings_only = || {
        let facts = Http2Facts {
            settings: true,
            max_concurrent_streams: None,
            initial_window_size: None,
            max_frame_size: None,
            max_header_list_size: None,
            goaway: None,
            resets: vec![],
        };
        let session = testkit::session(vec![], Verification::Accepted);
        HttpExchange { http2: Some(facts), session: Some(session), ..begun() }
    };
    let mut net = Net::new(move |_, _| settings_only());
    net.https = true;
    names(&net.run(), "app.not_responding", "http.server_slow");
    assert!(Net::new(|_, _| answer(200)).run().findings.is_empty());
}
