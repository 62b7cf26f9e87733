//! LDAP: the extended operation `StartTLS` (RFC 4511 section 4.14).

use super::{MORE_AFTER, Step};

pub(super) fn step(sent: usize, received: &[u8]) -> Step {
    if sent == 0 {
        return Step::Send(REQUEST.to_vec());
    }
    let Some((message, behind)) = element(received, 0x30) else { return incomplete(received) };
    let result = element(message, 0x02).and_then(|(id, rest)| (id == [1]).then_some(rest));
    // Message 0 is a notice of disconnection.
    let Some((response, _)) = result.and_then(|rest| element(rest, 0x78)) else {
        return Step::Foreign("another LDAP message than the answer to StartTLS");
    };
    match element(response, 0x0a) {
        Some(([0], _)) if behind.is_empty() => Step::Agreed,
        Some(([0], _)) => Step::Foreign(MORE_AFTER),
        Some(([code], _)) => Step::Refused(format!("it answers with the result code {code}")),
        _ => Step::Foreign("an answer of LDAP without a result code"),
    }
}

/// Contents of the whole message once it is there; what comes before its end is awaited only where it looks like one.
fn incomplete(received: &[u8]) -> Step {
    match received {
        [] | [0x30, ..] if received.len() < LONGEST => Step::More,
        _ => Step::Foreign("no message of LDAP"),
    }
}

/// The contents of the element of this tag at the begin (BER, definite length), and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(*length & 0x7f))?;
            (digits.iter().fold(0usize, |number, digit| number << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    if *first != tag {
        return None;
    }
    rest.split_at_checked(length)
}

/// Message 1: an extended request, 1.3.6.1.4.1.1466.20037.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// An answer has 14 bytes and perhaps a sentence.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const AGREED: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";

    #[test]
    fn result_0_agrees_and_others_refuse() {
        assert_eq!(step(0, b""), Step::Send(REQUEST.to_vec()));
        assert_eq!(step(1, AGREED), Step::Agreed);
        let mut refused = AGREED.to_vec();
        refused[9] = 2;
        assert_eq!(step(1, &refused), Step::Refused("it answers with the result code 2".to_owned()));
    }

    #[test]
    fn what_was_slipped_in_behind_the_agreement_is_no_agreement() {
        assert_eq!(step(1, &[AGREED, b"\x16\x03"].concat()), Step::Foreign(MORE_AFTER));
    }

    #[test]
    fn long_lengths_are_read_as_openldap_writes_them() {
        let long = b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(step(1, long), Step::Agreed);
    }

    #[test]
    fn an_incomplete_answer_is_awaited_and_another_protocol_is_not() {
        for cut in 0..AGREED.len() {
            assert_eq!(step(1, &AGREED[..cut]), Step::More, "{cut}");
        }
        assert!(matches!(step(1, b"HTTP/1.1 400 Bad Request\r\n"), Step::Foreign(_)));
        assert!(matches!(step(1, b"\x30\x03\x02\x01\x00"), Step::Foreign(_)));
    }
}
