//! What must hold for any bytes: no panic, and what each property asserts. The fuzz targets run these, and so does the ordinary
//! test `tests/tests/fuzz.rs` on the seeds and on mutations of them.

use std::time::Duration;

use sonde_core::observation::dial::Starttls;
use sonde_core::observation::history::{GroupFilter, GroupKey, Numbers, Period, Recording, Request, SeriesKind};
use sonde_probe::dial::{
    HelloAnswer, StarttlsStep, judge_staple, parse_error_queue, read_hello_answer, read_http2_frames,
    read_tunnel_answer, starttls_step,
};
use sonde_probe::dns::{decode, parse_hosts, parse_nsswitch, parse_resolv_conf};
use sonde_probe::history::{Bounds, Rehearsal, Step, read_chunk, write_chunk};
use sonde_probe::path::icmp::packet::{Framing, quoted, reply};
use sonde_probe::sockets::{Protocol, Row, each_record};
use sonde_probe::system::{parse_arp, read_message, read_text};
use sonde_probe::tcp_info::TcpInfoFields;

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

/// The frames of an HTTP/2 server.
pub(crate) fn http2_frames(bytes: &[u8]) {
    let facts = read_http2_frames(bytes);
    // A frame takes 9 bytes at least, and a reset 13.
    assert!(facts.resets.len() * 13 <= bytes.len() && facts.resets.len() <= 16, "{facts:?}");
    assert!(facts.goaway.as_ref().is_none_or(|goaway| goaway.debug.len() <= 256), "{facts:?}");
    assert!(facts.settings || facts.max_concurrent_streams.is_none(), "{facts:?}");
    assert_eq!(read_http2_frames(bytes), facts, "reading twice says the same");
}

/// A proxy's answer to CONNECT.
pub(crate) fn http_tunnel(bytes: &[u8]) {
    let Ok(Some((answer, behind))) = read_tunnel_answer(bytes) else { return };
    assert!((100..1000).contains(&answer.status) && behind < bytes.len(), "{answer:?}");
    assert!(answer.headers.len() <= 64, "{answer:?}");
    assert!(!answer.headers.iter().any(|field| field.value.contains(['\r', '\n'])), "{answer:?}");
}

/// The body of a gRPC health answer.
pub(crate) fn grpc_health(bytes: &[u8]) {
    let health = sonde_sdk::grpc::read_health(bytes);
    assert!(health.is_none() || bytes.len() >= 5, "{health:?}");
    assert_eq!(sonde_sdk::grpc::read_health(bytes), health, "reading twice says the same");
}

/// What a server answers to a hello of an older TLS.
pub(crate) fn server_hello(bytes: &[u8]) {
    let answer = read_hello_answer(bytes);
    // Once there is an answer, what follows it changes nothing.
    if matches!(answer, HelloAnswer::Hello(..) | HelloAnswer::Alert(_)) {
        let longer = [bytes, b"more"].concat();
        assert_eq!(read_hello_answer(&longer), answer, "{bytes:?}");
    }
}

/// What a server says before TLS: the first byte is the protocol, the second the number of messages that were sent to it.
pub(crate) fn starttls(bytes: &[u8]) {
    let [protocol, sent, said @ ..] = bytes else { return };
    let all = [Starttls::Postgres, Starttls::Mysql, Starttls::Smtp, Starttls::Imap, Starttls::Ldap];
    let protocol = all[usize::from(*protocol) % all.len()];
    match starttls_step(protocol, usize::from(*sent % 4), said) {
        StarttlsStep::Refused(words) => assert!(!words.chars().any(char::is_control), "{words:?}"),
        StarttlsStep::Send(bytes) => assert!(bytes.len() <= 64, "{bytes:?}"),
        StarttlsStep::More | StarttlsStep::Agreed | StarttlsStep::Foreign(_) => {}
    }
}

/// A stapled OCSP response.
pub(crate) fn staple(bytes: &[u8]) {
    let leaf = include_bytes!("../../../daemon/probe/fixtures/tls/ocsp-leaf.der");
    let issuer = include_bytes!("../../../daemon/probe/fixtures/tls/ocsp-issuer.der");
    let good = include_bytes!("../../../daemon/probe/fixtures/tls/ocsp-good.der");
    let revoked = include_bytes!("../../../daemon/probe/fixtures/tls/ocsp-revoked.der");
    let staple = judge_staple(bytes, leaf, &[issuer]);
    // Nobody but the issuer makes a response that counts; outside the signed part a response may be encoded in other ways.
    if staple.verified {
        let known = [good.as_slice(), revoked].map(|known| judge_staple(known, leaf, &[issuer]));
        assert!(known.contains(&staple), "forged: {staple:?}");
    }
}

