//! The smallest DNS question: the name servers of the root (RFC 1035 section 4.1). A server that does not serve it says REFUSED,
//! and that is an answer.

use super::Reading;

/// The root, type NS, class IN, recursion desired.
const QUESTION: [u8; 15] = [0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

/// QR, and the opcode, which is 0 as asked.
const RESPONSE_BITS: u8 = 0b1111_1000;
const RESPONSE: u8 = 0b1000_0000;

pub(super) fn query(number: u64) -> Vec<u8> {
    id(number).into_iter().chain(QUESTION).collect()
}

pub(super) fn read(answer: &[u8], number: u64) -> Reading {
    // Header: id, flags, four counts.
    let Some((header, _)) = answer.split_first_chunk::<12>() else { return Reading::Foreign };
    let [first, second, high, low, ..] = *header;
    if [first, second] != id(number) || high & RESPONSE_BITS != RESPONSE {
        return Reading::Foreign;
    }
    Reading::Valid(match low & 0x0f {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        code => format!("response code {code}"),
    })
}

fn id(number: u64) -> [u8; 2] {
    let [first, second, ..] = number.to_le_bytes();
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u64 = 0x1234_5678;

    fn answer(flags: [u8; 2]) -> Vec<u8> {
        let mut bytes = query(NUMBER);
        bytes[2..4].copy_from_slice(&flags);
        bytes
    }

    #[test]
    fn the_question_is_that_of_the_roots_name_servers() {
        assert_eq!(query(NUMBER), b"\x78\x56\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01");
    }

    #[test]
    fn a_refusal_is_an_answer() {
        assert_eq!(read(&answer([0x81, 0x05]), NUMBER), Reading::Valid("REFUSED".to_owned()));
        assert_eq!(read(&answer([0x84, 0x00]), NUMBER), Reading::Valid("NOERROR".to_owned()));
        assert_eq!(read(&answer([0x80, 0x0b]), NUMBER), Reading::Valid("response code 11".to_owned()));
    }

    #[test]
    fn an_echo_another_id_another_opcode_and_what_is_cut_are_no_answers() {
        assert_eq!(read(&query(NUMBER), NUMBER), Reading::Foreign);
        assert_eq!(read(&answer([0x81, 0x00]), NUMBER + 1), Reading::Foreign);
        assert_eq!(read(&answer([0xa1, 0x00]), NUMBER), Reading::Foreign);
        assert_eq!(read(&answer([0x81, 0x00])[..11], NUMBER), Reading::Foreign);
        assert_eq!(read(b"", NUMBER), Reading::Foreign);
    }
}
