//! What a run has tried and what came back, so far. The plan and the verdict are functions of it.
//!
//! Owns the classification of one handshake that both share; names no cause.

use sonde_sdk::connection::{Certificate, Connection, TlsSession, Verification};
use sonde_sdk::dial::{HttpExchange, Starttls, TlsDial, TlsHelloDial};
use sonde_sdk::path::{MtuConclusion, MtuMethod, PathMtuResult};
use sonde_sdk::system::ClockAnswer;
use sonde_sdk::types::{Endpoint, Phase, Reason};

use crate::chain;

/// Which server name a handshake sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sni {
    /// The target's.
    Own,
    /// None at all.
    Absent,
    /// Another one.
    Other(String),
}

/// One thing to do next; the text is the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A handshake. `alpn`: offer what a browser offers. `attempt` counts equal ones, from 0.
    Tls {
        address: String,
        sni: Sni,
        alpn: bool,
        attempt: u8,
    },
    /// The first again, with a hello of one packet.
    Small(String),
    /// The first again, after asking for TLS in this protocol's words.
    Starttls(String, Starttls),
    /// A hello of an older TLS, with cipher suites of every age.
    Hello(String),
    /// Fetches the certificate that the topmost one was issued by, from where it says.
    Issuer,
    /// The first again, knowing the fetched certificate.
    Known(String),
    /// A plain HTTP request to the same port.
    Plain(String),
    /// The same with more bytes than a packet holds.
    Large(String),
    /// An HTTP request over TLS.
    Http(String),
    /// How large the packets are that come to it and back.
    Mtu(String),
    Clock,
}

/// Everything known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// The target's name or address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The target is `https`: HTTP is expected inside, and ALPN offered.
    pub(crate) https: bool,
    /// Those that are tried, at most [`MOST_ADDRESSES`].
    pub(crate) addresses: Vec<String>,
    /// What every handshake is preceded by.
    pub(crate) starttls: Option<Starttls>,
    /// Whether a peer that turns out to speak such a protocol is asked for TLS in it.
    pub(crate) finds_starttls: bool,
    pub(crate) handshakes: Vec<(Step, TlsDial)>,
    pub(crate) hellos: Vec<(Step, TlsHelloDial)>,
    pub(crate) requests: Vec<(Step, HttpExchange)>,
    pub(crate) mtus: Vec<(Step, PathMtuResult)>,
    pub(crate) clock: Option<ClockAnswer>,
}

/// How a handshake ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Accepted in every respect.
    Good,
    /// It completed, but the certificate is not accepted.
    Certificate(Verification),
    /// It got as far as a demand for a client certificate, and ended there.
    ClientCertificate,
    /// No TCP connection: not this check's to judge.
    NoConnection,
    /// Connected, the `ClientHello` sent, and nothing came.
    Stalled,
    Reset,
    Closed,
    Alert(u8),
    /// The peer's first bytes are no TLS record.
    Plaintext,
    /// The peer's bytes made no sense as TLS.
    Malformed(String),
    /// Our own limits: nothing is known.
    Untested,
}

impl Case {
    pub(crate) fn new(host: &str, port: u16, https: bool, addresses: &[String]) -> Self {
        Self {
            host: host.to_owned(),
            port,
            https,
            addresses: addresses.iter().take(MOST_ADDRESSES).cloned().collect(),
            starttls: None,
            finds_starttls: false,
            handshakes: Vec::new(),
            hellos: Vec::new(),
            requests: Vec::new(),
            mtus: Vec::new(),
            clock: None,
        }
    }

    pub(crate) fn endpoint(&self, address: &str) -> Endpoint {
        Endpoint::new(address, self.port)
    }

