//! What the peers are asked.

use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{ClientSubnet, Cookie, EdnsOption, EdnsRequest, HeaderFlags, Query};
use std::time::Duration;

/// Bound of one exchange.
const PATIENCE: Duration = Duration::from_secs(5);

/// As dig asks by default: RD and AD, EDNS with 1232 bytes.
pub(crate) fn plain(server: Endpoint, name: &str, qtype: u16) -> Query {
    let mut query = Query::new(server, name, qtype, PATIENCE);
    query.flags.authentic_data = true;
    query.edns = Some(EdnsRequest::sized(1232));
    query
}

/// With DO.
pub(crate) fn secure(server: Endpoint, name: &str, qtype: u16) -> Query {
    with(plain(server, name, qtype), |edns| edns.dnssec_ok = true)
}

/// With another OPT record.
pub(crate) fn with(mut query: Query, change: impl Fn(&mut EdnsRequest)) -> Query {
    query.edns.iter_mut().for_each(change);
    query
}

/// Every record type of the zone, chains, names that need escapes, and the ways in which a name can be missing.
pub(crate) const RECORDS: &[(&str, u16)] = &[
    (".", 2),
    ("rich.example", 6),
    ("rich.example", 2),
    ("rich.example", 15),
    ("rich.example", 16),
    ("rich.example", 255),
    ("address.rich.example", 1),
    ("ADDRESS.Rich.Example", 1),
    ("short-lived.rich.example", 1),
    ("no-ttl.rich.example", 1),
    ("long-lived.rich.example", 1),
    ("six.rich.example", 28),
    ("alias.rich.example", 1),
    ("alias.rich.example", 28),
    ("alias.rich.example", 5),
    ("dangling.rich.example", 1),
    ("loop.rich.example", 1),
    ("subtree.rich.example", 39),
    ("www.subtree.rich.example", 1),
    ("text.rich.example", 16),
    ("quotes.rich.example", 16),
    ("empty.rich.example", 16),
    ("bytes.rich.example", 16),
    ("utf8.rich.example", 16),
    ("longest.rich.example", 16),
    ("hinfo.rich.example", 13),
    ("naptr.rich.example", 35),
    ("rp.rich.example", 17),
    ("caa.rich.example", 257),
    ("uri.rich.example", 256),
    ("_sip._tcp.rich.example", 33),
    ("_none._tcp.rich.example", 33),
    ("svcb.rich.example", 64),
    ("https.rich.example", 65),
    ("https-alias.rich.example", 65),
    ("afsdb.rich.example", 18),
    ("kx.rich.example", 36),
    ("ptr.rich.example", 12),
    ("sshfp.rich.example", 44),
    ("_443._tcp.rich.example", 52),
    ("smimea.rich.example", 53),
    ("openpgp.rich.example", 61),
    ("cert.rich.example", 37),
    ("dhcid.rich.example", 49),
    ("cds.rich.example", 59),
    ("cdnskey.rich.example", 60),
    ("loc.rich.example", 29),
    ("eui48.rich.example", 108),
    ("eui64.rich.example", 109),
    ("csync.rich.example", 62),
    ("unknown.rich.example", 65400),
    ("unknown-address.rich.example", 1),
    ("dot\\.in\\.label.rich.example", 1),
    ("sp\\032ace.rich.example", 1),
    ("at\\@sign.rich.example", 1),
    ("semi\\;colon.rich.example", 1),
    ("quo\\\"te.rich.example", 1),
    ("back\\\\slash.rich.example", 1),
    ("\\000zero.rich.example", 1),
    ("dollar\\$paren\\(\\).rich.example", 1),
    ("gr\\195\\188n.rich.example", 1),
    ("_under_score.rich.example", 1),
    ("mixedcase.rich.example", 1),
    ("to-escapes.rich.example", 1),
    ("xn--bcher-kva.rich.example", 1),
    ("lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll.rich.example", 1),
    ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.rich.example", 1),
    ("missing.rich.example", 1),
    ("only-text.rich.example", 1),
    ("ent.rich.example", 1),
    ("anything.wild.rich.example", 1),
    ("anything.wild.rich.example", 16),
    ("anything.wild.rich.example", 28),
    ("secured.rich.example", 43),
    ("large.rich.example", 16),
    ("many.rich.example", 1),
];

