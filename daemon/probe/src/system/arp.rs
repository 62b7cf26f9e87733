//! Who claims an address on its segment: ARP requests (RFC 826, RFC 5227) and every answer to them.
//!
//! The kernel keeps the first answer and forgets that there was another; here all of them are kept. The requests for this host's
//! own addresses carry no sender, as those of duplicate address detection, so that nobody's table changes by them. IPv6 is
//! absent: its hosts find duplicates themselves (RFC 4862 section 5.4). Needs `CAP_NET_RAW`.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_route::link::LinkHeader;
use rustix::net::RecvFlags;
use socket2::{Domain, Socket, Type};
use sonde_core::observation::system::{ArpClaim, ArpQuestion, RouteKind};
use sonde_core::observation::{Failure, Reason};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{link, neighbour, route};
use crate::clock::RunClock;
use crate::inspection::{Problem, inspect};
use crate::netlink::{Netlink, attributes};
use crate::packet::{self, Mac};
use crate::vantage::Vantage;

const ATTEMPT: &str = "ask by ARP";
const ALLOWED: Duration = Duration::from_secs(2);
/// Questions asked in one call: the addresses of a host with many are cut.
const QUESTIONS: usize = 8;
/// Each question goes out so often, and so far apart; a single broadcast may be lost.
const ROUNDS: u32 = 2;
const APART: Duration = Duration::from_millis(120);
/// Answers of a segment come within milliseconds; a busy host takes longer.
const LISTENING: Duration = Duration::from_millis(400);
/// Different claims kept for one address.
const CLAIMS: usize = 8;
/// `ETH_P_ARP` and `ETH_P_IP` of `linux/if_ether.h`, `ARPHRD_ETHER` of `linux/if_arp.h`.
const ETH_P_ARP: u16 = 0x0806;
const ETH_P_IP: u16 = 0x0800;
const ETHERNET: u16 = 1;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
const RTM_GETLINK: u16 = 18;
/// struct ifinfomsg.
const LINK_HEADER_BYTES: usize = 16;
/// Of an Ethernet ARP packet for IPv4.
const PACKET_BYTES: usize = 28;

/// Asks for the next hop towards an address and for the source, or for this host's own addresses.
pub(super) async fn ask(
    vantage: &Vantage,
    clock: &RunClock,
    towards: Option<IpAddr>,
) -> Result<Vec<ArpQuestion>, Failure> {
    let _announced = vantage.probing().await;
    let at = clock.now();
    let (segments, own) = inspect(vantage, clock, move |_| open(towards)).await?;
    let heard = futures_util::future::try_join_all(segments.into_iter().map(|segment| segment.listen(&own))).await;
    heard
        .map(|questions| questions.concat())
        .map_err(|error| Problem::os(ATTEMPT, &error, "CAP_NET_RAW").into_failure(clock.since(at).elapsed))
}

/// A link and what is asked there.
#[derive(Debug)]
struct Segment {
    socket: Socket,
    device: String,
    index: u32,
    mac: Mac,
    asked: Vec<Asked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    address: Ipv4Addr,
    /// Whom the request says it is from; unspecified for an own address.
    sender: Ipv4Addr,
    own: bool,
}

/// The segments, and the link-layer addresses of all of this host's links.
fn open(towards: Option<IpAddr>) -> Result<(Vec<Segment>, Vec<Mac>), Problem> {
    let wanted = match towards {
        Some(address) => hop(address)?,
        None => own_addresses()?,
    };
    let netlink = Netlink::route(ATTEMPT, ALLOWED);
    let links = link::links()?;
    let macs: HashMap<u32, Mac> = links.iter().filter_map(|l| Some((l.index, mac(&netlink, l.index)?))).collect();
    let mut segments: Vec<Segment> = Vec::new();
    for (device, asked) in wanted {
        let index = links.iter().find(|link| link.name == device).map_or(0, |link| link.index);
        let Some(mac) = macs.get(&index) else { continue };
        match segments.iter_mut().find(|segment| segment.index == index) {
            Some(segment) => segment.asked.push(asked),
            None => segments.push(Segment {
                socket: packet_socket(index).map_err(|error| Problem::os(ATTEMPT, &error, "CAP_NET_RAW"))?,
                device,
                index,
                mac: *mac,
                asked: vec![asked],
            }),
        }
    }
    if segments.is_empty() {
        let reason = Reason::Unavailable("a link that speaks ARP".to_owned());
        return Err(Problem { reason, errno: None, detail: format!("{ATTEMPT}: no Ethernet link leads there") });
    }
    Ok((segments, macs.into_values().collect()))
}