    pub(crate) fn done(&self, step: &Step) -> bool {
        match step {
            Step::Tls { .. } | Step::Small(_) | Step::Starttls(..) | Step::Known(_) => {
                self.handshakes.iter().any(|(done, _)| done == step)
            }
            Step::Hello(_) => self.hellos.iter().any(|(done, _)| done == step),
            Step::Plain(_) | Step::Large(_) | Step::Http(_) | Step::Issuer => {
                self.requests.iter().any(|(done, _)| done == step)
            }
            Step::Mtu(_) => self.mtus.iter().any(|(done, _)| done == step),
            Step::Clock => self.clock.is_some(),
        }
    }

    /// The first handshake with an address: the target's name, and ALPN where a browser would offer it.
    pub(crate) fn first_step(&self, address: &str) -> Step {
        Step::Tls { address: address.to_owned(), sni: Sni::Own, alpn: self.https, attempt: 0 }
    }

    /// What became of the first handshake with an address.
    pub(crate) fn first(&self, address: &str) -> Option<&TlsDial> {
        let wanted = self.first_step(address);
        self.handshakes.iter().find(|(step, _)| *step == wanted).map(|(_, dial)| dial)
    }

    /// Every later handshake with an address, with the name it sent.
    pub(crate) fn later<'a>(&'a self, address: &'a str) -> impl Iterator<Item = (&'a Sni, &'a TlsDial)> {
        let first = self.first_step(address);
        self.handshakes.iter().filter(move |(step, _)| *step != first).filter_map(move |(step, dial)| match step {
            Step::Tls { address: at, sni, .. } if at == address => Some((sni, dial)),
            _ => None,
        })
    }

    /// What came of a handshake of a special kind.
    pub(crate) fn special(&self, wanted: &Step) -> Option<&TlsDial> {
        self.handshakes.iter().find(|(step, _)| step == wanted).map(|(_, dial)| dial)
    }

    pub(crate) fn hello(&self, address: &str) -> Option<&TlsHelloDial> {
        self.hellos.iter().find(|(step, _)| matches!(step, Step::Hello(at) if at == address)).map(|(_, dial)| dial)
    }

    pub(crate) fn plain(&self, address: &str) -> Option<&HttpExchange> {
        self.request(&Step::Plain(address.to_owned()))
    }

    pub(crate) fn http(&self, address: &str) -> Option<&HttpExchange> {
        self.request(&Step::Http(address.to_owned()))
    }

    pub(crate) fn request(&self, wanted: &Step) -> Option<&HttpExchange> {
        self.requests.iter().find(|(step, _)| step == wanted).map(|(_, exchange)| exchange)
    }

    pub(crate) fn mtu(&self, address: &str) -> Option<&PathMtuResult> {
        self.mtus.iter().find(|(step, _)| matches!(step, Step::Mtu(at) if at == address)).map(|(_, result)| result)
    }

    /// The echo that shows full-sized packets to come back, if one does.
    pub(crate) fn full_sized_packets_pass(&self, address: &str) -> Option<u64> {
        let mtu = self.mtu(address)?;
        let echo = mtu.method == Some(MtuMethod::IcmpEcho) && mtu.conclusion == MtuConclusion::Measured;
        // Replies over IPv4 are sent without DF, and come through a small MTU in fragments; what a router refuses on the way
        // there was not tried on the way back.
        let whole = self.endpoint(address).is_ipv6() && mtu.notices().next().is_none();
        (echo && whole).then_some(mtu.evidence)
    }

    /// Takes a handshake in. One that STARTTLS made possible takes the place of the first, and sets how all others begin.
    pub(crate) fn put(&mut self, step: Step, dial: TlsDial) {
        if let Step::Starttls(address, protocol) = &step
            && dial.starttls.as_ref().is_some_and(|exchange| exchange.agreed)
        {
            self.starttls = Some(*protocol);
            let first = self.first_step(address);
            self.handshakes.retain(|(done, _)| *done != first);
            self.handshakes.push((first, dial.clone()));
        }
        self.handshakes.push((step, dial));
    }

    /// Another server name than the target's that the server may know: the parent domain, or the name with `www.`.
    pub(crate) fn relative(&self) -> Option<String> {
        if self.host.parse::<std::net::IpAddr>().is_ok() {
            return None;
        }
        match self.host.split_once('.') {
            Some((_, parent)) if parent.contains('.') => Some(parent.to_owned()),
            _ => Some(format!("www.{}", self.host)),
        }
    }
}

