//! The handshake over an open connection, and the session as the ledger shows it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};
use sonde_core::observation::connection::{OcspStaple, TlsSession};
use sonde_core::observation::dial::KeyShare;
use sonde_core::observation::{Failure, Phase, Reason, Timing};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::anchors::Anchors;
use super::capture::{Capture, Seen};
use super::certificate::Link;
use super::staple::Issuers;
use super::verify::Judgement;
use super::{certificate, fault, plaintext, provider, roots, staple, verify};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::dial::connect::Dialled;
use crate::dial::info;
use crate::dial::tape::{Lent, Tape, Taped};
use crate::failure::Fault;
use crate::vantage::Vantage;

/// In TLS 1.3 a server refuses a missing client certificate only after the handshake. Beyond this, and two round trips, it is
/// taken to accept.
const LATE_ALERT: Duration = Duration::from_millis(50);

/// Reading the trust store, and judging the chain, may outlast the dial's deadline by this each.
const GRACE: Duration = Duration::from_secs(1);

/// A chain of no more is judged where it is, in well under a millisecond: all usual ones.
const SHORT_CHAIN: usize = 4;
const SHORT_CHAIN_BYTES: usize = 16 << 10;

/// Longer ones that are judged at one time.
static LONG_CHAINS: Semaphore = Semaphore::const_new(2);

pub(crate) type Stream = TlsStream<Taped<Lent>>;

/// What to ask for, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    name: ServerName<'static>,
    send_sni: bool,
    alpn: Vec<Vec<u8>>,
    key_share: KeyShare,
    /// What verification may use besides the presented chain.
    known_issuers: Vec<CertificateDer<'static>>,
}

impl Settings {
    pub(crate) fn new(server_name: &str, send_sni: bool, alpn: &[String]) -> Result<Self, Fault> {
        let name = server_name.strip_suffix('.').unwrap_or(server_name).to_owned();
        let name = ServerName::try_from(name).map_err(|_| {
            Fault::invalid(format!("server name {server_name:?}: a DNS name (ASCII) or an address is needed"))
        })?;
        if let Some(protocol) = alpn.iter().find(|protocol| !(1..=255).contains(&protocol.len())) {
            return Err(Fault::invalid(format!("ALPN protocol {protocol:?}: 1 to 255 bytes are needed")));
        }
        // The whole list has a length of 16 bits (RFC 7301 section 3.1).
        if alpn.len() > 64 {
            return Err(Fault::invalid(format!("{} ALPN protocols: at most 64 are allowed", alpn.len())));
        }
        let alpn = alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        Ok(Self { name, send_sni, alpn, key_share: KeyShare::default(), known_issuers: Vec::new() })
    }

    /// With another hello than today's usual one.
    pub(super) fn with_key_share(self, key_share: KeyShare) -> Self {
        Self { key_share, ..self }
    }

    /// Knowing these certificates besides those that the server will present.
    pub(super) fn knowing(self, issuers: &[Vec<u8>]) -> Self {
        Self { known_issuers: issuers.iter().cloned().map(CertificateDer::from).collect(), ..self }
    }

