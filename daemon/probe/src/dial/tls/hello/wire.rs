//! A `ClientHello` of SSL 3.0 to TLS 1.2 and the beginning of its answer, as bytes (RFC 6101, RFC 5246).
//!
//! Owns no socket. Nothing of a server's bytes is trusted; what is not needed is not read.

use sonde_core::observation::dial::TlsVersion;

use super::suites;

/// What was received so far means this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not enough to say.
    More,
    /// A `ServerHello`: its version and its cipher suite.
    Hello(u16, u16),
    /// An alert, by its number.
    Alert(u8),
    /// Not the header of a TLS record.
    NotTls,
    /// A TLS record, but no answer to a hello.
    Malformed(&'static str),
}

/// The hello in one record. `server_name` none: no SNI. Empty `suites`: all.
pub(super) fn hello(version: TlsVersion, server_name: Option<&str>, suites: &[u16], random: [u8; 32]) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    body.extend(number(version).to_be_bytes());
    body.extend(random);
    // No session to resume.
    body.push(0);
    let suites: Vec<u16> = if suites.is_empty() { suites::all().collect() } else { suites.to_vec() };
    // The last says that renegotiation is safe (RFC 5746), without which some servers refuse.
    let suites: Vec<u8> = suites.into_iter().chain([0x00ff]).flat_map(u16::to_be_bytes).collect();
    prefixed16(&mut body, &suites);
    // No compression.
    body.extend([1, 0]);
    if version > TlsVersion::Ssl3 {
        prefixed16(&mut body, &extensions(version, server_name));
    }
    let mut message = vec![CLIENT_HELLO];
    message.extend(u32::try_from(body.len()).unwrap_or_default().to_be_bytes().get(1..).unwrap_or_default());
    message.extend(body);
    // Older servers refuse a record of a version that they do not know (RFC 5246 appendix E.1).
    let mut record = vec![HANDSHAKE];
    record.extend(number(version.min(TlsVersion::Tls10)).to_be_bytes());
    prefixed16(&mut record, &message);
    record
}

fn extensions(version: TlsVersion, server_name: Option<&str>) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |kind: u16, data: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        prefixed16(&mut extensions, data);
    };
    if let Some(name) = server_name {
        let mut entry = vec![0];
        prefixed16(&mut entry, name.as_bytes());
        let mut list = Vec::new();
        prefixed16(&mut list, &entry);
        add(0, &list);
    }
    // supported_groups: X25519, P-256, P-384, P-521; points uncompressed.
    add(10, &[0, 8, 0, 29, 0, 23, 0, 24, 0, 25]);
    add(11, &[1, 0]);
    if version == TlsVersion::Tls12 {
        let mut schemes = Vec::new();
        prefixed16(&mut schemes, &SIGNATURES.map(u16::to_be_bytes).concat());
        add(13, &schemes);
    }
    extensions
}

/// Reads the beginning of the answer.
pub fn read(received: &[u8]) -> Answer {
    let mut rest = received;
    let mut message: Vec<u8> = Vec::new();
    loop {
        match rest {
            [] => return if message.is_empty() { Answer::More } else { server_hello(&message) },
            [ALERT | HANDSHAKE] => return Answer::More,
            [ALERT | HANDSHAKE, 3, ..] => {}
            _ if message.is_empty() => return Answer::NotTls,
            _ => return Answer::Malformed("a ServerHello that another kind of record interrupts"),
        }
        let Some((header, body)) = rest.split_at_checked(5) else { return Answer::More };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let fragment = body.get(..length).unwrap_or(body);
        if header[0] == ALERT {
            return match (fragment, length) {
                ([_, number, ..], 2) => Answer::Alert(*number),
                (_, 2) => Answer::More,
                _ => Answer::Malformed("an alert that has not 2 bytes"),
            };
        }
        message.extend_from_slice(fragment);
        match server_hello(&message) {
            Answer::More if body.len() >= length && length > 0 => rest = body.get(length..).unwrap_or_default(),
            Answer::More if length == 0 => return Answer::Malformed("an empty handshake record"),
            answer => return answer,
        }
    }
}

/// RFC 5246 section 7.4.1.3.
fn server_hello(message: &[u8]) -> Answer {
    match message {
        [] => Answer::More,
        [SERVER_HELLO, ..] => {
            // Type, length, version, random, then the session id by its length.
            let Some(id) = message.get(38) else { return Answer::More };
            if *id > 32 {
                return Answer::Malformed("a ServerHello whose session id is longer than 32 bytes");
            }
            let at = 39 + usize::from(*id);
            match (message.get(4..6), message.get(at..at + 2)) {
                (Some([major, minor]), Some([high, low])) => {
                    Answer::Hello(u16::from_be_bytes([*major, *minor]), u16::from_be_bytes([*high, *low]))
                }
                _ => Answer::More,
            }
        }
        _ => Answer::Malformed("a handshake message other than a ServerHello"),
    }
}