/// How a handshake ended.
pub(crate) fn end(dial: &TlsDial) -> End {
    let session = dial.session.as_ref();
    let demanded = session.is_some_and(|session| session.client_certificate_requested);
    let Err(failure) = &dial.outcome else {
        return match session.map(|session| session.verification) {
            Some(Verification::Accepted) => End::Good,
            Some(verification) => End::Certificate(verification),
            None => End::Untested,
        };
    };
    if failure.is_our_own() {
        return End::Untested;
    }
    if matches!(failure.phase, Phase::Socket | Phase::Connect) {
        return End::NoConnection;
    }
    // In plain text still: it offers no TLS, or speaks another protocol.
    if dial.starttls.as_ref().is_some_and(|exchange| !exchange.agreed && !exchange.said.is_empty()) {
        return End::Plaintext;
    }
    if session.is_some_and(|session| session.plaintext.as_ref().is_some_and(|bytes| !bytes.is_empty())) {
        return End::Plaintext;
    }
    match &failure.reason {
        Reason::TlsAlert(code) if is_client_certificate_alert(*code) && (demanded || *code == 116) => {
            End::ClientCertificate
        }
        Reason::TlsAlert(40) | Reason::Closed | Reason::Reset if demanded => End::ClientCertificate,
        Reason::TlsAlert(code) => End::Alert(*code),
        Reason::TimedOut => End::Stalled,
        Reason::Reset => End::Reset,
        Reason::Closed => End::Closed,
        Reason::Malformed(text) | Reason::Other(text) => End::Malformed(text.clone()),
        _ => End::Malformed(failure.detail.clone()),
    }
}

/// The dial got no answer.
pub(crate) fn drops(dial: &TlsDial) -> bool {
    end(dial) == End::NoConnection && dial.outcome.as_ref().is_err_and(|failure| failure.reason == Reason::TimedOut)
}

/// More than the SYN was acknowledged, and nothing is on its way.
pub(crate) fn acknowledged(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| info.unacked == 0 && info.lost == 0 && info.bytes_acked >= SOME_BYTES)
}

/// The server spoke TLS: a `ServerHello` or an alert came.
pub(crate) fn spoke_tls(dial: &TlsDial) -> bool {
    dial.session.as_ref().is_some_and(|session| session.version.is_some())
        || matches!(end(dial), End::Good | End::Certificate(_) | End::Alert(_))
}

/// RFC 8446 section 6.2: `bad_certificate`, `unsupported_certificate`, `certificate_unknown`, `access_denied`,
/// `certificate_required`.
pub(crate) fn is_client_certificate_alert(code: u8) -> bool {
    matches!(code, 42 | 43 | 46 | 49 | 116)
}

/// The certificate that an accepted chain needs and that is nearest to the warning about its end, the seconds it has left, and that
/// threshold.
pub(crate) fn remaining(session: &TlsSession) -> Option<(&Certificate, i64, i64)> {
    let left = chain::needed(session).into_iter().map(|link| {
        // A certificate that lives for days is renewed in hours: two weeks would always warn.
        (link, link.remaining(session.verified_at), WARNING_S.min(link.lifetime() / 3))
    });
    left.min_by_key(|(_, left, warning)| left.saturating_sub(*warning))
}

/// Catalogue of causes, thresholds: 14 days.
const WARNING_S: i64 = 14 * 86_400;
/// A `ClientHello`, or a request, is larger than this.
const SOME_BYTES: u64 = 40;
const MOST_ADDRESSES: usize = 3;
