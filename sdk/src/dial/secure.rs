//! Requests of `tls` and `tls-hello`.

use super::{DEFAULT_TIMEOUT, KeyShare, Starttls, TlsHelloRequest, TlsRequest, TlsVersion};
use crate::types::Endpoint;
use crate::wait::microseconds;

impl TlsRequest {
    /// With SNI, no ALPN, without deltas. The name is verified; it may be an address.
    pub fn to(remote: Endpoint, server_name: &str) -> Self {
        Self {
            remote,
            local_address: None,
            device: None,
            server_name: server_name.to_owned(),
            send_sni: true,
            alpn: vec![],
            key_share: KeyShare::PostQuantum,
            starttls: None,
            known_issuers: vec![],
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            deltas: false,
        }
    }

    /// Binds to this local address first.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.local_address = Some(address.to_owned());
        self
    }

    /// Uses this device only.
    #[must_use]
    pub fn through(mut self, device: &str) -> Self {
        self.device = Some(device.to_owned());
        self
    }

    /// Sends no SNI, but verifies against the name.
    #[must_use]
    pub fn without_sni(mut self) -> Self {
        self.send_sni = false;
        self
    }

    /// Sends a hello of one packet: without X25519MLKEM768.
    #[must_use]
    pub fn with_small_hello(mut self) -> Self {
        self.key_share = KeyShare::Classical;
        self
    }

    /// Asks for TLS in this protocol's words first.
    #[must_use]
    pub fn starting_from(mut self, protocol: Option<Starttls>) -> Self {
        self.starttls = protocol;
        self
    }

    /// Lets verification use this certificate (DER), as if the server had sent it.
    #[must_use]
    pub fn knowing(mut self, issuer: Vec<u8>) -> Self {
        self.known_issuers.push(issuer);
        self
    }

    /// Offers these protocols, most wanted first.
    #[must_use]
    pub fn offering<'a>(mut self, protocols: impl IntoIterator<Item = &'a str>) -> Self {
        self.alpn.extend(protocols.into_iter().map(str::to_owned));
        self
    }

    /// Takes counter deltas around the dial, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }
}

impl TlsHelloRequest {
    /// Offers everything up to TLS 1.2, with SNI.
    pub fn to(remote: Endpoint, server_name: &str) -> Self {
        Self {
            remote,
            server_name: server_name.to_owned(),
            send_sni: true,
            version: TlsVersion::Tls12,
            suites: vec![],
            starttls: None,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
        }
    }

    /// Sends no SNI.
    #[must_use]
    pub fn without_sni(mut self) -> Self {
        self.send_sni = false;
        self
    }

    /// Offers no newer version.
    #[must_use]
    pub fn at_most(mut self, version: TlsVersion) -> Self {
        self.version = version;
        self
    }

    /// Offers these cipher suites only.
    #[must_use]
    pub fn with_suites(mut self, suites: impl IntoIterator<Item = u16>) -> Self {
        self.suites.extend(suites);
        self
    }

    /// Asks for TLS in this protocol's words first.
    #[must_use]
    pub fn starting_from(mut self, protocol: Option<Starttls>) -> Self {
        self.starttls = protocol;
        self
    }
}
