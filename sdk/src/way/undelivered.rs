//! Packets that reach this host's IP and end there.

/// Packets that IP received and neither delivered nor forwarded, without those that it accounts for itself: fragments that make up
/// one datagram, and what it found in error, had no route for or no protocol. A filter's drops remain, and those of the reverse path.
///
/// `moved` is by how much a counter moved, of those that every kernel has; none without the two that the answer stands on.
pub fn undelivered(is_ipv6: bool, moved: impl Fn(&str) -> Option<i64>) -> Option<i64> {
    let [received, delivered, accounted @ ..] = if is_ipv6 { IPV6 } else { IPV4 };
    let value = |name: &str| moved(name).unwrap_or(0);
    let [forwarded, requests, reassembled, errors @ ..] = accounted;
    // Of a datagram's fragments all but one are explained by its being put together.
    let in_pieces = (value(requests) - value(reassembled)).max(0);
    let in_error: i64 = errors.iter().map(|name| value(name).max(0)).sum();
    Some(moved(received)? - moved(delivered)? - value(forwarded) - in_pieces - in_error)
}

/// The counters: received, delivered, forwarded, fragments, datagrams made of fragments, and the errors (RFC 4293; `ip_input.c`,
/// `ip6_input.c`). `Ip.InAddrErrors` and `IpExt.InNoRoutes` are of packets that no route led on.
const IPV4: [&str; 11] = [
    "Ip.InReceives",
    "Ip.InDelivers",
    "Ip.ForwDatagrams",
    "Ip.ReasmReqds",
    "Ip.ReasmOKs",
    "Ip.InHdrErrors",
    "Ip.InAddrErrors",
    "Ip.InUnknownProtos",
    "Ip.InDiscards",
    "IpExt.InNoRoutes",
    "IpExt.InTruncatedPkts",
];
const IPV6: [&str; 11] = [
    "Ip6.InReceives",
    "Ip6.InDelivers",
    "Ip6.OutForwDatagrams",
    "Ip6.ReasmReqds",
    "Ip6.ReasmOKs",
    "Ip6.InHdrErrors",
    "Ip6.InAddrErrors",
    "Ip6.InUnknownProtos",
    "Ip6.InDiscards",
    "Ip6.InNoRoutes",
    "Ip6.InTruncatedPkts",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::deltas;

    fn of(is_ipv6: bool, moved: &[(&str, i64)]) -> Option<i64> {
        let window = deltas(moved);
        undelivered(is_ipv6, |name| window.moved(name))
    }

    #[test]
    fn what_ip_neither_delivers_nor_forwards_has_ended_in_it() {
        assert_eq!(of(false, &[("Ip.InReceives", 9), ("Ip.InDelivers", 4), ("Ip.ForwDatagrams", 2)]), Some(3));
        assert_eq!(of(true, &[("Ip6.InReceives", 3), ("Ip.InReceives", 50)]), Some(3));
    }

    #[test]
    fn the_fragments_of_a_datagram_that_is_delivered_are_not_lost() {
        let large = [("Ip.InReceives", 3), ("Ip.ReasmReqds", 3), ("Ip.ReasmOKs", 1), ("Ip.InDelivers", 1)];
        assert_eq!(of(false, &large), Some(0));
    }

    #[test]
    fn what_is_counted_as_an_error_is_not_a_filters_drop() {
        assert_eq!(of(false, &[("Ip.InReceives", 4), ("Ip.InHdrErrors", 3), ("Ip.InAddrErrors", 1)]), Some(0));
    }

    #[test]
    fn a_window_that_was_shared_says_nothing() {
        assert_eq!(undelivered(false, |_| None), None);
    }
}
