//! What the packets say of handshakes: when the first SYN went out, and when the answer to it came in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Handshakes kept that nobody has asked for yet: those of other programs, and those whose connect(2) is about to return.
const UNASKED: usize = 4096;

/// A connection by its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Handshake {
    local: SocketAddr,
    remote: SocketAddr,
}

impl Handshake {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        // Without scope and flow, which packets do not carry.
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { local: plain(local), remote: plain(remote) }
    }
}

/// The wall clock at its packets.
#[derive(Clone, Copy, Debug)]
struct Times {
    out: Duration,
    back: Option<Duration>,
}

/// Handshakes that were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Absent times: no SYN was seen yet.
    watched: HashMap<Handshake, Option<Times>>,
    unasked: HashMap<Handshake, Times>,
    /// Those of before, to be forgotten next.
    older: HashMap<Handshake, Times>,
}

impl Seen {
    /// Of this handshake the packets matter, those that have passed too.
    pub(super) fn watch(&mut self, handshake: Handshake) {
        let known = self.unasked.remove(&handshake).or_else(|| self.older.remove(&handshake));
        self.watched.insert(handshake, known);
    }

    pub(super) fn forget(&mut self, handshake: &Handshake) {
        self.watched.remove(handshake);
    }

    /// When its SYN went out and the answer came in.
    pub(super) fn times(&self, handshake: &Handshake) -> Option<(Duration, Duration)> {
        let times = self.watched.get(handshake).copied().flatten()?;
        Some((times.out, times.back?))
    }

    /// A packet that passed `at`.
    pub(super) fn take_in(&mut self, at: Duration, packet: &[u8]) {
        let Some((flags, source, destination)) = tcp(packet) else { return };
        if flags & (SYN | RST | ACK) == SYN {
            self.sent(at, Handshake { local: source, remote: destination });
        } else if flags & (SYN | RST) != 0 {
            self.answered(at, &Handshake { local: destination, remote: source });
        }
    }

    fn sent(&mut self, at: Duration, handshake: Handshake) {
        let new = Times { out: at, back: None };
        if let Some(times) = self.watched.get_mut(&handshake) {
            // Sent again, or seen on a second link.
            times.get_or_insert(new);
            return;
        }
        // One that had been answered was an earlier connection from the same port.
        let waits = |times: &Times| times.back.is_none();
        let known = self.unasked.get(&handshake).or_else(|| self.older.get(&handshake)).copied().filter(waits);
        if self.unasked.len() >= UNASKED {
            self.older = std::mem::take(&mut self.unasked);
        }
        self.unasked.insert(handshake, known.unwrap_or(new));
    }

    fn answered(&mut self, at: Duration, handshake: &Handshake) {
        let times = match self.watched.get_mut(handshake) {
            Some(times) => times.as_mut(),
            None => self.unasked.get_mut(handshake).or_else(|| self.older.get_mut(handshake)),
        };
        if let Some(times) = times {
            times.back.get_or_insert(at);
        }
    }
}

/// Flags, source and destination of a TCP segment, from its IP header on.
fn tcp(packet: &[u8]) -> Option<(u8, SocketAddr, SocketAddr)> {
    let (source, destination, segment): (IpAddr, IpAddr, _) = match packet.first()? >> 4 {
        4 if *packet.get(9)? == TCP => {
            let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
            (address(12)?.into(), address(16)?.into(), usize::from(packet.first()? & 0xf) * 4)
        }
        6 if *packet.get(6)? == TCP => {
            let address = |at: usize| Some(Ipv6Addr::from(*packet.get(at..)?.first_chunk::<16>()?));
            (address(8)?.into(), address(24)?.into(), 40)
        }
        _ => return None,
    };
    let segment = packet.get(segment..)?;
    let port = |at: usize| Some(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?));
    Some((*segment.get(13)?, SocketAddr::new(source, port(0)?), SocketAddr::new(destination, port(2)?)))
}