    /// The name that is verified.
    pub(crate) fn name(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// The name that the hello carries; an address is none (RFC 6066 section 3).
    pub(super) fn sni(&self) -> Option<String> {
        match &self.name {
            ServerName::DnsName(name) if self.send_sni => Some(name.as_ref().to_owned()),
            _ => None,
        }
    }

    fn config(&self, capture: &Arc<Capture>) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(provider::of(self.key_share))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(capture) as _)
            .with_client_cert_resolver(Arc::clone(capture) as _);
        config.enable_sni = self.send_sni;
        config.alpn_protocols.clone_from(&self.alpn);
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// What came of a handshake.
pub(crate) struct Shaken {
    pub(crate) handshake: Timing,
    pub(crate) session: TlsSession,
    pub(crate) outcome: Result<Box<Stream>, Failure>,
}

/// Shakes hands on the established connection of `dialled`, and judges what was presented.
pub(crate) async fn shake(
    vantage: &Vantage,
    attempt: &Attempt,
    dialled: &Dialled,
    stream: &Arc<TcpStream>,
    settings: &Settings,
) -> Shaken {
    let capture = Arc::new(Capture::new(provider::of(settings.key_share)));
    let tape = Tape::new(attempt.clock());
    let at = attempt.clock().now();
    let shaking = async {
        let outcome = handshake(attempt, stream, settings, &capture, &tape).await;
        (attempt.clock().since(at), outcome)
    };
    // The store is read meanwhile, on another thread.
    let ((handshake, outcome), roots) = tokio::join!(shaking, roots(vantage, attempt));
    let plaintext = fault::other_bytes(&tape.record().first_bytes);
    let outcome = outcome.map_err(|fault| {
        let fault = match &plaintext {
            Some(bytes) => fault::not_tls(bytes),
            None => fault,
        };
        dialled.failure(attempt, fault)
    });
    let negotiated = outcome.as_ref().map(|stream| Negotiated::of(stream.get_ref().1)).unwrap_or_default();
    let session = Shown::of(&capture, settings, roots, negotiated, plaintext).session(attempt).await;
    Shaken { handshake, session, outcome }
}

/// The trust store; a vantage that does not answer in time has none.
async fn roots(vantage: &Vantage, attempt: &Attempt) -> Result<Arc<Anchors>, String> {
    match timeout(attempt.remaining() + GRACE, roots::load(vantage)).await {
        Ok(roots) => roots,
        Err(_) => Err("the trust store could not be read in time".to_owned()),
    }
}

async fn handshake(
    attempt: &Attempt,
    stream: &Arc<TcpStream>,
    settings: &Settings,
    capture: &Arc<Capture>,
    tape: &Tape,
) -> Result<Box<Stream>, Fault> {
    let config = settings.config(capture).map_err(|error| unconfigured(&error))?;
    let taped = Taped::new(Lent::new(stream), tape);
    let connecting = TlsConnector::from(Arc::new(config)).connect(settings.name.clone(), taped);
    let doing = "shake hands";
    let shaken = Box::pin(attempt.bounded(Phase::Tls, doing, connecting)).await?;
    Ok(Box::new(shaken.map_err(|error| fault::of(Phase::Tls, doing, &error))?))
}

/// After a TLS 1.3 handshake in which the server wanted a client certificate: waits a moment for its refusal.
pub(in crate::dial) async fn late_refusal(
    attempt: &Attempt,
    dialled: &Dialled,
    stream: &mut Stream,
    session: &TlsSession,
) -> Result<(), Failure> {
    let is_13 = stream.get_ref().1.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    if !session.client_certificate_requested || !is_13 {
        return Ok(());
    }
    let rtt = dialled.stream().and_then(|stream| info::read(stream).ok()).map(|info| info.rtt).unwrap_or_default();
    let patience = (LATE_ALERT + 2 * rtt).min(attempt.remaining());
    let doing = "wait for a refusal of the missing client certificate";
    let fault = match timeout(patience, stream.read(&mut [0; 1])).await {
        // Silence, or data: accepted.
        Err(_) | Ok(Ok(1..)) => return Ok(()),
        Ok(Ok(0)) => fault::of(Phase::Tls, doing, &io::ErrorKind::UnexpectedEof.into()),
        Ok(Err(error)) => fault::of(Phase::Tls, doing, &error),
    };
    Err(dialled.failure(attempt, fault))
}

/// What a handshake agreed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Negotiated {
    version: Option<&'static str>,
    cipher: Option<String>,
    group: Option<&'static str>,
    alpn: Option<Vec<u8>>,
}

impl Negotiated {
    /// Of QUIC nothing else is known.
    pub(crate) fn protocol(alpn: Option<Vec<u8>>) -> Self {
        Self { alpn, ..Self::default() }
    }

    fn of(tls: &ClientConnection) -> Self {
        let version = tls.protocol_version().and_then(|version| match version {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        });
        let cipher = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).map(iana);
        let group = tls.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
        Self { version, cipher, group, alpn: tls.alpn_protocol().map(<[u8]>::to_vec) }
    }
}

/// The handshake of a protocol that carries TLS itself (QUIC): its configuration, and what is seen while it is used.
#[derive(Debug)]
pub(crate) struct Recording {
    settings: Settings,
    capture: Arc<Capture>,
}

impl Recording {
    /// Begins with a configuration that accepts every certificate.
    pub(crate) fn begin(settings: Settings) -> Result<(Self, ClientConfig), Fault> {
        let capture = Arc::new(Capture::new(provider::of(settings.key_share)));
        let config = settings.config(&capture).map_err(|error| unconfigured(&error))?;
        Ok((Self { settings, capture }, config))
    }

    /// The session with the judgement of what was presented so far; the trust store is read for it.
    pub(crate) async fn session(&self, vantage: &Vantage, attempt: &Attempt, negotiated: &Negotiated) -> TlsSession {
        let roots = roots(vantage, attempt).await;
        Shown::of(&self.capture, &self.settings, roots, negotiated.clone(), None).session(attempt).await
    }
}

