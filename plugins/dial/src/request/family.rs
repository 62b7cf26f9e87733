//! Which addresses of the target are dialled.

use std::net::IpAddr;

use sonde_sdk::types::Endpoint;

/// Which addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    Ipv4,
    Ipv6,
}

impl Family {
    /// The one that is asked for; that of the address to dial from, where any would do: no other can be dialled from it.
    pub(super) fn chosen(text: &str, bind: Option<IpAddr>) -> Result<Self, String> {
        let asked = match text {
            "any" => Self::Any,
            "4" => Self::Ipv4,
            "6" => Self::Ipv6,
            other => return Err(format!("family {other:?}: write any, 4 or 6")),
        };
        let bound = bind.map(|address| if address.to_canonical().is_ipv4() { Self::Ipv4 } else { Self::Ipv6 });
        match (asked, bind.zip(bound)) {
            (_, None) => Ok(asked),
            (_, Some((_, bound))) if asked == Self::Any || asked == bound => Ok(bound),
            (_, Some((address, _))) => Err(format!(
                "family {text} cannot be dialled from {address}: bind an address of that family, or leave one of both out"
            )),
        }
    }

    /// It dials this one.
    pub(crate) fn takes(self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => !endpoint.is_ipv6(),
            Self::Ipv6 => endpoint.is_ipv6(),
        }
    }

    /// For people; none of any.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Ipv4 => Some("IPv4"),
            Self::Ipv6 => Some("IPv6"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str, bind: Option<&str>) -> Result<Family, String> {
        Family::chosen(text, bind.map(|address| address.parse().expect("it is an address")))
    }

    #[test]
    fn the_address_to_dial_from_decides_where_any_family_would_do() {
        assert_eq!(chosen("any", None), Ok(Family::Any));
        assert_eq!(chosen("any", Some("192.0.2.1")), Ok(Family::Ipv4));
        assert_eq!(chosen("any", Some("2001:db8::1")), Ok(Family::Ipv6));
        assert_eq!(chosen("4", Some("::ffff:192.0.2.1")), Ok(Family::Ipv4));
    }

    #[test]
    fn a_family_that_cannot_be_dialled_from_there_is_refused() {
        let problem = chosen("6", Some("192.0.2.1")).expect_err("the families differ");
        assert!(problem.starts_with("family 6 cannot be dialled from 192.0.2.1"), "{problem}");
    }
}