fn prefixed16(bytes: &mut Vec<u8>, data: &[u8]) {
    // Invariant: what is written here has a bound far below 64 KiB.
    bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(data);
}

/// As it stands on the wire.
const fn number(version: TlsVersion) -> u16 {
    match version {
        TlsVersion::Ssl3 => 0x0300,
        TlsVersion::Tls10 => 0x0301,
        TlsVersion::Tls11 => 0x0302,
        TlsVersion::Tls12 => 0x0303,
    }
}

/// As OpenSSL names it.
pub(super) fn version_name(number: u16) -> String {
    match number {
        0x0300 => TlsVersion::Ssl3.name().to_owned(),
        0x0301 => TlsVersion::Tls10.name().to_owned(),
        0x0302 => TlsVersion::Tls11.name().to_owned(),
        0x0303 => TlsVersion::Tls12.name().to_owned(),
        other => format!("0x{other:04x}"),
    }
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// ECDSA, RSA-PSS, RSA and DSA with every hash from SHA-512 down to SHA-1.
const SIGNATURES: [u16; 15] = [
    0x0603, 0x0503, 0x0403, 0x0807, 0x0806, 0x0805, 0x0804, 0x0601, 0x0501, 0x0401, 0x0402, 0x0303, 0x0203, 0x0201,
    0x0202,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A `ServerHello` of this version, with a session id of this length and AES-128 with SHA-1, in records of at most so many bytes.
    fn answer(version: u16, id: u8, most: usize) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([9; 32]);
        body.push(id);
        body.extend(vec![7; usize::from(id)]);
        body.extend([0x00, 0x2f, 0]);
        let mut message = vec![SERVER_HELLO, 0, 0, u8::try_from(body.len()).expect("short")];
        message.extend(body);
        let record = |fragment: &[u8]| {
            let mut record = vec![HANDSHAKE, 3, 1];
            prefixed16(&mut record, fragment);
            record
        };
        let mut records = record(&message[..0]);
        records.clear();
        message.chunks(most).for_each(|fragment| records.extend(record(fragment)));
        records
    }

    #[test]
    fn a_server_hello_is_read_whole_and_in_pieces() {
        for (version, id, most) in [(0x0301, 0, 1000), (0x0302, 32, 1000), (0x0300, 32, 7), (0x0303, 1, 40)] {
            let bytes = answer(version, id, most);
            assert_eq!(read(&bytes), Answer::Hello(version, 0x002f));
            for cut in 0..40 {
                assert_eq!(read(&bytes[..cut]), Answer::More, "{cut} of {version:04x}");
            }
        }
    }

    #[test]
    fn an_alert_keeps_its_number() {
        assert_eq!(read(&[21, 3, 1, 0, 2, 2, 70]), Answer::Alert(70));
        assert_eq!(read(&[21, 3, 1, 0, 2, 2]), Answer::More);
    }

    #[test]
    fn other_bytes_are_no_tls_and_other_records_no_answer() {
        assert_eq!(read(b"HTTP/1.1 400 Bad Request"), Answer::NotTls);
        assert_eq!(read(&[0x80, 3, 0, 0]), Answer::NotTls);
        assert!(matches!(read(&[22, 3, 1, 0, 4, 0, 0, 0, 0]), Answer::Malformed(_)));
        assert!(matches!(read(&[22, 3, 1, 0, 0]), Answer::Malformed(_)));
    }

    #[test]
    fn a_hello_of_ssl_3_has_no_extensions_and_one_of_tls_1_2_has_signatures() {
        let old = hello(TlsVersion::Ssl3, Some("orders.lab"), &[], [0; 32]);
        let new = hello(TlsVersion::Tls12, Some("orders.lab"), &[0x002f], [0; 32]);
        let has = |hello: &[u8], bytes: &[u8]| hello.windows(bytes.len()).any(|window| window == bytes);
        assert_eq!((&old[..3], &new[..3]), (&[22, 3, 0][..], &[22, 3, 1][..]));
        assert!(!has(&old, b"orders.lab") && has(&new, b"orders.lab") && has(&new, &[0, 13, 0, 32, 0, 30]));
        assert_eq!(usize::from(u16::from_be_bytes([new[3], new[4]])), new.len() - 5);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn bytes_after_the_answer_change_nothing(more in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = answer(0x0301, 32, 1000);
            bytes.extend(more);
            prop_assert_eq!(read(&bytes), Answer::Hello(0x0301, 0x002f));
        }
    }
}