fn unconfigured(error: &rustls::Error) -> Fault {
    Fault::new(Phase::Tls, Reason::Other(error.to_string()), format!("configure TLS: {error}"))
}

/// What a session is made of.
#[derive(Debug)]
struct Shown {
    seen: Seen,
    name: ServerName<'static>,
    known_issuers: Vec<CertificateDer<'static>>,
    roots: Result<Arc<Anchors>, String>,
    negotiated: Negotiated,
    plaintext: Option<Vec<u8>>,
}

impl Shown {
    fn of(
        capture: &Capture,
        settings: &Settings,
        roots: Result<Arc<Anchors>, String>,
        negotiated: Negotiated,
        plaintext: Option<Vec<u8>>,
    ) -> Self {
        let (name, known_issuers) = (settings.name.clone(), settings.known_issuers.clone());
        Self { seen: capture.seen(), name, known_issuers, roots, negotiated, plaintext }
    }

    /// With the judgement. A long chain is judged on a thread that may be kept busy, and not for ever.
    async fn session(self, attempt: &Attempt) -> TlsSession {
        let ders = || self.seen.chain.iter().chain(&self.known_issuers);
        let (count, bytes) = (ders().count(), ders().map(|der| der.len()).sum::<usize>());
        if count <= SHORT_CHAIN && bytes <= SHORT_CHAIN_BYTES {
            return self.judged();
        }
        let why = format!("{count} certificates of {bytes} bytes could not be judged in time");
        let unjudged = self.unjudged(why);
        let judging = async move {
            let permit = LONG_CHAINS.acquire().await.ok()?;
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                self.judged()
            });
            AbortOnDropHandle::new(work).await.ok()
        };
        timeout(attempt.remaining() + GRACE, judging).await.ok().flatten().unwrap_or(unjudged)
    }

    fn judged(&self) -> TlsSession {
        let now = RunClock::wall_now();
        let (presented, mut chain) = (self.seen.chain.len(), self.seen.chain.clone());
        if presented > 0 {
            chain.extend(self.known_issuers.iter().cloned());
        }
        let mut links: Vec<_> = chain.iter().map(certificate::link).collect();
        let stapled = chain.split_first().filter(|_| !self.seen.staple.is_empty());
        let staple = stapled.map(|(leaf, sent)| {
            let issuers = Issuers { sent, roots: self.roots.as_deref().ok().map(Anchors::store) };
            staple::judge(&self.seen.staple, leaf, issuers, now)
        });
        let judgement = if chain.is_empty() {
            Judgement::none("no certificate was presented".to_owned())
        } else {
            verify::judge(&verify::Case {
                chain: &chain,
                links: &links,
                presented,
                signature: self.seen.bad_signature.as_ref(),
                name: &self.name,
                roots: &self.roots,
                staple: staple.as_ref(),
                now,
            })
        };
        links.truncate(presented);
        self.shown(links, staple, judgement, now)
    }

    fn unjudged(&self, why: String) -> TlsSession {
        self.shown(Vec::new(), None, Judgement::none(why), RunClock::wall_now())
    }

    fn shown(&self, links: Vec<Link>, staple: Option<OcspStaple>, judgement: Judgement, now: Duration) -> TlsSession {
        let Self { seen, negotiated, plaintext, .. } = self;
        let authorities = seen.authorities.iter().filter_map(|name| certificate::distinguished(name));
        TlsSession {
            version: negotiated.version.or(seen.version).map(str::to_owned),
            cipher: negotiated.cipher.clone(),
            group: negotiated.group.map(str::to_owned),
            alpn: negotiated.alpn.as_deref().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            chain: links.into_iter().map(|link| link.certificate).collect(),
            verification: judgement.verification,
            verification_detail: judgement.detail,
            verification_depth: judgement.depth,
            problems: judgement.problems,
            issuer_in_store: judgement.issuer_in_store,
            trusted_roots: self
                .roots
                .as_ref()
                .map_or(0, |roots| u32::try_from(roots.store().len()).unwrap_or(u32::MAX)),
            staple,
            client_certificate_requested: seen.client_certificate_requested,
            client_certificate_authorities: authorities.collect(),
            plaintext_protocol: plaintext.as_deref().and_then(plaintext::protocol).map(str::to_owned),
            plaintext: plaintext.clone(),
            verified_at: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

/// rustls writes `TLS13_AES_...` where IANA registered `TLS_AES_...`.
fn iana(name: &str) -> String {
    name.strip_prefix("TLS13_").map_or_else(|| name.to_owned(), |rest| format!("TLS_{rest}"))
}
