//! Which of a target's endpoints to try.

use crate::types::Endpoint;

/// The endpoints to dial: in the resolver's order, bounded, of both families.
pub fn choose(endpoints: impl Iterator<Item = Endpoint>) -> Vec<Endpoint> {
    let mut chosen: Vec<Endpoint> = Vec::new();
    for endpoint in endpoints {
        let of_family = chosen.iter().filter(|c| c.is_ipv6() == endpoint.is_ipv6()).count();
        if chosen.len() < ADDRESSES && of_family < ADDRESSES_OF_A_FAMILY && !chosen.contains(&endpoint) {
            chosen.push(endpoint);
        }
    }
    chosen
}

/// At most so many addresses, at most so many of one family.
const ADDRESSES: usize = 6;
const ADDRESSES_OF_A_FAMILY: usize = 4;

#[cfg(test)]
mod tests {
    use super::{ADDRESSES, choose};
    use crate::types::Endpoint;

    fn endpoints(addresses: &[&str]) -> Vec<Endpoint> {
        addresses.iter().map(|a| Endpoint::new(a, 443)).collect()
    }

    #[test]
    fn many_addresses_of_one_family_leave_room_for_the_other() {
        let given =
            endpoints(&["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5", "192.0.2.1"]);
        let chosen = choose(given.into_iter());
        assert_eq!(chosen.iter().filter(|e| e.is_ipv6()).count(), 4);
        assert_eq!(chosen.iter().filter(|e| !e.is_ipv6()).count(), 1);
    }

    #[test]
    fn the_same_address_is_dialled_once() {
        assert_eq!(choose(endpoints(&["192.0.2.1", "192.0.2.1"]).into_iter()).len(), 1);
    }

    #[test]
    fn a_long_list_is_cut() {
        let given: Vec<String> = (1..=50).flat_map(|n| [format!("192.0.2.{n}"), format!("2001:db8::{n}")]).collect();
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        assert_eq!(choose(endpoints(&given).into_iter()).len(), ADDRESSES);
    }
}
