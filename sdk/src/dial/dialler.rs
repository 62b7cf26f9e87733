//! How well-known clients come from the addresses of a name to a connection, and what of their timeouts bounds that.
//!
//! Which address comes when is computed in `experience`; here stands who does what. Absent is `java`, whose `java.net.http` takes
//! one address, IPv4 before IPv6 where nobody told it otherwise.

use std::time::Duration;

use super::experience::{self, Candidate, Experience};
use crate::deadline::Timeouts;

/// How a client tries the addresses of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialler {
    /// Go's `net.Dialer`: the second family 300 ms after the first.
    Go,
    /// RFC 8305 with its own delay of 250 ms.
    HappyEyeballs,
    /// curl's: the second family after 200 ms (`CURL_HET_DEFAULT`, curl(1) on `--happy-eyeballs-timeout-ms`).
    Curl,
    /// A loop over getaddrinfo, as `urllib3` and Python's `socket.create_connection` have it. A timeout for connecting bounds each
    /// address by itself.
    InOrder,
}

impl Dialler {
    /// By the client's name, or by `happy-eyeballs` or `in-order`.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "go" => Some(Self::Go),
            "curl" => Some(Self::Curl),
            "happy-eyeballs" => Some(Self::HappyEyeballs),
            "in-order" | "python-requests" => Some(Self::InOrder),
            _ => None,
        }
    }

    /// To begin a sentence with.
    pub fn title(self) -> &'static str {
        match self {
            Self::Go => "Go's dialer",
            Self::Curl => "curl",
            Self::HappyEyeballs => "Happy Eyeballs",
            Self::InOrder => "one address after the other, as over getaddrinfo,",
        }
    }

    /// Whether it may sort the addresses by RFC 6724 itself: Go does, unless it was told to ask the C library.
    pub fn may_sort(self) -> bool {
        self == Self::Go
    }

    /// What a client with these timeouts meets, its addresses in the order in which it has them. None without an address.
    pub fn experience(self, candidates: &[Candidate], timeouts: &Timeouts) -> Option<Experience> {
        match self {
            Self::Go => experience::go(candidates, timeouts.dial.into_iter().chain(timeouts.total).min()),
            Self::HappyEyeballs => experience::happy_eyeballs(candidates),
            Self::Curl => experience::racing(candidates, CURL_DELAY),
            Self::InOrder => {
                let patience = timeouts.dial.into_iter().chain(timeouts.connect).min();
                experience::in_order(candidates, patience.unwrap_or(experience::KERNEL_PATIENCE))
            }
        }
    }

    /// Those timeouts that bound all of the addresses together.
    #[must_use]
    pub fn of_all_addresses(self, timeouts: Timeouts) -> Timeouts {
        match self {
            Self::InOrder => Timeouts { dial: None, connect: None, ..timeouts },
            Self::Go | Self::HappyEyeballs | Self::Curl => timeouts,
        }
    }
}

const CURL_DELAY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::super::experience::Fate;
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn after(client: &str, timeouts: &Timeouts) -> Duration {
        let candidate = |address: &str, fate| Candidate { address: address.to_owned(), fate };
        let addresses = [
            candidate("2001:db8::1", Fate::Silent),
            candidate("192.0.2.1", Fate::Connected(Duration::from_millis(20))),
        ];
        let dialler = Dialler::of(client).expect("it is known");
        dialler.experience(&addresses, timeouts).expect("there are addresses").after
    }

    #[test]
    fn each_client_begins_with_the_second_family_at_its_own_time() {
        let unbounded = Timeouts::default();
        for (client, expected) in [("go", 320), ("curl", 220), ("happy-eyeballs", 270), ("in-order", 131_020)] {
            assert_eq!(after(client, &unbounded), MS(expected), "{client}");
        }
        assert_eq!(Dialler::of("java"), None);
    }

    #[test]
    fn a_timeout_for_connecting_bounds_all_of_go_and_each_address_of_a_loop() {
        let timeouts = Timeouts { dial: Some(MS(200)), connect: Some(MS(500)), ..Timeouts::default() };
        assert_eq!(after("go", &timeouts), MS(200));
        assert_eq!(after("in-order", &timeouts), MS(220));
        assert_eq!(Dialler::InOrder.of_all_addresses(timeouts), Timeouts::default());
        assert_eq!(Dialler::Go.of_all_addresses(timeouts), timeouts);
    }
}
