//! Asking for TLS in the words of a protocol that begins in plain text.
//!
//! One module per protocol says what to send and what an answer means, as a pure function of what was received; this one carries the
//! bytes. Nothing is authenticated or sent besides the request; names in it are ours, not the target's.

mod imap;
mod ldap;
mod mysql;
mod postgres;
mod smtp;

use std::sync::Arc;

use sonde_core::observation::dial::{Starttls, StarttlsExchange};
use sonde_core::observation::{Phase, Reason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fault;
use crate::attempt::Attempt;
use crate::dial::tape::Lent;
use crate::failure::Fault;

/// What comes next in a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The answer is not complete.
    More,
    /// It is: send this, and begin to receive anew.
    Send(Vec<u8>),
    /// TLS begins with the next byte, ours.
    Agreed,
    /// The peer speaks the protocol, but not TLS; in its words or ours.
    Refused(String),
    /// The peer does not speak the protocol.
    Foreign(&'static str),
}

/// What comes next after `sent` messages of ours and what was `received` since the last one. Pure; any bytes will do.
pub fn step(protocol: Starttls, sent: usize, received: &[u8]) -> Step {
    match protocol {
        Starttls::Postgres => postgres::step(sent, received),
        Starttls::Mysql => mysql::step(sent, received),
        Starttls::Smtp => smtp::step(sent, received),
        Starttls::Imap => imap::step(sent, received),
        Starttls::Ldap => ldap::step(sent, received),
    }
}

/// Asks. What was said is left in `exchange` in any case.
pub(super) async fn ask(
    attempt: &Attempt,
    stream: &Arc<TcpStream>,
    protocol: Starttls,
    exchange: &mut Option<StarttlsExchange>,
) -> Result<(), Fault> {
    let doing = format!("ask for TLS with {}", protocol.name());
    let at = attempt.clock().now();
    let mut said = Vec::new();
    let mut lent = Lent::new(stream);
    let dialogue = talk(&mut lent, protocol, &doing, &mut said);
    let outcome = attempt.bounded(Phase::Tls, &doing, dialogue).await.and_then(|outcome| outcome);
    *exchange =
        Some(StarttlsExchange { timing: attempt.clock().since(at), agreed: outcome.is_ok(), said: shown(&said) });
    outcome
}

async fn talk(stream: &mut Lent, protocol: Starttls, doing: &str, received: &mut Vec<u8>) -> Result<(), Fault> {
    let failed = |error: std::io::Error| fault::of(Phase::Tls, doing, &error);
    let mut sent = 0;
    loop {
        match step(protocol, sent, received) {
            Step::Agreed => return Ok(()),
            Step::Send(bytes) => {
                stream.write_all(&bytes).await.map_err(failed)?;
                sent += 1;
                // What was answered to our last word is kept, to be shown.
                if !matches!(step(protocol, sent, received), Step::Agreed) {
                    received.clear();
                }
                continue;
            }
            Step::Refused(words) => {
                let reason = Reason::Other(format!("the server offers no TLS: {words}"));
                return Err(Fault::new(Phase::Tls, reason, format!("{doing}: the server offers none: {words}")));
            }
            Step::Foreign(what) => {
                let reason = Reason::Malformed(what.to_owned());
                return Err(Fault::new(Phase::Tls, reason, format!("{doing}: the peer sent {what}")));
            }
            Step::More if received.len() >= MOST_BYTES => {
                let what = "an answer without end";
                return Err(Fault::new(Phase::Tls, Reason::Malformed(what.to_owned()), format!("{doing}: {what}")));
            }
            Step::More => {}
        }
        let mut buffer = [0; 512];
        match stream.read(&mut buffer).await.map_err(failed)? {
            0 => return Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
            length => received.extend_from_slice(buffer.get(..length).unwrap_or_default()),
        }
    }
}

/// For people.
fn shown(bytes: &[u8]) -> String {
    let trimmed = bytes.trim_ascii_end();
    trimmed.get(..SHOWN_BYTES).unwrap_or(trimmed).escape_ascii().take(SHOWN_BYTES).map(char::from).collect()
}

/// The first complete line without its end, and the rest; none before it is complete.
fn line(received: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = received.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = received.split_at_checked(end + 1)?;
    Some((line.trim_ascii_end(), rest))
}

const MORE_AFTER: &str = "more after its agreement than the protocol allows";
/// Greetings and capabilities take a few hundred.
const MOST_BYTES: usize = 4096;
const SHOWN_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Starttls; 5] = [Starttls::Postgres, Starttls::Mysql, Starttls::Smtp, Starttls::Imap, Starttls::Ldap];

    #[test]
    fn what_was_said_is_escaped_and_bounded() {
        assert_eq!(shown(b"220 mail\x1b[31m\r\n"), "220 mail\\x1b[31m");
        assert_eq!(shown(&[0; 4096]).len(), SHOWN_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(
            protocol in 0usize..5,
            sent in 0usize..4,
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            drop(step(ALL[protocol], sent, &bytes));
        }

        #[test]
        fn no_dialogue_goes_on_for_ever(protocol in 0usize..5, bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut sent = 0;
            while let Step::Send(_) = step(ALL[protocol], sent, &bytes) {
                sent += 1;
                prop_assert!(sent < 5);
            }
        }
    }
}