/// Signed ones, to be asked with DO.
pub(crate) const SIGNED: &[(&str, u16)] = &[
    ("signed.example", 6),
    ("signed.example", 48),
    ("address.signed.example", 1),
    ("address.signed.example", 46),
    ("alias.signed.example", 1),
    ("anything.wild.signed.example", 1),
    ("missing.signed.example", 1),
    ("only-text.signed.example", 1),
    ("\\000zero.signed.example", 47),
    ("unknown.signed.example", 65400),
    ("secured.signed.example", 43),
    ("signed.example", 59),
    ("many.signed.example", 1),
    ("nsec3.example", 51),
    ("nsec3.example", 48),
    ("missing.nsec3.example", 1),
    ("only-text.nsec3.example", 1),
    ("ent.nsec3.example", 1),
];

/// What Unbound refuses, or cannot validate: with extended errors.
pub(crate) const REFUSED_OR_BOGUS: &[(&str, u16)] = &[
    ("www.refused.example", 1),
    ("www.static.example", 1),
    ("bogus.example", 6),
    ("address.bogus.example", 1),
    ("missing.bogus.example", 1),
];

/// Names of dnsmasq's own.
pub(crate) const OWN: &[(&str, u16)] = &[
    ("local.peer", 1),
    ("local.peer", 28),
    ("text.peer", 16),
    ("_sip._tcp.peer", 33),
    ("peer", 15),
    ("peer", 257),
    ("ptr.peer", 12),
    ("naptr.peer", 35),
    ("alias.peer", 1),
    ("unknown.peer", 65400),
    ("missing.peer", 1),
    ("44.2.0.192.in-addr.arpa", 12),
];

/// The bits of the header and of the OPT record, one at a time.
pub(crate) fn headers(server: Endpoint) -> Vec<Query> {
    let ask = |change: &dyn Fn(&mut Query)| {
        let mut query = plain(server, "address.rich.example", 1);
        change(&mut query);
        query
    };
    let option = |change: &dyn Fn(&mut EdnsRequest)| with(plain(server, "address.rich.example", 1), change);
    let client = vec![0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77];
    let subnet = |prefix: &str| ClientSubnet { prefix: prefix.parse().expect("a prefix"), scope: 0 };
    vec![
        ask(&|query| query.edns = None),
        ask(&|query| query.flags = HeaderFlags::default()),
        ask(&|query| query.flags = HeaderFlags { recursion_desired: true, ..HeaderFlags::default() }),
        ask(&|query| query.flags.checking_disabled = true),
        ask(&|query| query.qclass = 255),
        Query { qclass: 3, ..plain(server, "version.bind", 16) },
        Query { qclass: 3, ..plain(server, "id.server", 16) },
        Query { edns: None, ..plain(server, "large.rich.example", 16) },
        with(plain(server, "large.rich.example", 16), |edns| edns.udp_size = 4096),
        with(plain(server, "large.rich.example", 16), |edns| edns.udp_size = 512),
        plain(server, "www.elsewhere.invalid", 1),
        option(&|edns| edns.version = 1),
        option(&|edns| edns.udp_size = 512),
        option(&|edns| edns.nsid = true),
        option(&|edns| edns.dnssec_ok = true),
        option(&|edns| edns.cookie = Some(Cookie { client: client.clone(), server: Vec::new() })),
        option(&|edns| edns.cookie = Some(Cookie { client: client.clone(), server: vec![1; 16] })),
        option(&|edns| edns.client_subnet = Some(subnet("203.0.113.0/24"))),
        option(&|edns| edns.client_subnet = Some(subnet("2001:db8:1234::/48"))),
        option(&|edns| edns.client_subnet = Some(subnet("0.0.0.0/0"))),
        option(&|edns| edns.padding_block = Some(128)),
        option(&|edns| edns.options.push(EdnsOption { code: 11, data: Vec::new() })),
        option(&|edns| edns.options.push(EdnsOption { code: 65001, data: vec![0xab, 0xcd] })),
        option(&|edns| {
            edns.nsid = true;
            edns.dnssec_ok = true;
            edns.padding_block = Some(128);
            edns.client_subnet = Some(subnet("203.0.113.0/24"));
            edns.cookie = Some(Cookie { client: client.clone(), server: Vec::new() });
        }),
    ]
}
