//! Echo requests and replies on the wire (RFC 792, RFC 4443 section 4).

use std::net::IpAddr;

/// Of an echo message: type, code, checksum, identifier, sequence number.
pub(crate) const HEADER_BYTES: usize = 8;

/// What a socket hands out before the ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing: ping sockets, and raw ones of IPv6.
    Bare,
    /// The IPv4 header: raw sockets of IPv4.
    Ipv4,
}

/// An echo message without its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoMessage<'a> {
    /// Whose request it was.
    pub identifier: u16,
    /// Which one.
    pub sequence: u16,
    /// What it carried.
    pub payload: &'a [u8],
}

/// An echo request to `remote`, with the checksum that IPv4 wants; that of IPv6 is the kernel's to compute.
pub(crate) fn request(remote: IpAddr, identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let kind = if remote.is_ipv4() { 8 } else { 128 };
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(identifier.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(payload);
    if remote.is_ipv4() {
        let sum = checksum(&bytes).to_be_bytes();
        bytes[2..4].copy_from_slice(&sum);
    }
    bytes
}

/// The echo reply in what a socket handed out. Never panics, whatever the bytes.
pub fn reply(bytes: &[u8], ipv6: bool, framing: Framing) -> Option<EchoMessage<'_>> {
    let message = match framing {
        Framing::Bare => bytes,
        Framing::Ipv4 => bytes.get(usize::from(bytes.first()? & 0x0f) * 4..)?,
    };
    echo(message, if ipv6 { 129 } else { 0 })
}

/// The echo request at the begin of what an ICMP error quotes.
pub fn quoted(bytes: &[u8], ipv6: bool) -> Option<EchoMessage<'_>> {
    echo(bytes, if ipv6 { 128 } else { 8 })
}

fn echo(message: &[u8], kind: u8) -> Option<EchoMessage<'_>> {
    let (header, payload) = message.split_first_chunk::<HEADER_BYTES>()?;
    let [found, code, _, _, id_high, id_low, high, low] = *header;
    let identifier = u16::from_be_bytes([id_high, id_low]);
    let sequence = u16::from_be_bytes([high, low]);
    (found == kind && code == 0).then_some(EchoMessage { identifier, sequence, payload })
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.fold(0, |sum, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn the_checksum_is_that_of_a_captured_request() {
        // `ping -c1 -s8 -p 00`: identifier 0x1234, sequence 1.
        let bytes = request(REMOTE, 0x1234, 1, &[0; 8]);
        assert_eq!(bytes[..8], [8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1]);
        assert_eq!(checksum(&bytes), 0);
        assert_eq!(checksum(&request(REMOTE, 1, 1, b"odd")), 0);
    }

    #[test]
    fn a_reply_is_read_behind_an_ip_header_with_options() {
        let mut bytes = vec![0x46];
        bytes.resize(24, 0);
        bytes.extend([0, 0, 0, 0, 0x12, 0x34, 0, 7, b'x']);
        let found = reply(&bytes, false, Framing::Ipv4).expect("a reply");
        assert_eq!(found, EchoMessage { identifier: 0x1234, sequence: 7, payload: b"x" });
    }

    #[test]
    fn a_request_is_no_reply_but_is_quoted() {
        let bytes = request(REMOTE, 5, 6, b"abc");
        assert_eq!(reply(&bytes, false, Framing::Bare), None);
        assert_eq!(quoted(&bytes, false), Some(EchoMessage { identifier: 5, sequence: 6, payload: b"abc" }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, ipv6: bool) {
            reply(&bytes, ipv6, Framing::Bare);
            reply(&bytes, ipv6, Framing::Ipv4);
            quoted(&bytes, ipv6);
        }

        #[test]
        fn what_is_asked_is_what_is_quoted(identifier: u16, sequence: u16, payload: Vec<u8>) {
            let bytes = request(REMOTE, identifier, sequence, &payload);
            prop_assert_eq!(quoted(&bytes, false), Some(EchoMessage { identifier, sequence, payload: &payload }));
            prop_assert_eq!(checksum(&bytes), 0);
        }
    }
}
