//! A client's NTP packet and the server's answer (RFC 5905 section 7.3): 48 bytes, of which the answer repeats our transmit
//! timestamp as its origin. It need not be a time.

use super::Reading;

/// No warning, version 4, mode 3: a client.
const CLIENT: u8 = 0b00_100_011;
const LEAP: u8 = 0b11_000_000;
const MODE: u8 = 0b111;
/// Mode of a server.
const SERVER: u8 = 4;
/// Leap indicator 3: the server's own clock is not synchronised.
const UNSYNCHRONISED: u8 = 0b11_000_000;
const PACKET_BYTES: usize = 48;
/// Where the transmit timestamp lies in the request, and the origin timestamp in the answer.
const TRANSMIT: usize = 40;
const ORIGIN: usize = 24;
/// Where stratum 0 has its kiss code (section 7.4).
const REFERENCE: usize = 12;

pub(super) fn request(number: u64) -> Vec<u8> {
    let mut packet = vec![CLIENT];
    packet.resize(TRANSMIT, 0);
    packet.extend(stamp(number));
    packet
}

pub(super) fn read(answer: &[u8], number: u64) -> Reading {
    let [first, stratum, ..] = *answer else { return Reading::Foreign };
    let origin = answer.get(ORIGIN..ORIGIN + 8);
    if answer.len() < PACKET_BYTES || first & MODE != SERVER || origin != Some(&stamp(number)) {
        return Reading::Foreign;
    }
    match stratum {
        0 => Reading::Declined(kiss(answer)),
        _ if first & LEAP == UNSYNCHRONISED => Reading::Valid("its own clock is not synchronised".to_owned()),
        _ => Reading::Valid(format!("stratum {stratum}")),
    }
}

/// Four letters, `DENY` or `RATE`.
fn kiss(answer: &[u8]) -> String {
    let code = answer.get(REFERENCE..REFERENCE + 4).unwrap_or_default();
    code.iter().filter(|letter| letter.is_ascii_uppercase()).map(|letter| char::from(*letter)).collect()
}

/// A timestamp of zero means that there is none.
fn stamp(number: u64) -> [u8; 8] {
    (number | 1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u64 = 0x0102_0304_0506_0708;

    fn answer(first: u8, stratum: u8) -> Vec<u8> {
        let mut packet = vec![0; PACKET_BYTES];
        packet[..2].copy_from_slice(&[first, stratum]);
        packet[ORIGIN..ORIGIN + 8].copy_from_slice(&stamp(NUMBER));
        packet
    }

    #[test]
    fn the_request_is_a_clients_packet_of_48_bytes() {
        let packet = request(NUMBER);
        assert_eq!((packet.len(), packet[0], &packet[TRANSMIT..]), (PACKET_BYTES, 0x23, &stamp(NUMBER)[..]));
        assert!(packet[1..TRANSMIT].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_server_that_repeats_our_timestamp_answers() {
        assert_eq!(read(&answer(0x24, 2), NUMBER), Reading::Valid("stratum 2".to_owned()));
        assert!(matches!(read(&answer(0xe4, 16), NUMBER), Reading::Valid(said) if said.contains("not synchronised")));
    }

    #[test]
    fn a_kiss_of_death_is_told_by_its_code() {
        let mut packet = answer(0xe4, 0);
        packet[REFERENCE..REFERENCE + 4].copy_from_slice(b"DENY");
        assert_eq!(read(&packet, NUMBER), Reading::Declined("DENY".to_owned()));
        packet[REFERENCE..REFERENCE + 4].copy_from_slice(&[0x1b, b'[', 0xff, 0]);
        assert_eq!(read(&packet, NUMBER), Reading::Declined(String::new()));
    }

    #[test]
    fn an_echo_another_timestamp_and_what_is_cut_are_no_answers() {
        assert_eq!(read(&request(NUMBER), NUMBER), Reading::Foreign);
        assert_eq!(read(&answer(0x24, 2), NUMBER ^ 2), Reading::Foreign);
        assert_eq!(read(&answer(0x24, 2)[..47], NUMBER), Reading::Foreign);
        assert_eq!(read(b"", NUMBER), Reading::Foreign);
    }
}
