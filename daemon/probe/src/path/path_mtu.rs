//! `path.path-mtu`: sizes of packets with DF (RFC 1191, RFC 8201), and where they end.
//!
//! The arrival of an echo request shows by its reply; where echo is not permitted or not answered, that of a datagram by the
//! ICMP port unreachable of the destination. Which size is next is decided by [`ladder`], which sends nothing itself.

mod ladder;
mod rung;

use std::net::IpAddr;

use sonde_core::observation::path::{MtuConclusion, MtuMethod, PathMtu, PathMtuRequest, Rung, RungOutcome};
use sonde_core::observation::{Phase, Reason};
use tokio::time::Instant;

use self::ladder::{Ladder, Step};
use self::rung::Climber;
use super::trace::syn;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::dial::target;
use crate::failure::Fault;
use crate::system::{links, route_to};
use crate::vantage::Vantage;

/// The smallest that every path must carry whole: RFC 1122 section 3.3.3 for what is sent without knowing better, RFC 8200
/// section 5.
const LEAST_V4: u32 = 576;
const LEAST_V6: u32 = 1280;

/// Usual links and tunnels: `IPsec`, `WireGuard`, VXLAN, GRE, `PPPoE`, Ethernet, its jumbo frames.
const USUAL: [u32; 12] = [1280, 1380, 1400, 1420, 1440, 1450, 1460, 1476, 1480, 1492, 1500, 9000];

/// The longest IP packet.
const LONGEST: u32 = 65_535;

/// The part of the call's time that the TCP connection may take.
const TCP_SHARE: u32 = 4;

/// Climbs the ladder.
pub async fn path_mtu(vantage: &Vantage, clock: &RunClock, request: &PathMtuRequest) -> PathMtu {
    let _announced = vantage.probing().await;
    let attempt = Attempt::begin(clock, request.timeout);
    let mut found = PathMtu::begun(attempt.timing());
    let climbed = match target(request.remote) {
        Err(fault) => Err(fault),
        Ok(remote) => {
            found.link_mtu = link_mtu(vantage, clock, remote.ip()).await;
            if request.tcp {
                let until = Instant::now() + attempt.remaining() / TCP_SHARE;
                if let (_, Some(info)) = syn(vantage, clock, remote, until).await {
                    found.mss = Some(info.snd_mss);
                    found.tcp_pmtu = Some(info.pmtu);
                }
            }
            climb(vantage, &attempt, request, &mut found).await
        }
    };
    found.outcome = climbed.map_err(|fault| attempt.failure(fault, None));
    found.timing = attempt.timing();
    found
}

/// Of the device that the route to an address leaves by.
async fn link_mtu(vantage: &Vantage, clock: &RunClock, remote: IpAddr) -> Option<u32> {
    let device = route_to(vantage, clock, remote).await.ok()?.device?;
    let links = links(vantage, clock).await.ok()?;
    links.into_iter().find(|link| link.name == device).map(|link| link.mtu)
}

/// By echo, else by datagrams.
async fn climb(
    vantage: &Vantage,
    attempt: &Attempt,
    request: &PathMtuRequest,
    found: &mut PathMtu,
) -> Result<(), Fault> {
    let sizes = sizes(request, found.link_mtu);
    let refusal = match Climber::by_echo(vantage, request.remote, found.link_mtu) {
        Ok(climber) => {
            found.route_mtu = climber.route_mtu();
            walk(climber, MtuMethod::IcmpEcho, attempt, request, &sizes, found).await;
            None
        }
        Err(fault) => Some(fault),
    };
    if found.conclusion != MtuConclusion::Unanswered {
        return Ok(());
    }
    let by_echo = (found.method, std::mem::take(&mut found.rungs));
    let climber = match Climber::by_datagrams(vantage, request.remote, found.link_mtu) {
        Ok(climber) => climber,
        Err(fault) => return Err(refusal.unwrap_or(fault)),
    };
    found.route_mtu = found.route_mtu.or(climber.route_mtu());
    walk(climber, MtuMethod::Udp, attempt, request, &sizes, found).await;
    if found.conclusion != MtuConclusion::Unanswered {
        return Ok(());
    }
    // What routers and this host said of large datagrams stays; else what the first method saw.
    let silent = |rung: &Rung| rung.outcome == RungOutcome::Silent;
    if found.rungs.iter().all(silent) && by_echo.0.is_some() {
        (found.method, found.rungs) = by_echo;
    }
    if let Some(fault) = refusal {
        Err(fault)
    } else {
        let detail = format!("{} answers neither echo requests nor datagrams", request.remote.address);
        Err(Fault::new(Phase::Wait, Reason::TimedOut, detail))
    }
}

async fn walk(
    mut climber: Climber<'_>,
    method: MtuMethod,
    attempt: &Attempt,
    request: &PathMtuRequest,
    sizes: &[u32],
    found: &mut PathMtu,
) {
    let mut ladder = Ladder::new(sizes);
    found.method = Some(method);
    while let Step::Try(size) = ladder.next() {
        if attempt.remaining().is_zero() {
            break;
        }
        let rung = climber.try_size(attempt, size, request.attempts).await;
        ladder.note(&rung);
        found.rungs.push(rung);
    }
    found.conclusion = ladder.conclusion();
    found.mtu = ladder.passed();
    found.lost_from = ladder.lost_from();
}

/// Ascending, from the least that every path carries up to what the link takes.
fn sizes(request: &PathMtuRequest, link_mtu: Option<u32>) -> Vec<u32> {
    let least = if request.remote.address.to_canonical().is_ipv4() { LEAST_V4 } else { LEAST_V6 };
    let most = link_mtu.unwrap_or(1500).min(LONGEST);
    let mut sizes = request.sizes.clone();
    if sizes.is_empty() {
        sizes.extend(USUAL.into_iter().filter(|size| *size > least && *size < most));
        sizes.extend([least.min(most), most]);
    }
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}
