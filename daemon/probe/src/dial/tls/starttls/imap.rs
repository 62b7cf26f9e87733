//! IMAP: greeting, STARTTLS (RFC 9051 section 6.2.1).

use super::{MORE_AFTER, Step, line};

pub(super) fn step(sent: usize, received: &[u8]) -> Step {
    let mut rest = received;
    loop {
        let Some((line, after)) = line(rest) else {
            let begins = |prefix: &[u8]| prefix.starts_with(rest.get(..prefix.len()).unwrap_or(rest));
            return if begins(b"* ") || begins(TAG) { Step::More } else { Step::Foreign("no answer of IMAP") };
        };
        let words = || line.escape_ascii().take(200).map(char::from).collect();
        match (sent, line) {
            // PREAUTH: authenticated already, then TLS may no longer begin.
            (_, [b'*', b' ', b'B', b'Y', b'E', ..]) | (0, [b'*', b' ', b'P', b'R', b'E', ..]) => {
                return Step::Refused(words());
            }
            (0, [b'*', b' ', b'O', b'K', ..]) => return Step::Send(b"s STARTTLS\r\n".to_vec()),
            (0, _) => return Step::Foreign("no greeting of IMAP"),
            // Untagged answers may come between.
            (_, [b'*', b' ', ..]) => rest = after,
            (_, [b's', b' ', b'O', b'K', ..]) if after.is_empty() => return Step::Agreed,
            (_, [b's', b' ', b'O', b'K', ..]) => return Step::Foreign(MORE_AFTER),
            (_, [b's', b' ', ..]) => return Step::Refused(words()),
            _ => return Step::Foreign("no answer of IMAP"),
        }
    }
}

const TAG: &[u8] = b"s ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_offers_it_is_asked_and_agrees() {
        let asked = Step::Send(b"s STARTTLS\r\n".to_vec());
        assert_eq!(step(0, b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"), asked);
        assert_eq!(step(1, b"* CAPABILITY IMAP4rev1\r\ns OK begin\r\n"), Step::Agreed);
    }

    #[test]
    fn a_server_that_says_no_or_bye_refuses() {
        assert_eq!(step(1, b"s BAD no TLS\r\n"), Step::Refused("s BAD no TLS".to_owned()));
        assert!(matches!(step(0, b"* BYE overloaded\r\n"), Step::Refused(_)));
    }

    #[test]
    fn an_incomplete_answer_is_awaited_and_another_protocol_is_not() {
        for cut in 0.."* OK ready\r".len() {
            assert_eq!(step(0, &b"* OK ready\r\n"[..cut]), Step::More, "{cut}");
        }
        assert!(matches!(step(0, b"220 mail.lab\r\n"), Step::Foreign(_)));
        assert!(matches!(step(0, b"+OK POP3"), Step::Foreign(_)));
    }
}
