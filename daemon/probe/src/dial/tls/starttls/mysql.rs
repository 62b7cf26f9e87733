//! `MySQL` and `MariaDB`: a greeting with the capability `CLIENT_SSL`, answered with an SSL request (manual, "Connection Phase").

use super::{MORE_AFTER, Step};

pub(super) fn step(sent: usize, received: &[u8]) -> Step {
    if sent > 0 {
        // TLS follows at once.
        return Step::Agreed;
    }
    let &[low, middle, high, sequence, ref body @ ..] = received else { return Step::More };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if sequence != 0 || length > GREETING_BYTES {
        return Step::Foreign("no greeting of MySQL");
    }
    let Some((body, behind)) = body.split_at_checked(length) else {
        return if matches!(body, [] | [10 | 0xff, ..]) { Step::More } else { Step::Foreign("no greeting of MySQL") };
    };
    match body {
        // An error: its number, then words.
        [0xff, _, _, words @ ..] => Step::Refused(words.escape_ascii().take(200).map(char::from).collect()),
        // A server waits for our word then.
        [10, ..] if !behind.is_empty() => Step::Foreign(MORE_AFTER),
        [10, rest @ ..] => greeting(rest),
        _ => Step::Foreign("no greeting of MySQL's protocol 10"),
    }
}

/// The version to its zero, the connection's number (4), the first part of a challenge (8), a filler, the lower capabilities.
fn greeting(rest: &[u8]) -> Step {
    let capabilities = rest.iter().position(|byte| *byte == 0).and_then(|end| rest.get(end + 14..end + 16));
    match capabilities {
        Some(&[low, high]) if u16::from_le_bytes([low, high]) & CLIENT_SSL != 0 => Step::Send(ssl_request()),
        Some(_) => Step::Refused("its greeting lacks the capability CLIENT_SSL".to_owned()),
        None => Step::Foreign("a greeting of MySQL that is cut short"),
    }
}

/// Length, sequence number 1; capabilities, the largest packet, UTF-8, 23 zeros.
fn ssl_request() -> Vec<u8> {
    let capabilities = u32::from(CLIENT_SSL | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION);
    let mut packet = vec![32, 0, 0, 1];
    packet.extend(capabilities.to_le_bytes());
    packet.extend((1u32 << 24).to_le_bytes());
    packet.push(33);
    packet.extend([0; 23]);
    packet
}

const CLIENT_PROTOCOL_41: u16 = 0x0200;
const CLIENT_SSL: u16 = 0x0800;
const CLIENT_SECURE_CONNECTION: u16 = 0x8000;
/// Usual ones have 80.
const GREETING_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(capabilities: u16) -> Vec<u8> {
        let mut body = b"\x0a11.4.2-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
        body.extend(capabilities.to_le_bytes());
        body.extend(b"\x21\x02\0rest");
        let mut packet = vec![u8::try_from(body.len()).expect("short"), 0, 0, 0];
        packet.extend(body);
        packet
    }

    #[test]
    fn a_server_with_the_capability_is_asked_and_answers_in_tls() {
        let Step::Send(request) = step(0, &packet(0xffff)) else { panic!("not asked") };
        assert_eq!((request.len(), &request[..4]), (36, &[32, 0, 0, 1][..]));
        assert_eq!(step(1, &packet(0xffff)), Step::Agreed);
    }

    #[test]
    fn what_was_slipped_in_behind_the_greeting_is_no_agreement() {
        assert_eq!(step(0, &[packet(0xffff), b"\x16\x03".to_vec()].concat()), Step::Foreign(MORE_AFTER));
    }

    #[test]
    fn a_server_without_the_capability_refuses() {
        assert!(matches!(step(0, &packet(!CLIENT_SSL)), Step::Refused(_)));
    }

    #[test]
    fn a_server_that_blocks_this_host_refuses_in_its_words() {
        let error = b"\x10\0\0\0\xff\x6a\x04Host blocked!";
        assert_eq!(step(0, error), Step::Refused("Host blocked!".to_owned()));
    }

    #[test]
    fn other_greetings_are_foreign_and_short_ones_not_complete() {
        assert!(matches!(step(0, b"SSH-2.0-OpenSSH_9.2\r\n"), Step::Foreign(_)));
        for cut in 0..packet(0xffff).len() {
            assert_eq!(step(0, &packet(0xffff)[..cut]), Step::More, "{cut}");
        }
    }
}
