//! Which certificates of a presented chain lead up from the leaf. Owns no judgement: what a server sends besides concerns nobody.

use sonde_sdk::connection::{Certificate, TlsSession};

/// The leaf, then the issuer of each; empty where nothing was presented. Names decide, and where several certificates have one
/// name, the key's id, then the dates: signatures are the host's to check.
pub(crate) fn path(session: &TlsSession) -> Vec<&Certificate> {
    let mut path: Vec<&Certificate> = session.chain.first().into_iter().collect();
    while path.len() <= MOST
        && let Some(next) = path.last().and_then(|child| issuer(session, child, &path))
    {
        path.push(next);
    }
    path
}

/// The last of the path: who issued it is trusted, or was not sent, unless it issued itself.
pub(crate) fn top(session: &TlsSession) -> Option<&Certificate> {
    path(session).pop()
}

/// Those of an accepted path whose end would be the end of its acceptance. A root's own matters to nobody who trusts it. What has
/// ended already was not needed, and neither was a top whose issuer is not trusted here: an old cross-signature, most often.
pub(crate) fn needed(session: &TlsSession) -> Vec<&Certificate> {
    let mut path = path(session);
    if path.len() > 1 && !session.issuer_in_store {
        path.pop();
    }
    let is_leaf = |depth: usize| depth == 0;
    let links = path.into_iter().enumerate();
    links
        .filter(|(depth, link)| is_leaf(*depth) || !(link.self_signed || has_ended(session, link)))
        .map(|(_, link)| link)
        .collect()
}

/// Past its date at the moment of the handshake.
pub(crate) fn has_ended(session: &TlsSession, certificate: &Certificate) -> bool {
    certificate.not_after < session.verified_at
}

fn issuer<'a>(session: &'a TlsSession, child: &Certificate, path: &[&Certificate]) -> Option<&'a Certificate> {
    if child.issuer == child.subject || child.issuer.is_empty() {
        return None;
    }
    let is_new = |link: &Certificate| path.iter().all(|seen| !std::ptr::eq(*seen, link));
    let named = session.chain.iter().filter(|link| link.subject == child.issuer && is_new(link));
    named.min_by_key(|link| (!keys_fit(child, link), has_ended(session, link)))
}

/// Nothing says that it is another key than the one that signed.
fn keys_fit(child: &Certificate, issuer: &Certificate) -> bool {
    let (signed_by, key) = (&child.authority_key_id_hex, &issuer.subject_key_id_hex);
    signed_by.is_empty() || key.is_empty() || signed_by == key
}

/// Above a leaf; usual chains have one or two.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use sonde_sdk::connection::Verification;
    use sonde_sdk::testkit;

    use super::*;

    const NOW: i64 = 1000;

    fn link(subject: &str, issuer: &str, end: i64) -> Certificate {
        testkit::certificate(subject, issuer, 0, NOW + end)
    }

    fn session(chain: Vec<Certificate>) -> TlsSession {
        let issuer_in_store = true;
        TlsSession { verified_at: NOW, issuer_in_store, ..testkit::session(chain, Verification::Accepted) }
    }

    fn subjects(path: &[&Certificate]) -> Vec<String> {
        path.iter().map(|link| format!("{}{:+}", link.subject, link.not_after - NOW)).collect()
    }

    #[test]
    fn a_path_follows_issuers_in_whatever_order_they_were_sent() {
        let sent =
            session(vec![link("leaf", "b", 9), link("root", "root", 9), link("junk", "a", -9), link("b", "root", 9)]);
        assert_eq!(subjects(&path(&sent)), ["leaf+9", "b+9", "root+9"]);
    }

    #[test]
    fn of_two_with_one_name_the_right_key_goes_before_the_right_dates() {
        let keyed = |end: i64, key: &str| Certificate { subject_key_id_hex: key.to_owned(), ..link("a", "root", end) };
        let leaf = Certificate { authority_key_id_hex: "01".to_owned(), ..link("leaf", "a", 9) };
        let chosen = |first: Certificate, second: Certificate| {
            let sent = session(vec![leaf.clone(), first, second]);
            subjects(&path(&sent)).pop()
        };
        assert_eq!(chosen(keyed(-5, "01"), keyed(7, "01")).as_deref(), Some("a+7"));
        assert_eq!(chosen(keyed(-5, "01"), keyed(7, "02")).as_deref(), Some("a-5"));
    }

    #[test]
    fn names_that_lead_in_a_circle_and_an_empty_chain_end() {
        assert_eq!(subjects(&path(&session(vec![link("a", "b", 9), link("b", "a", 9)]))), ["a+9", "b+9"]);
        assert!(path(&session(vec![])).is_empty() && needed(&session(vec![])).is_empty());
    }

    #[test]
    fn an_accepted_chain_needs_neither_roots_nor_what_has_ended_nor_a_top_of_a_strange_issuer() {
        let chain = || vec![link("leaf", "a", 9), link("a", "root", 9), link("root", "old", 3)];
        assert_eq!(subjects(&needed(&session(chain()))), ["leaf+9", "a+9", "root+3"]);
        let strange = TlsSession { issuer_in_store: false, ..session(chain()) };
        assert_eq!(subjects(&needed(&strange)), ["leaf+9", "a+9"]);
        let ended = session(vec![link("leaf", "a", 9), link("a", "root", 9), link("root", "old", -3)]);
        assert_eq!(subjects(&needed(&ended)), ["leaf+9", "a+9"]);
        let whole = session(vec![link("leaf", "root", 9), link("root", "root", 3)]);
        assert_eq!(subjects(&needed(&whole)), ["leaf+9"]);
    }
}
