//! What to try next, given what is known: a pure function, so that a whole run can be played natively.
//!
//! The first round is one handshake per address. Everything after it exists to separate one cause from another, on the first
//! address that fails.

use sonde_sdk::connection::Verification;

use crate::case::{self, Case, End, Sni, Step};
use crate::{issuer, starttls};

/// The steps not yet taken that the case wants now; empty when it is ready to be judged.
pub(crate) fn next(case: &Case) -> Vec<Step> {
    let mut wanted: Vec<Step> = case.addresses.iter().map(|address| case.first_step(address)).collect();
    let dropped = |address: &&String| case.first(address).is_some_and(case::drops);
    let again = case.addresses.iter().filter(dropped).map(|address| Step::Tls {
        address: address.clone(),
        sni: Sni::Own,
        alpn: case.https,
        attempt: 1,
    });
    wanted.extend(again);
    if let Some(address) = suspect(case).filter(|_| wanted.iter().all(|step| case.done(step))) {
        wanted.extend(follow_up(case, address));
    }
    wanted.retain(|step| !case.done(step));
    wanted
}

/// The address that the verdict is about: the first that fails, else the first that asks for something.
pub(crate) fn suspect(case: &Case) -> Option<&String> {
    let ended = |address: &&String| case.first(address).map(case::end);
    let failing =
        |address: &&String| !matches!(ended(address), None | Some(End::Good | End::NoConnection | End::Untested));
    let good = |address: &&String| matches!(ended(address), Some(End::Good));
    case.addresses.iter().find(failing).or_else(|| case.addresses.iter().find(good))
}

fn follow_up(case: &Case, address: &str) -> Vec<Step> {
    let Some(first) = case.first(address) else { return Vec::new() };
    let tls = |sni: Sni, alpn: bool, attempt: u8| Step::Tls { address: address.to_owned(), sni, alpn, attempt };
    let plain = || Step::Plain(address.to_owned());
    let http = || Step::Http(address.to_owned());
    let nonsense = || Sni::Other(NONSENSE.to_owned());
    let relative = || case.relative().map(Sni::Other);
    let again = || tls(Sni::Own, case.https, 1);
    let small = || Step::Small(address.to_owned());
    let hello = || Step::Hello(address.to_owned());
    if let Some(protocol) = starttls::guess(case, first) {
        let step = Step::Starttls(address.to_owned(), protocol);
        if !case.done(&step) {
            return vec![step];
        }
    }
    match case::end(first) {
        End::NoConnection | End::Untested => Vec::new(),
        End::Good => {
            let session = first.session.as_ref();
            let mut steps = Vec::new();
            if session.and_then(case::remaining).is_some_and(|(_, left, warning)| left < warning) {
                steps.push(Step::Clock);
            }
            if session.is_some_and(|session| session.client_certificate_requested) {
                steps.extend([http(), again()]);
            }
            steps
        }
        End::Certificate(Verification::Expired | Verification::NotYetValid) => vec![Step::Clock, http(), again()],
        End::Certificate(Verification::NameMismatch) => {
            let mut steps = vec![tls(nonsense(), case.https, 0)];
            steps.extend(relative().map(|sni| tls(sni, case.https, 0)));
            if case.relative().is_some() {
                steps.push(tls(Sni::Absent, case.https, 0));
            }
            steps
        }
        End::Certificate(Verification::UnknownIssuer) => {
            let mut steps = vec![again(), tls(nonsense(), case.https, 0)];
            if issuer::place(case, first).is_some() {
                steps.push(Step::Issuer);
            }
            if issuer::fetched(case).is_some() {
                steps.push(Step::Known(address.to_owned()));
            }
            steps
        }
        End::Certificate(_) | End::ClientCertificate => vec![again()],
        End::Plaintext => vec![plain(), again()],
        End::Malformed(_) => vec![plain(), again(), hello()],
        End::Stalled => {
            let mut steps = vec![plain(), again(), tls(Sni::Absent, false, 0), small(), Step::Mtu(address.to_owned())];
            let small = case.special(&small()).is_some_and(case::spoke_tls);
            if small || (steps.iter().all(|step| case.done(step)) && !case::acknowledged(&first.connection)) {
                steps.push(Step::Large(address.to_owned()));
            }
            steps
        }
        End::Reset | End::Closed => {
            let mut steps = vec![plain(), again(), tls(Sni::Absent, case.https, 0), tls(nonsense(), case.https, 0)];
            steps.extend([small(), hello()]);
            if case.special(&small()).is_some_and(case::spoke_tls) {
                steps.push(Step::Large(address.to_owned()));
            }
            steps.extend(relative().map(|sni| tls(sni, case.https, 0)));
            steps
        }
        End::Alert(120) => vec![tls(Sni::Own, false, 0), again()],
        End::Alert(_) => {
            let mut steps = vec![again(), tls(Sni::Absent, case.https, 0), small(), hello()];
            steps.extend(relative().map(|sni| tls(sni, case.https, 0)));
            steps
        }
    }
}

/// RFC 6761: no server has this name.
pub(crate) const NONSENSE: &str = "sonde-probe.invalid";
