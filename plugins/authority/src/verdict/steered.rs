//! Zones that lead clients to different addresses on purpose, by where they are, by turns or by load: an answer that differs is no old
//! one then.

use std::net::IpAddr;

use crate::case::{Case, Says, says};

/// The zone's servers do not agree, or not from one question to the next; or both answers lie in one public network, as the many addresses
/// of one service do.
pub(super) fn is_steered(case: &Case, mine: &[String], theirs: &[String]) -> bool {
    let servers = case.levels.last().into_iter().flat_map(|level| &level.servers);
    let said = servers.filter(|server| server.is_authoritative()).map(|server| &server.exchange).chain(&case.again);
    let varies = said.into_iter().any(|exchange| match says(exchange, &case.name, case.qtype) {
        Says::Records(records) => !records.iter().any(|record| theirs.contains(record)),
        _ => false,
    });
    varies || mine.iter().any(|mine| theirs.iter().any(|theirs| are_near(mine, theirs)))
}

/// Public addresses, of one network as large as operators announce: /16, or /32 of IPv6.
fn are_near(one: &str, other: &str) -> bool {
    match (one.parse(), other.parse()) {
        (Ok(IpAddr::V4(one)), Ok(IpAddr::V4(other))) => {
            let [a, b, ..] = one.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (18..20).contains(&b);
            let special = one.is_private() || one.is_loopback() || one.is_link_local() || one.is_documentation();
            !special && !shared && !benchmark && other.octets().starts_with(&[a, b])
        }
        (Ok(IpAddr::V6(one)), Ok(IpAddr::V6(other))) => {
            let [a, b, ..] = one.segments();
            // 2000::/3 without 2001:db8::/32.
            a >> 13 == 1 && (a, b) != (0x2001, 0xdb8) && other.segments().starts_with(&[a, b])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_of_one_network_are_near() {
        for (one, other, near) in [
            ("142.250.185.78", "142.250.74.206", true),
            ("142.250.185.78", "142.251.74.206", false),
            ("192.168.1.1", "192.168.1.2", false),
            ("100.64.0.1", "100.64.0.2", false),
            ("198.51.100.1", "198.51.100.2", false),
            ("198.18.0.1", "198.18.0.2", false),
            ("2a00:1450:4001::1", "2a00:1450:4002::1", true),
            ("fd00::1", "fd00::2", false),
            ("2001:db8::1", "2001:db8::2", false),
            ("142.250.185.78", "2a00:1450::1", false),
        ] {
            assert_eq!(are_near(one, other), near, "{one} {other}");
        }
    }
}
