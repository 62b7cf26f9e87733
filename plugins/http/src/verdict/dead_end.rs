//! A redirect that leads to another scheme or port of the host, where whoever follows it finds no page.

use sonde_sdk::check::Outcome;
use sonde_sdk::connection::{Certificate, TlsSession, Verification};
use sonde_sdk::date;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::location::Place;
use sonde_sdk::types::Endpoint;

use super::{Judgement, detail, status};
use crate::case::{self, Case, Get};
use crate::dead_end::{self, DeadEnd};

/// A place that failed in one way each time it was asked.
struct Failing<'a> {
    place: &'a Place,
    /// Its address and port.
    at: Endpoint,
    first: &'a HttpExchange,
    again: Vec<&'a HttpExchange>,
}

/// None where what the redirect leads to works, or was not really asked.
pub(super) fn judge(case: &Case, get: &Get) -> Option<Judgement> {
    let failing = case.beyond.iter().find_map(|(place, _)| failing(case, get, place))?;
    let end = dead_end::of(failing.first)?;
    let why = failing.why(end);
    let sentence = format!("{} redirects to {}, {why}", case.endpoint(&get.address), failing.place.url());
    let findings: Vec<_> = failing.findings(end, &sentence).into_iter().map(Draft::build).collect();
    let outcome = if failing.again.is_empty() { Outcome::unclear(sentence) } else { Outcome::broken(sentence) };
    Some(Judgement { findings, outcome })
}

fn failing<'a>(case: &'a Case, get: &Get, place: &'a Place) -> Option<Failing<'a>> {
    let all: Vec<&HttpExchange> = case.reached(place).collect();
    let (first, again) = all.split_first()?;
    let end = dead_end::of(first)?;
    let same = again.iter().all(|exchange| dead_end::of(exchange) == Some(end));
    let at = Endpoint::new(&get.address, place.port);
    same.then(|| Failing { place, at, first, again: again.to_vec() })
}

