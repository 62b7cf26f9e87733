//! SMTP: greeting, EHLO, STARTTLS (RFC 5321, RFC 3207).

use super::{MORE_AFTER, Step, line};

pub(super) fn step(sent: usize, received: &[u8]) -> Step {
    let (code, last, extensions, rest) = match reply(received) {
        Ok(reply) => reply,
        Err(step) => return step,
    };
    let wanted = [220, 250, 220].get(sent).copied().unwrap_or_default();
    if code != wanted {
        return Step::Refused(last.escape_ascii().take(200).map(char::from).collect());
    }
    match sent {
        0 => Step::Send(b"EHLO sonde.invalid\r\n".to_vec()),
        1 if extensions => Step::Send(b"STARTTLS\r\n".to_vec()),
        1 => Step::Refused("its answer to EHLO lacks STARTTLS".to_owned()),
        _ if rest.is_empty() => Step::Agreed,
        _ => Step::Foreign(MORE_AFTER),
    }
}

/// The code of a complete reply, its last line, whether any line offers STARTTLS, and what follows.
#[expect(clippy::type_complexity, reason = "read in one place, just above")]
fn reply(received: &[u8]) -> Result<(u16, &[u8], bool, &[u8]), Step> {
    let (mut rest, mut offered) = (received, false);
    loop {
        let Some((line, after)) = line(rest) else {
            // Enough to see that no reply is to be expected.
            let digits = rest.iter().take(3).all(u8::is_ascii_digit);
            return Err(if digits { Step::More } else { Step::Foreign("no reply of SMTP") });
        };
        let code = line.get(..3).and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
        let Some(code) = code.filter(|code| (200..600).contains(code)) else {
            return Err(Step::Foreign("no reply of SMTP"));
        };
        offered |= line.get(4..).is_some_and(|word| word.trim_ascii().eq_ignore_ascii_case(b"STARTTLS"));
        rest = after;
        if line.get(3) != Some(&b'-') {
            return Ok((code, line, offered, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENSIONS: &[u8] = b"250-mail.lab\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n";

    #[test]
    fn a_server_that_offers_it_is_asked_and_agrees() {
        assert_eq!(step(0, b"220-mail.lab\r\n220 ready\r\n"), Step::Send(b"EHLO sonde.invalid\r\n".to_vec()));
        assert_eq!(step(1, EXTENSIONS), Step::Send(b"STARTTLS\r\n".to_vec()));
        assert_eq!(step(2, b"220 go ahead\r\n"), Step::Agreed);
    }

    #[test]
    fn a_server_that_does_not_offer_it_or_says_no_refuses() {
        assert!(matches!(step(1, b"250-mail.lab\r\n250 HELP\r\n"), Step::Refused(_)));
        assert_eq!(step(2, b"454 TLS not available\r\n"), Step::Refused("454 TLS not available".to_owned()));
        assert_eq!(step(0, b"554 go away\r\n"), Step::Refused("554 go away".to_owned()));
    }

    #[test]
    fn an_incomplete_reply_is_awaited_and_another_protocol_is_not() {
        for cut in 0..EXTENSIONS.len() {
            assert_eq!(step(1, &EXTENSIONS[..cut]), Step::More, "{cut}");
        }
        assert!(matches!(step(0, b"SSH-2.0-OpenSSH_9.2"), Step::Foreign(_)));
        assert!(matches!(step(0, b"999 what\r\n"), Step::Foreign(_)));
    }

    #[test]
    fn what_was_slipped_in_behind_the_agreement_is_no_agreement() {
        assert_eq!(step(2, b"220 go ahead\r\n250 injected\r\n"), Step::Foreign(MORE_AFTER));
    }
}
