//! What must hold for any bytes: no panic, and what each property asserts. The fuzz targets run these, and so does the ordinary
//! test `tests/tests/fuzz.rs` on the seeds and on mutations of them.

use sonde_probe::dial::parse_error_queue;
use sonde_probe::dns::{decode, parse_hosts, parse_nsswitch, parse_resolv_conf};
use sonde_probe::system::parse_arp;

/// An answer of a server.
pub(crate) fn message(bytes: &[u8]) {
    let Ok(answer) = decode(bytes) else { return };
    assert_eq!(answer.size_bytes as usize, bytes.len());
    let records = answer.answers.iter().chain(&answer.authorities).chain(&answer.additionals);
    for record in records {
        assert!(record.name.ends_with('.'), "{record:?}");
        // What is shown on a terminal and written into logs as one line.
        assert!(!record.name.chars().chain(record.rdata.chars()).any(char::is_control), "{record:?}");
        assert_ne!(record.rtype, 41, "the OPT record is no resource: {record:?}");
    }
    // A record takes 11 bytes at least.
    let count = answer.answers.len() + answer.authorities.len() + answer.additionals.len();
    assert!(count * 11 <= bytes.len(), "{count} records in {} bytes", bytes.len());
    assert_eq!(decode(bytes).ok(), Some(answer), "decoding twice says the same");
}

/// `/etc/resolv.conf`.
pub(crate) fn resolv_conf(bytes: &[u8]) {
    let readings = format!("{:?}", parse_resolv_conf(bytes));
    assert_eq!(format!("{:?}", parse_resolv_conf(bytes)), readings, "reading twice says the same");
}

/// `/etc/nsswitch.conf`.
pub(crate) fn nsswitch(bytes: &[u8]) {
    let reading = format!("{:?}", parse_nsswitch(bytes));
    assert_eq!(format!("{:?}", parse_nsswitch(bytes)), reading, "reading twice says the same");
}

/// `/etc/hosts`: the first line is the name that is looked up, the rest is the file.
pub(crate) fn hosts(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (name, file) = bytes.split_at(end);
    let name = String::from_utf8_lossy(name);
    let (lines, answers) = parse_hosts(file, &name);
    // Three personalities, three families.
    assert!(lines.len() <= file.len() && answers.len() == 9, "{} lines, {} answers", lines.len(), answers.len());
}

/// The control messages of a socket's error queue (recvmsg(2) with `MSG_ERRQUEUE`).
pub(crate) fn error_queue(bytes: &[u8]) {
    let Some((error, errno)) = parse_error_queue(bytes) else { return };
    // A header, struct sock_extended_err.
    assert!(bytes.len() >= size_of::<usize>() + 8 + 16, "{error:?} of {} bytes", bytes.len());
    assert!(error.sender.is_none_or(|sender| !sender.is_unspecified() && sender == sender.to_canonical()), "{error:?}");
    assert!(error.mtu.is_none_or(|mtu| mtu > 0), "{error:?}");
    assert_eq!(parse_error_queue(bytes), Some((error, errno)), "reading twice says the same");
}

/// An ARP packet of the segment.
pub(crate) fn arp(bytes: &[u8]) {
    let Some((address, mac)) = parse_arp(bytes) else { return };
    assert!(!address.is_unspecified(), "a probe claims nothing");
    assert_eq!((&bytes[8..14], &bytes[14..18]), (&mac[..], &address.octets()[..]));
    assert_eq!(parse_arp(&bytes[..28]), Some((address, mac)), "padding says nothing");
}
