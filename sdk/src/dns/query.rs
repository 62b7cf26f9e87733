//! A query, built from its plainest form, and readings of what came of it.

use std::time::Duration;

use super::{
    Answer, ClientSubnet, Cookie, EdnsOption, EdnsRequest, Exchange, HeaderFlags, HttpMethod, Query, Resource,
    Transport,
};
use crate::types::Endpoint;
use crate::wait::microseconds;

/// Of a query that names none: glibc would wait 5 s, a diagnosis need not.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// What passes every path unfragmented (RFC 9715).
const UDP_SIZE: u16 = 1232;

impl Query {
    /// Over UDP to port 53, class IN, recursion desired, EDNS with 1232 bytes (RFC 9715), no DO, without deltas.
    pub fn new(server: &str, name: &str, qtype: u16) -> Self {
        Self::to(Endpoint::new(server, Transport::Udp.default_port()), name, qtype)
    }

    /// The same, to any port.
    pub fn to(server: Endpoint, name: &str, qtype: u16) -> Self {
        Self {
            server,
            transport: Transport::Udp,
            name: name.to_owned(),
            qtype,
            qclass: 1,
            flags: HeaderFlags::RECURSION_DESIRED,
            edns: Some(EdnsRequest::sized(UDP_SIZE)),
            server_name: None,
            http_path: None,
            http_method: HttpMethod::Post,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            deltas: false,
        }
    }

    /// Over this transport. A server at the default port of the one before moves to the default port of this one.
    #[must_use]
    pub fn over(mut self, transport: Transport) -> Self {
        if self.server.port == self.transport.default_port() {
            self.server.port = transport.default_port();
        }
        self.transport = transport;
        self
    }

    /// Over TCP.
    #[must_use]
    pub fn over_tcp(self) -> Self {
        self.over(Transport::Tcp)
    }

    /// Of an encrypted transport: the name to send as SNI and to verify, rather than the server's address.
    #[must_use]
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_name = Some(name.to_owned());
        self
    }

    /// Of https: another path than `/dns-query`; it begins with `/`.
    #[must_use]
    pub fn http_path(mut self, path: &str) -> Self {
        self.http_path = Some(path.to_owned());
        self
    }

    /// Of https: by GET rather than POST.
    #[must_use]
    pub fn by_get(mut self) -> Self {
        self.http_method = HttpMethod::Get;
        self
    }

    /// Of another class than IN: 3 is CH.
    #[must_use]
    pub fn class(mut self, qclass: u16) -> Self {
        self.qclass = qclass;
        self
    }

    /// Without an OPT record.
    #[must_use]
    pub fn without_edns(mut self) -> Self {
        self.edns = None;
        self
    }

    /// With an OPT record of this UDP payload size.
    #[must_use]
    pub fn edns(mut self, size: u16) -> Self {
        self.opt().udp_size = size;
        self
    }

    /// With the DO bit, and an OPT record for it.
    #[must_use]
    pub fn dnssec_ok(mut self) -> Self {
        self.opt().dnssec_ok = true;
        self
    }

    /// Asks for the server's identifier (RFC 5001).
    #[must_use]
    pub fn nsid(mut self) -> Self {
        self.opt().nsid = true;
        self
    }

    /// On behalf of this prefix (RFC 7871): `192.0.2.0/24`.
    #[must_use]
    pub fn client_subnet(mut self, prefix: &str) -> Self {
        self.opt().client_subnet = Some(ClientSubnet { prefix: prefix.to_owned(), scope: 0 });
        self
    }

    /// With a cookie (RFC 7873): the client's, and the server's own as it came in an earlier answer.
    #[must_use]
    pub fn cookie(mut self, client: [u8; 8], server: &[u8]) -> Self {
        self.opt().cookie = Some(Cookie { client: client.to_vec(), server: server.to_vec() });
        self
    }

    /// Padded to a multiple of this many bytes (RFC 8467 recommends 128).
    #[must_use]
    pub fn padding(mut self, block: u16) -> Self {
        self.opt().padding_block = Some(block);
        self
    }

    /// With one more EDNS option, as it is.
    #[must_use]
    pub fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.opt().options.push(EdnsOption { code, data: data.to_vec() });
        self
    }

    /// With the CD bit: the server must not validate.
    #[must_use]
    pub fn checking_disabled(mut self) -> Self {
        self.flags = self.flags | HeaderFlags::CHECKING_DISABLED;
        self
    }

    /// Without the RD bit: the server answers from what it has.
    #[must_use]
    pub fn without_recursion(mut self) -> Self {
        self.flags = (self.flags | HeaderFlags::RECURSION_DESIRED) ^ HeaderFlags::RECURSION_DESIRED;
        self
    }

    /// Takes counter deltas around the exchange, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }

    fn opt(&mut self) -> &mut EdnsRequest {
        self.edns.get_or_insert_with(|| EdnsRequest::sized(UDP_SIZE))
    }
}

impl EdnsRequest {
    /// Version 0 with this payload size and nothing else.
    pub fn sized(udp_size: u16) -> Self {
        Self {
            udp_size,
            version: 0,
            dnssec_ok: false,
            nsid: false,
            client_subnet: None,
            cookie: None,
            padding_block: None,
            options: vec![],
        }
    }
}

impl Transport {
    /// RFC 1035, RFC 7858, RFC 8484, RFC 9250.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 53,
            Self::Tls | Self::Quic => 853,
            Self::Https => 443,
        }
    }

    /// In lower case: `udp`, `tcp`, `tls`, `https`, `quic`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
            Self::Quic => "quic",
        }
    }
}

impl Exchange {
    /// The answer, where one came.
    pub fn answer(&self) -> Option<&Answer> {
        self.outcome.as_ref().ok()
    }

    /// The response code, where an answer came.
    pub fn rcode(&self) -> Option<u16> {
        self.answer().map(|answer| answer.rcode)
    }
}

impl Answer {
    /// The answer records of this type.
    pub fn of_type(&self, rtype: u16) -> impl Iterator<Item = &Resource> {
        self.answers.iter().filter(move |r| r.rtype == rtype)
    }

    /// A header flag of the answer.
    pub fn has(&self, flag: HeaderFlags) -> bool {
        (self.flags & flag) == flag
    }

    /// The extended errors (RFC 8914) by number, in order.
    pub fn extended_errors(&self) -> impl Iterator<Item = u16> + '_ {
        self.edns.iter().flat_map(|edns| edns.extended_errors.iter().map(|error| error.info_code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::qtype;

    #[test]
    fn a_default_port_follows_the_transport() {
        let query = Query::new("192.0.2.53", "www.example", qtype::A).over(Transport::Tls);
        assert_eq!(query.server.port, 853);
        assert_eq!(query.over(Transport::Https).server.port, 443);
        let query = Query::to(Endpoint::new("192.0.2.53", 5353), "www.example", qtype::A).over(Transport::Quic);
        assert_eq!(query.server.port, 5353);
    }

    #[test]
    fn an_edns_option_brings_the_record_that_carries_it() {
        let query = Query::new("192.0.2.53", "www.example", qtype::A).edns(4096).without_edns().nsid().padding(128);
        let edns = query.edns.expect("asked for");
        assert_eq!((edns.udp_size, edns.nsid, edns.padding_block), (1232, true, Some(128)));
    }

    #[test]
    fn without_recursion_the_other_bits_stay() {
        let query = Query::new("192.0.2.53", "www.example", qtype::A).checking_disabled().without_recursion();
        assert!(query.flags == HeaderFlags::CHECKING_DISABLED);
    }
}