/// What a raw socket hands out, and what an ICMP error quotes.
pub(crate) fn icmp(bytes: &[u8]) {
    for ipv6 in [false, true] {
        for found in [reply(bytes, ipv6, Framing::Bare), reply(bytes, ipv6, Framing::Ipv4), quoted(bytes, ipv6)] {
            let Some(message) = found else { continue };
            assert!(bytes.len() >= 8 + message.payload.len(), "{message:?}");
            assert!(bytes.ends_with(message.payload), "{message:?}");
        }
    }
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

/// A datagram of a `sock_diag` dump: the first byte says of which table.
pub(crate) fn sock_diag(bytes: &[u8]) {
    let [table, datagram @ ..] = bytes else { return };
    let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Unix][usize::from(*table % 3)];
    let mut records = 0;
    each_record(datagram, |record| {
        records += 1;
        let Some(row) = Row::parse(protocol, record) else { return };
        let numbers =
            (row.state(), row.receive_queue(), row.send_queue(), row.uid(), row.inode(), row.cookie(), row.memory());
        match row {
            Row::Inet(inet) => {
                assert!(record.len() >= 72, "{row:?}");
                assert_eq!(inet.local(), inet.local().to_canonical(), "{row:?}");
                assert!(inet.info.is_none_or(|info| info.len() + 76 <= record.len()), "{row:?}");
                assert!(!inet.congestion().contains('\0'), "{row:?}");
                let _ = (inet.peer(), inet.timer(), inet.device(), inet.info.map(TcpInfoFields::parse), numbers);
            }
            Row::Unix(unix) => assert!(unix.name.len() + 16 <= record.len(), "{row:?} {}", unix.kind()),
        }
    });
    // A header takes 16 bytes.
    assert!(records * 16 <= datagram.len(), "{records} records in {} bytes", datagram.len());
}

/// A message of rtnetlink, as each of its kinds.
pub(crate) fn rtnetlink(bytes: &[u8]) {
    read_message(bytes);
}

/// A file of /proc or of a cgroup, as each of them.
pub(crate) fn proc_text(bytes: &[u8]) {
    read_text(bytes);
}

/// A chunk of the flight recorder: it is read, written anew, kept in a ring and asked for. Its first byte says how much is kept.
pub(crate) fn history(bytes: &[u8]) {
    let Some((room, chunk)) = bytes.split_first() else { return };
    let steps = read_chunk(chunk);
    // Two times, a flag, a number of entries.
    assert!(steps.len() * 4 <= chunk.len(), "{} steps in {} bytes", steps.len(), chunk.len());
    let written = write_chunk(&steps);
    let again = read_chunk(&written);
    assert_eq!(again.len(), steps.len(), "all of it is read");
    assert_eq!(write_chunk(&again), written, "what was written is written the same way again");

    let most = 64 * u64::from(*room);
    let mut kept = Rehearsal::new(Bounds { bytes: most, ..Bounds::default() });
    // Once more, as after the clock was set back.
    for step in steps.iter().chain(&steps) {
        kept.push(step);
        assert!(kept.weight() as u64 <= most.max(1_000), "{} bytes of {most}", kept.weight());
    }
    asked(&kept, &steps);
}

/// Every kind of question on all that is kept.
fn asked(kept: &Rehearsal, steps: &[Step]) {
    let Some(period) = kept.kept() else { return };
    assert!(period.from <= period.to && !steps.is_empty(), "{period:?}");
    let sockets = |by: &[GroupKey]| Numbers::Sockets { by: by.to_vec(), filter: GroupFilter::default() };
    let counters = Numbers::Counters { names: vec!["*".to_owned()] };
    let questions = [
        counters.clone(),
        sockets(&[GroupKey::State]),
        sockets(&[GroupKey::State, GroupKey::PeerAddress, GroupKey::PeerPort]),
        sockets(&[GroupKey::LocalPort]),
        Numbers::Listeners { port: None },
    ];
    for of in questions {
        answered(kept, period, 60, of);
    }
    let thick = answered(kept, period, 2, counters.clone()).map(|recording| grown(&recording));
    let thin = answered(kept, period, 200, counters).map(|recording| grown(&recording));
    let known = |grown: &Option<Vec<(Vec<String>, f64)>>| {
        grown.as_ref().is_none_or(|grown| grown.len() < 256 && grown.iter().all(|(_, sum)| sum.abs() < EXACT))
    };
    assert!(!known(&thick) || !known(&thin) || thick == thin, "it grew as much in few points: {thick:?} {thin:?}");
}

fn answered(kept: &Rehearsal, period: Period, points: u32, of: Numbers) -> Option<Recording> {
    let recording = kept.answer(&Request { period, points, of }).ok()?;
    let covered = recording.covered;
    assert!(period.from <= covered.from && covered.from <= covered.to && covered.to <= period.to, "{recording:?}");
    assert!(recording.gaps.iter().all(|gap| gap.from < gap.to), "{recording:?}");
    for series in &recording.series {
        assert!(series.points.len() <= points as usize, "{series:?}");
        assert!(series.points.is_sorted_by(|one, next| one.at < next.at), "{series:?}");
        let within = |at: Duration| at > period.from && at <= period.to;
        assert!(series.points.iter().all(|point| within(point.at) && point.value.is_finite()), "{series:?}");
    }
    Some(recording)
}

/// By how much each counter grew in all; where a part of it is too large to be exact, beyond [`EXACT`].
fn grown(recording: &Recording) -> Vec<(Vec<String>, f64)> {
    let counters = recording.series.iter().filter(|series| series.kind == SeriesKind::Counter);
    let sum = |series: &sonde_core::observation::history::Series| {
        let values = || series.points.iter().map(|point| point.value);
        if values().any(|value| value.abs() >= EXACT) { f64::INFINITY } else { values().sum() }
    };
    let mut grown: Vec<_> = counters.map(|series| (series.key.clone(), sum(series))).collect();
    grown.sort_by(|one, other| one.0.cmp(&other.0));
    grown
}

/// Sums of so many points of less than this are whole numbers of an `f64`.
const EXACT: f64 = 1e12;
