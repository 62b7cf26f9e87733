//! HTTP requests and what came of them, in pleasant forms.

use std::time::Duration;

use super::{DEFAULT_TIMEOUT, HttpProtocol, HttpRequest, HttpResponse};
use crate::date;
use crate::types::{Endpoint, Property};
use crate::wait::microseconds;

impl HttpRequest {
    /// `GET path` in plain text. `host` is the Host header, `path` begins with `/`.
    pub fn get(remote: Endpoint, host: &str, path: &str) -> Self {
        Self {
            remote,
            local_address: None,
            device: None,
            tls_server_name: None,
            protocol: HttpProtocol::Auto,
            proxied: None,
            method: "GET".to_owned(),
            path: path.to_owned(),
            host: host.to_owned(),
            headers: vec![],
            body: vec![],
            again_after_us: vec![],
            segment_bytes: None,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            body_limit_bytes: 64 * 1024,
            deltas: false,
        }
    }

    /// Binds to this local address first.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.local_address = Some(address.to_owned());
        self
    }

    /// Neither side sends larger segments than this: 88 to 32767 bytes.
    #[must_use]
    pub fn in_segments_of(mut self, bytes: u16) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// Uses this device only.
    #[must_use]
    pub fn through(mut self, device: &str) -> Self {
        self.device = Some(device.to_owned());
        self
    }

    /// Speaks TLS first, with this server name.
    #[must_use]
    pub fn over_tls(mut self, server_name: &str) -> Self {
        self.tls_server_name = Some(server_name.to_owned());
        self
    }

    /// This HTTP instead of what TLS agrees on.
    #[must_use]
    pub fn speaking(mut self, protocol: HttpProtocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The remote end is a proxy, and this is the origin behind it, `host:port`.
    #[must_use]
    pub fn proxied_to(mut self, origin: &str) -> Self {
        self.proxied = Some(origin.to_owned());
        self
    }

    /// Sent with the request.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Once more on the same connection, after this pause. The timeout covers the pauses too.
    #[must_use]
    pub fn again_after(mut self, pause: Duration) -> Self {
        self.again_after_us.push(microseconds(pause));
        self
    }

    /// Another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Property { name: name.to_owned(), value: value.to_owned() });
        self
    }

    /// Where to stop reading the body.
    #[must_use]
    pub fn reading_at_most(mut self, bytes: u32) -> Self {
        self.body_limit_bytes = bytes;
        self
    }

    /// Takes counter deltas around the exchange, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }
}

impl HttpResponse {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }

    /// How long to wait before asking again, as Retry-After says (RFC 9110 section 10.2.3): in seconds, or as a date, which is
    /// taken from the server's own Date.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(Duration::from_secs(seconds.into()));
        }
        let wait = date::http(text)?.checked_sub(date::http(self.header("date")?)?)?;
        Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
    }

    /// The first trailer of this name, in any case.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let after = |headers: &[(&str, &str)]| {
            let mut response = testkit::http_exchange(1, 429).response.expect("the test kit fills it");
            let field =
                |(name, value): &(&str, &str)| Property { name: (*name).to_owned(), value: (*value).to_owned() };
            response.headers = headers.iter().map(field).collect();
            response.retry_after()
        };
        let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(after(&[("Retry-After", "120")]), Some(Duration::from_mins(2)));
        assert_eq!(after(&[("Retry-After", later), ("Date", now)]), Some(Duration::from_secs(30)));
        assert_eq!(after(&[("Retry-After", now), ("Date", later)]), Some(Duration::ZERO));
        for nonsense in [&[("Retry-After", "soon")][..], &[("Retry-After", later)], &[("Retry-After", "-1")], &[]] {
            assert_eq!(after(nonsense), None, "{nonsense:?}");
        }
    }
}
