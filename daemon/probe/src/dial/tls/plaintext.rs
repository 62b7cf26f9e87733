//! Which protocol a peer speaks that does not speak TLS, by its first bytes.

/// The protocol that these bytes look like, where they are enough to say.
///
/// `smtp or ftp`: both greet with `220` (RFC 5321 section 4.3.2, RFC 959 section 5.4), and only some say which they are.
pub(super) fn protocol(bytes: &[u8]) -> Option<&'static str> {
    let upper = bytes.to_ascii_uppercase();
    let starts = |prefix: &[u8]| upper.starts_with(prefix);
    let has = |word: &[u8]| upper.windows(word.len()).any(|window| window == word);
    Some(match bytes {
        _ if starts(b"HTTP/") || starts(b"<!DOCTYPE") || starts(b"<HTML") => "http",
        // RFC 9113 section 3.4: a SETTINGS frame on stream 0 comes first.
        [0, _, _, 4, 0 | 1, 0, 0, 0, 0, ..] => "http2",
        _ if starts(b"SSH-") => "ssh",
        _ if starts(b"220") && has(b"FTP") => "ftp",
        _ if starts(b"220") && has(b"SMTP") => "smtp",
        _ if starts(b"220 ") || starts(b"220-") => "smtp or ftp",
        _ if starts(b"* OK") || starts(b"* PREAUTH") || starts(b"* BYE") => "imap",
        _ if starts(b"+OK") => "pop3",
        _ if starts(b"-ERR") || starts(b"-DENIED") || starts(b"-NOAUTH") => "redis",
        _ if starts(b"RFB 00") => "vnc",
        _ if starts(b"AMQP") => "amqp",
        _ if starts(b"ERROR\r\n") => "memcached",
        _ if starts(b"INFO {") => "nats",
        // Protocol 10's greeting, or an error packet in its place: length, sequence number 0.
        [_, _, 0, 0, 10 | 0xff, ..] => "mysql",
        // An error response: E, length, then a severity field.
        [b'E', 0, 0, _, _, b'S', ..] => "postgres",
        // A BER sequence with a message number: a notice of disconnection (RFC 4511 section 4.4.1).
        [0x30, _, 2, 1, ..] | [0x30, 0x84, _, _, _, _, 2, 1, ..] => "ldap",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_words_tell_the_protocol() {
        for (bytes, name) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "http"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
            (b"220 mail.lab ESMTP Postfix\r\n", "smtp"),
            (b"220 (vsFTPd 3.0.3)\r\n", "ftp"),
            (b"220 ready\r\n", "smtp or ftp"),
            (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "imap"),
            (b"+OK POP3 ready\r\n", "pop3"),
            (b"-ERR unknown command\r\n", "redis"),
            (b"\x4a\0\0\0\x0a8.0.36\0", "mysql"),
            (b"E\0\0\0\x61SFATAL\0", "postgres"),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", "http2"),
        ] {
            assert_eq!(protocol(bytes), Some(name), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn other_bytes_tell_nothing() {
        for bytes in [&b""[..], b"2", b"hello", b"\0\0\0\0", b"\x16\x01"] {
            assert_eq!(protocol(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = protocol(&bytes);
        }
    }
}
