//! The parameter `starttls`, and which protocol a peer that speaks no TLS is asked in.

use sonde_sdk::dial::{Starttls, TlsDial};

use crate::case::{self, Case, End};

/// What the parameter says: a protocol, and whether one may be found.
pub(crate) fn parsed(text: &str) -> Result<(Option<Starttls>, bool), String> {
    Ok(match text {
        "auto" => (None, true),
        "none" => (None, false),
        "postgres" => (Some(Starttls::Postgres), false),
        "mysql" => (Some(Starttls::Mysql), false),
        "smtp" => (Some(Starttls::Smtp), false),
        "imap" => (Some(Starttls::Imap), false),
        "ldap" => (Some(Starttls::Ldap), false),
        other => {
            return Err(format!("starttls {other:?}: write auto, none, postgres, mysql, smtp, imap or ldap"));
        }
    })
}

/// The protocol to ask in, after a handshake that found none.
///
/// A greeting names it. `PostgreSQL` and LDAP are silent until they are asked: there the port is a reason to ask, and the answer decides.
pub(crate) fn guess(case: &Case, first: &TlsDial) -> Option<Starttls> {
    if !case.finds_starttls || case.starttls.is_some() {
        return None;
    }
    match case::end(first) {
        End::Plaintext => match first.session.as_ref()?.plaintext_protocol.as_deref()? {
            "smtp" => Some(Starttls::Smtp),
            "smtp or ftp" if matches!(case.port, 25 | 587 | 2525) => Some(Starttls::Smtp),
            "imap" => Some(Starttls::Imap),
            "mysql" => Some(Starttls::Mysql),
            "postgres" => Some(Starttls::Postgres),
            "ldap" => Some(Starttls::Ldap),
            _ => None,
        },
        End::Stalled | End::Closed | End::Reset => match case.port {
            5432 => Some(Starttls::Postgres),
            389 => Some(Starttls::Ldap),
            _ => None,
        },
        _ => None,
    }
}

/// As people write it.
pub(crate) fn name(protocol: Starttls) -> &'static str {
    match protocol {
        Starttls::Postgres => "postgres",
        Starttls::Mysql => "mysql",
        Starttls::Smtp => "smtp",
        Starttls::Imap => "imap",
        Starttls::Ldap => "ldap",
    }
}
