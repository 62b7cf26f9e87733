//! `PostgreSQL`: `SSLRequest`, answered with one byte (manual, "Message Formats").

use super::{MORE_AFTER, Step};

pub(super) fn step(sent: usize, received: &[u8]) -> Step {
    match (sent, received) {
        (0, _) => Step::Send(SSL_REQUEST.to_vec()),
        (_, []) => Step::More,
        (_, [b'S']) => Step::Agreed,
        (_, [b'S', ..]) => Step::Foreign(MORE_AFTER),
        (_, [b'N', ..]) => Step::Refused("it answers N".to_owned()),
        (_, [b'E', ..]) => Step::Refused("it answers with an error".to_owned()),
        _ => Step::Foreign("another answer than S or N"),
    }
}

/// Its length and its code, 1234 and 5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_decides() {
        assert_eq!(step(0, b""), Step::Send(SSL_REQUEST.to_vec()));
        assert_eq!(step(1, b""), Step::More);
        assert_eq!(step(1, b"S"), Step::Agreed);
        assert!(matches!(step(1, b"N"), Step::Refused(_)));
        assert!(matches!(step(1, b"HTTP/1.1 400"), Step::Foreign(_)));
    }

    #[test]
    fn what_was_slipped_in_behind_the_agreement_is_no_agreement() {
        assert_eq!(step(1, b"S\x16\x03"), Step::Foreign(MORE_AFTER));
    }
}