/// The next hop towards an address, and the source that the kernel would choose.
fn hop(towards: IpAddr) -> Result<Vec<(String, Asked)>, Problem> {
    let IpAddr::V4(towards) = towards.to_canonical() else {
        return Err(Problem::invalid(format!("{towards} is an IPv6 address; ARP is for IPv4, give one like 10.0.0.1")));
    };
    let found = route::route_to(towards.into())?;
    let hop = match (found.kind, found.gateway) {
        (RouteKind::Unicast, None) => towards,
        (RouteKind::Unicast, Some(IpAddr::V4(gateway))) => gateway,
        _ => return own_addresses(),
    };
    let device = found.device.unwrap_or_default();
    let Some(IpAddr::V4(source)) = found.source else { return Ok(vec![]) };
    Ok(vec![
        (device.clone(), Asked { address: hop, sender: source, own: false }),
        (device, Asked { address: source, sender: Ipv4Addr::UNSPECIFIED, own: true }),
    ])
}

/// This host's addresses on links that are on.
fn own_addresses() -> Result<Vec<(String, Asked)>, Problem> {
    let links = link::links()?;
    let usable = links.iter().filter(|link| link.up && link.carrier && !link.loopback);
    let addresses = usable.flat_map(|link| link.addresses.iter().map(move |address| (&link.name, address)));
    let of_ipv4 = addresses.filter_map(|(device, address)| {
        let address = address.split('/').next()?.parse().ok()?;
        Some((device.clone(), Asked { address, sender: Ipv4Addr::UNSPECIFIED, own: true }))
    });
    Ok(of_ipv4.take(QUESTIONS).collect())
}

/// The Ethernet address of a link.
fn mac(netlink: &Netlink, index: u32) -> Option<Mac> {
    let header = LinkHeader { index, ..LinkHeader::default() };
    let mut body = vec![0; header.buffer_len()];
    header.emit(&mut body);
    let (_, payload) = netlink.ask(RTM_GETLINK, &body).ok()?;
    let link = LinkHeader::parse(&payload).ok()?;
    let (_, address) = attributes(&payload, LINK_HEADER_BYTES).find(|(kind, _)| *kind == libc::IFLA_ADDRESS)?;
    (u16::from(link.link_layer_type) == ETHERNET).then_some(())?;
    address.try_into().ok()
}

/// Hears ARP on one link, and nothing before it is bound to it.
fn packet_socket(index: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking().cloexec(), None)?;
    socket.bind(&packet::address(ETH_P_ARP, index, [0; 6])?)?;
    Ok(socket)
}

