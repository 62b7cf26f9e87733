//! DNS, one exchange at a time: no cache, no hidden retry, no search list.

use std::time::Duration;

pub use crate::bindings::sonde::check::dns::{
    Answer, AnswerFlags, Edns, Exchange, ExtendedError, QueryFlags, QueryRequest as Query, ResolverConfig, Resource,
    Transport, config, query,
};
use crate::types::Endpoint;
use crate::wait::microseconds;

/// QTYPEs (RFC 1035 section 3.2.2 and the IANA registry).
#[expect(missing_docs, reason = "the names are the types' own")]
pub mod qtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const DNSKEY: u16 = 48;
    pub const HTTPS: u16 = 65;
    pub const CAA: u16 = 257;

    /// The type's name, `TYPE65280` (RFC 3597) where it has none here.
    pub fn name(qtype: u16) -> String {
        let known = match qtype {
            A => "A",
            NS => "NS",
            CNAME => "CNAME",
            SOA => "SOA",
            PTR => "PTR",
            MX => "MX",
            TXT => "TXT",
            AAAA => "AAAA",
            SRV => "SRV",
            OPT => "OPT",
            DS => "DS",
            RRSIG => "RRSIG",
            DNSKEY => "DNSKEY",
            HTTPS => "HTTPS",
            CAA => "CAA",
            _ => return format!("TYPE{qtype}"),
        };
        known.to_owned()
    }
}

/// Response codes (RFC 6895 section 2.3).
#[expect(missing_docs, reason = "the names are the codes' own")]
pub mod rcode {
    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const BADVERS: u16 = 16;

    /// The code's name, `RCODE11` where it has none here.
    pub fn name(rcode: u16) -> String {
        let known = match rcode {
            NOERROR => "NOERROR",
            FORMERR => "FORMERR",
            SERVFAIL => "SERVFAIL",
            NXDOMAIN => "NXDOMAIN",
            NOTIMP => "NOTIMP",
            REFUSED => "REFUSED",
            BADVERS => "BADVERS",
            _ => return format!("RCODE{rcode}"),
        };
        known.to_owned()
    }
}

/// Of a query that names none: glibc would wait 5 s, a diagnosis need not.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

impl Query {
    /// Over UDP to port 53, class IN, recursion desired, EDNS with 1232 bytes (RFC 9715), no DO, without deltas.
    pub fn new(server: &str, name: &str, qtype: u16) -> Self {
        Self::to(Endpoint::new(server, 53), name, qtype)
    }

    /// The same, to any port.
    pub fn to(server: Endpoint, name: &str, qtype: u16) -> Self {
        Self {
            server,
            transport: Transport::Udp,
            name: name.to_owned(),
            qtype,
            qclass: 1,
            flags: QueryFlags::RECURSION_DESIRED,
            edns_size: Some(1232),
            dnssec_ok: false,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            deltas: false,
        }
    }

    /// Over TCP.
    #[must_use]
    pub fn over_tcp(mut self) -> Self {
        self.transport = Transport::Tcp;
        self
    }

    /// Without an OPT record.
    #[must_use]
    pub fn without_edns(mut self) -> Self {
        self.edns_size = None;
        self.dnssec_ok = false;
        self
    }

    /// With an OPT record of this UDP payload size.
    #[must_use]
    pub fn edns(mut self, size: u16) -> Self {
        self.edns_size = Some(size);
        self
    }

    /// With the DO bit, and an OPT record for it.
    #[must_use]
    pub fn dnssec_ok(mut self) -> Self {
        self.edns_size = self.edns_size.or(Some(1232));
        self.dnssec_ok = true;
        self
    }

    /// With the CD bit: the server must not validate.
    #[must_use]
    pub fn checking_disabled(mut self) -> Self {
        self.flags = self.flags | QueryFlags::CHECKING_DISABLED;
        self
    }

    /// Without the RD bit: the server answers from what it has.
    #[must_use]
    pub fn without_recursion(mut self) -> Self {
        self.flags = self.flags & (QueryFlags::CHECKING_DISABLED | QueryFlags::AUTHENTIC_DATA);
        self
    }

    /// Its timeout.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout_us = microseconds(timeout);
        self
    }

    /// Takes counter deltas around the exchange, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }
}

impl Answer {
    /// The answer records of this type.
    pub fn of_type(&self, rtype: u16) -> impl Iterator<Item = &Resource> {
        self.answers.iter().filter(move |r| r.rtype == rtype)
    }

    /// A header flag of the answer.
    pub fn has(&self, flag: AnswerFlags) -> bool {
        (self.flags & flag) == flag
    }
}