impl Failing<'_> {
    fn why(&self, end: DeadEnd) -> String {
        match end {
            DeadEnd::Refused => "which refuses the connection".to_owned(),
            DeadEnd::Unanswered => "which does not answer the connection".to_owned(),
            DeadEnd::Unreached | DeadEnd::NoSession => format!("which fails: {}", detail(self.first)),
            DeadEnd::Certificate(_) => format!("whose certificate is not accepted: {}", self.complaint()),
            DeadEnd::Status(_) => format!("which answers {}", case::spoken(self.first)),
            DeadEnd::Silent => format!("which takes the request, but does not answer: {}", detail(self.first)),
            DeadEnd::Empty => "which closes the connection without an answer".to_owned(),
            DeadEnd::Reset => "which resets the connection without an answer".to_owned(),
            DeadEnd::TlsBytes => "which wants TLS".to_owned(),
            DeadEnd::NotHttp => "which does not answer in HTTP".to_owned(),
        }
    }

    fn complaint(&self) -> &str {
        self.first.session.as_ref().map_or("", |session| session.verification_detail.as_str())
    }

    fn findings(&self, end: DeadEnd, sentence: &str) -> Vec<Draft> {
        let support = |cause: &str| {
            let about = if cause.starts_with("http.") { self.place.url() } else { self.at.to_string() };
            supports(cause).strong().about(about).because(sentence).citing([self.first.evidence])
        };
        match end {
            DeadEnd::Refused => self.refused(support),
            DeadEnd::Unanswered => vec![support("fw.drop_remote")],
            DeadEnd::Certificate(verification) => self.certificate(verification, support),
            DeadEnd::Status(code) => match status::failing(code) {
                Some((cause, look_alike, why)) => {
                    self.pair(support(cause), refutes(look_alike).about(self.place.url()).because(why))
                }
                None => Vec::new(),
            },
            DeadEnd::Silent => vec![support("app.not_responding")],
            DeadEnd::Empty => {
                let why = "asked again it ends with FIN, not with RST";
                self.pair(support("http.empty_reply"), refutes("tcp.rst_linger0").about(&self.at).because(why))
            }
            DeadEnd::TlsBytes => vec![support("http.tls_required")],
            DeadEnd::NotHttp => vec![support("http.not_http")],
            DeadEnd::NoSession if self.first.session.as_ref().is_some_and(|session| session.plaintext.is_some()) => {
                vec![support("tls.plaintext_peer")]
            }
            DeadEnd::Reset | DeadEnd::Unreached | DeadEnd::NoSession => Vec::new(),
        }
    }

    /// Proven where it was asked again.
    fn pair(&self, support: Draft, refutation: Draft) -> Vec<Draft> {
        if self.again.is_empty() {
            return vec![support];
        }
        let again = self.again.iter().map(|exchange| exchange.evidence);
        vec![support.proof(), refutation.proof().citing(again)]
    }

    /// By RST, where ICMP would have been seen.
    fn refused(&self, support: impl Fn(&str) -> Draft) -> Vec<Draft> {
        let mut all = std::iter::once(&self.first).chain(&self.again);
        if all.any(|exchange| exchange.outcome.as_ref().is_err_and(|failure| failure.icmp.is_some())) {
            return vec![support("fw.reject_icmp")];
        }
        if !self.again.iter().all(|exchange| exchange.connection.icmp_visible) {
            return vec![support("tcp.port_closed")];
        }
        let why = "asked again, it is refused by RST: no ICMP message comes";
        self.pair(support("tcp.port_closed"), refutes("fw.reject_icmp").about(&self.at).because(why))
    }

    fn certificate(&self, verification: Verification, support: impl Fn(&str) -> Draft) -> Vec<Draft> {
        let Some((session, leaf)) = self.first.session.as_ref().and_then(|s| Some((s, s.chain.first()?))) else {
            return Vec::new();
        };
        let refuted = |cause: &str, why: &str| refutes(cause).about(&self.at).because(why);
        match verification {
            Verification::Expired if leaf.not_after >= session.verified_at => vec![support("tls.intermediate_expired")],
            Verification::Expired if self.agrees(leaf) == Some(false) => {
                vec![support("tls.cert_expired"), skew(session, leaf, support("host.clock_skew"))]
            }
            Verification::Expired => {
                let why = "asked again, it is the server's own certificate that is past its date";
                self.pair(support("tls.cert_expired"), refuted("tls.intermediate_expired", why))
            }
            Verification::NotYetValid if self.agrees(leaf) == Some(true) => {
                let why = "asked again, the server's own Date header agrees with this host's clock";
                let skewed = refutes("host.clock_skew").about(CLOCK).because(why);
                self.pair(support("tls.cert_not_yet_valid"), skewed)
            }
            Verification::NotYetValid => vec![support("tls.cert_not_yet_valid")],
            Verification::SelfSigned => self.self_signed(support),
            Verification::UnknownIssuer if leaf.self_signed => self.self_signed(support),
            Verification::UnknownIssuer => vec![support("tls.unknown_ca")],
            Verification::NameMismatch => vec![support("tls.name_mismatch")],
            Verification::Revoked | Verification::StapleMissing => vec![support("tls.revoked")],
            Verification::WeakKey => vec![support("tls.weak_key")],
            // As the tls check has it: the catalogue has no cause for them.
            Verification::Unsupported
            | Verification::BadSignature
            | Verification::Accepted
            | Verification::NotReached => Vec::new(),
        }
    }

    fn self_signed(&self, support: impl Fn(&str) -> Draft) -> Vec<Draft> {
        let why = "asked again, no authority is named: the issuer is the subject itself";
        self.pair(support("tls.self_signed"), refutes("tls.unknown_ca").about(&self.at).because(why))
    }

    /// Whether by the server's own Date the certificate is out of its dates too, where it sends one.
    fn agrees(&self, leaf: &Certificate) -> Option<bool> {
        let exchange = self.again.first().copied().unwrap_or(self.first);
        let date = date::http(exchange.response.as_ref()?.header("date")?)?;
        Some(date < leaf.not_before || leaf.not_after < date)
    }
}

/// This host's clock says that it has expired, the server's does not.
fn skew(session: &TlsSession, leaf: &Certificate, support: Draft) -> Draft {
    let past = date::span(session.verified_at.saturating_sub(leaf.not_after));
    support
        .about(CLOCK)
        .because(format!("by this host's clock the certificate expired {past} ago, by the server's it is valid"))
}

/// As the tls check calls it.
const CLOCK: &str = "this host's clock";