/// The protocol's number.
const TCP: u8 = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYN_ACK: u8 = SYN | ACK;

    fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn handshake(port: u16) -> Handshake {
        Handshake::new(SocketAddr::from(([10, 0, 0, 1], port)), SocketAddr::from(([10, 0, 0, 2], 80)))
    }

    fn packet(from: SocketAddr, to: SocketAddr, flags: u8) -> Vec<u8> {
        let mut packet = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut header = vec![0x46, 0, 0, 0, 0, 0, 0, 0, 64, TCP, 0, 0];
                header.extend(from.octets());
                header.extend(to.octets());
                // An option.
                header.extend([0; 4]);
                header
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut header = vec![0x60, 0, 0, 0, 0, 20, TCP, 64];
                header.extend(from.octets());
                header.extend(to.octets());
                header
            }
            _ => panic!("of one family"),
        };
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend([0; 9]);
        packet.push(flags);
        packet
    }

    fn out(seen: &mut Seen, at: Duration, of: Handshake) {
        seen.take_in(at, &packet(of.local, of.remote, SYN));
    }

    fn back(seen: &mut Seen, at: Duration, of: Handshake, flags: u8) {
        seen.take_in(at, &packet(of.remote, of.local, flags));
    }

    #[test]
    fn a_handshake_may_be_asked_for_before_between_and_after_its_packets() {
        for asked in 0..3 {
            let (mut seen, of) = (Seen::default(), handshake(1000));
            for step in 0..3 {
                if step == asked {
                    seen.watch(of);
                }
                match step {
                    0 => out(&mut seen, us(10), of),
                    1 => back(&mut seen, us(35), of, SYN_ACK),
                    _ => {}
                }
            }
            assert_eq!(seen.times(&of), Some((us(10), us(35))), "asked at {asked}");
        }
    }

    #[test]
    fn a_refusal_is_an_answer_and_a_reset_after_the_answer_is_none() {
        let (mut seen, refused, reset) = (Seen::default(), handshake(1000), handshake(1001));
        for of in [refused, reset] {
            seen.watch(of);
            out(&mut seen, us(10), of);
        }
        back(&mut seen, us(20), refused, RST | ACK);
        back(&mut seen, us(21), reset, SYN_ACK);
        back(&mut seen, us(99), reset, RST);
        assert_eq!(seen.times(&refused), Some((us(10), us(20))));
        assert_eq!(seen.times(&reset), Some((us(10), us(21))));
    }

    #[test]
    fn the_first_of_several_syns_counts_unless_it_was_of_an_earlier_connection() {
        let (mut seen, again, reused) = (Seen::default(), handshake(1000), handshake(1001));
        for of in [again, reused] {
            out(&mut seen, us(10), of);
        }
        back(&mut seen, us(15), reused, SYN_ACK);
        for of in [again, reused] {
            out(&mut seen, us(1010), of);
            back(&mut seen, us(1030), of, SYN_ACK);
            seen.watch(of);
        }
        assert_eq!(seen.times(&again), Some((us(10), us(1030))));
        assert_eq!(seen.times(&reused), Some((us(1010), us(1030))));
    }

    #[test]
    fn an_answer_without_its_question_is_none() {
        let (mut seen, of) = (Seen::default(), handshake(1000));
        seen.watch(of);
        back(&mut seen, us(20), of, SYN_ACK);
        assert_eq!(seen.times(&of), None);
        out(&mut seen, us(30), of);
        assert_eq!(seen.times(&of), None);
    }

    #[test]
    fn ipv6_is_understood_and_its_scope_left_out() {
        let mut seen = Seen::default();
        let [local, remote] =
            ["[fe80::1%3]:1000", "[fe80::2%3]:80"].map(|address| address.parse().expect("an address"));
        let of = Handshake::new(local, remote);
        seen.watch(of);
        out(&mut seen, us(1), of);
        back(&mut seen, us(2), of, SYN_ACK);
        assert_eq!(seen.times(&of), Some((us(1), us(2))));
    }

    #[test]
    fn handshakes_of_others_are_forgotten_after_a_while() {
        let mut seen = Seen::default();
        for number in 0..5 * u16::try_from(UNASKED).expect("a few thousand") {
            out(&mut seen, us(number.into()), handshake(number));
        }
        assert!(seen.unasked.len() + seen.older.len() <= 2 * UNASKED);
        seen.watch(handshake(0));
        assert_eq!(seen.watched[&handshake(0)].map(|times| times.out), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(packet in proptest::collection::vec(any::<u8>(), 0..100)) {
            Seen::default().take_in(us(1), &packet);
        }
    }
}