impl Segment {
    /// Asks, and hears who answers.
    async fn listen(self, own: &[Mac]) -> io::Result<Vec<ArpQuestion>> {
        let Self { socket, device, index, mac, asked } = self;
        let everybody = packet::address(ETH_P_ARP, index, [0xff; 6])?;
        let began = Instant::now();
        let mut claims = vec![Vec::new(); asked.len()];
        #[expect(unsafe_code, reason = "tokio has no packet sockets")]
        // SAFETY: the descriptor is owned by the AsyncFd and nothing takes it out, so it is open and the same until dropped.
        let socket = unsafe { AsyncFd::register(OwnedFd::from(socket))? };
        for round in 0..ROUNDS {
            sleep_until(began + APART * round).await;
            for one in &asked {
                socket2::SockRef::from(socket.get_ref()).send_to(&request(mac, *one), &everybody)?;
            }
            let last = round + 1 == ROUNDS;
            let until = began + if last { LISTENING } else { APART * (round + 1) };
            while let Some((address, claim)) = timeout_at(until, hear(&socket)).await.ok().transpose()? {
                let elapsed = began.elapsed();
                for (one, claims) in asked.iter().zip(&mut claims) {
                    let new = one.address == address && !own.contains(&claim);
                    if new && claims.len() < CLAIMS && !claims.iter().any(|(known, _)| *known == claim) {
                        claims.push((claim, elapsed));
                    }
                }
            }
        }
        Ok(asked
            .into_iter()
            .zip(claims)
            .map(|(one, claims)| ArpQuestion {
                address: one.address,
                device: device.clone(),
                own: one.own,
                claims: claims
                    .into_iter()
                    .map(|(mac, elapsed)| ArpClaim { link_address: neighbour::hexadecimal(&mac), elapsed })
                    .collect(),
            })
            .collect())
    }
}

/// The next packet that claims an address.
async fn hear(socket: &AsyncFd<OwnedFd>) -> io::Result<(Ipv4Addr, Mac)> {
    let mut bytes = [0; 64];
    loop {
        let mut ready = socket.readable().await?;
        let received = ready.try_io(|socket| {
            let (length, _) = rustix::net::recv(socket.get_ref(), &mut bytes[..], RecvFlags::empty())?;
            Ok(length)
        });
        match received {
            Ok(length) => {
                if let Some(claim) = parse(bytes.get(..length?).unwrap_or_default()) {
                    return Ok(claim);
                }
            }
            Err(_would_block) => {}
        }
    }
}

fn request(mac: Mac, asked: Asked) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[..2].copy_from_slice(&ETHERNET.to_be_bytes());
    packet[2..4].copy_from_slice(&ETH_P_IP.to_be_bytes());
    packet[4] = 6;
    packet[5] = 4;
    packet[6..8].copy_from_slice(&REQUEST.to_be_bytes());
    packet[8..14].copy_from_slice(&mac);
    packet[14..18].copy_from_slice(&asked.sender.octets());
    packet[24..28].copy_from_slice(&asked.address.octets());
    packet
}

/// Which address a packet claims, and for which link-layer address. Never panics, whatever the bytes.
pub fn parse(packet: &[u8]) -> Option<(Ipv4Addr, [u8; 6])> {
    let packet: &[u8; PACKET_BYTES] = packet.first_chunk()?;
    let number = |at: usize| Some(u16::from_be_bytes(*packet.get(at..)?.first_chunk()?));
    let fits = number(0)? == ETHERNET && number(2)? == ETH_P_IP && packet[4] == 6 && packet[5] == 4;
    if !fits || !matches!(number(6)?, REQUEST | REPLY) {
        return None;
    }
    let address = Ipv4Addr::from(*packet[14..].first_chunk::<4>()?);
    (!address.is_unspecified()).then_some((address, *packet[8..].first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_that_probes_claims_nothing_and_one_with_a_sender_does() {
        let mac = [2, 0, 0, 0, 0, 7];
        let asked = Asked { address: Ipv4Addr::new(10, 0, 0, 9), sender: Ipv4Addr::UNSPECIFIED, own: true };
        assert_eq!(parse(&request(mac, asked)), None);
        let sender = Ipv4Addr::new(10, 0, 0, 7);
        assert_eq!(parse(&request(mac, Asked { sender, ..asked })), Some((sender, mac)));
    }

    #[test]
    fn a_packet_of_another_kind_or_cut_short_claims_nothing() {
        let asked = Asked { address: Ipv4Addr::LOCALHOST, sender: Ipv4Addr::new(10, 0, 0, 7), own: false };
        let whole = request([1; 6], asked);
        assert_eq!(parse(&whole[..27]), None);
        for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3)] {
            let mut other = whole;
            other[at] = value;
            assert_eq!(parse(&other), None, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_arp_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(packet) = parse(&bytes) {
                assert!(bytes.len() >= 28, "{packet:?}");
            }
        }
    }
}
