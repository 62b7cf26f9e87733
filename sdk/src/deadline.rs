//! A caller's timeouts against the time that the phases of a request take: which would fire first, and how much is left.
//!
//! Pure arithmetic on measured phases; it asks nothing of the host.

use std::time::Duration;

use crate::arguments::FromArgument;
use crate::dial::{Dialler, HttpExchange};

/// How long each phase of one request took; a phase that did not take place takes no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The name lookup.
    pub resolve: Duration,
    /// The TCP handshake.
    pub connect: Duration,
    /// The TLS handshake, and a proxy's answer before it.
    pub tls: Duration,
    /// From the begin of writing the request to the first byte of the answer.
    pub header: Duration,
    /// The rest of the answer.
    pub body: Duration,
}

/// What a client allows; none where it allows any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Lookup and TCP handshake (Go's `Dialer.Timeout`).
    pub dial: Option<Duration>,
    /// Lookup, TCP and TLS handshake (curl's `--connect-timeout`).
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the request written to the head of the answer.
    pub header: Option<Duration>,
    /// All of it.
    pub total: Option<Duration>,
    /// How it tries the addresses of a name; none where nobody said so.
    pub dialler: Option<Dialler>,
}

/// One timeout of a client on this path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// `dial`, `connect`, `tls`, `header` or `total`.
    pub name: &'static str,
    /// What the client allows.
    pub limit: Duration,
    /// What the phases that it covers took.
    pub spent: Duration,
    /// Since the request began: when it would fire.
    pub fires_at: Duration,
}

impl Spent {
    /// Of an exchange; the lookup is the caller's to add.
    pub fn of(exchange: &HttpExchange) -> Self {
        let phases = &exchange.phases;
        let took =
            |timing: Option<&crate::types::Timing>| Duration::from_micros(timing.map_or(0, |timing| timing.elapsed_us));
        Self {
            resolve: Duration::ZERO,
            connect: took(phases.connect.as_ref()),
            tls: took(phases.tunnel.as_ref()) + took(phases.tls.as_ref()),
            header: took(phases.send.as_ref()) + took(phases.wait.as_ref()),
            body: took(phases.receive.as_ref()),
        }
    }

    /// All phases together.
    pub fn total(&self) -> Duration {
        self.resolve + self.connect + self.tls + self.header + self.body
    }

    /// The longest of them.
    pub fn longest(&self) -> Duration {
        [self.resolve, self.connect, self.tls, self.header, self.body].into_iter().max().unwrap_or_default()
    }
}

impl Timeouts {
    /// What a client allows when nobody told it otherwise: `go` (net/http's `DefaultTransport`: 30 s for dialling, 10 s for TLS),
    /// `curl` (300 s to connect), `python-requests` and `java` (`java.net.http`), which allow any time; and how it dials, for which
    /// `happy-eyeballs` and `in-order` stand as well.
    pub fn preset(client: &str) -> Option<Self> {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let own = Self { dialler: Dialler::of(client), ..Self::default() };
        match client {
            "go" => Some(Self { dial: seconds(30), tls: seconds(10), ..own }),
            "curl" => Some(Self { connect: seconds(300), ..own }),
            "java" => Some(own),
            // Those that are known for nothing but their dialler.
            _ => own.dialler.map(|_| own),
        }
    }

    /// Reads `connect=1s,total=2500ms`, or a preset's name, or both: `go,total=2s`. What is given by name goes before a preset.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut timeouts = Self::default();
        for client in words().filter(|word| !word.contains('=')) {
            timeouts = Self::preset(client).ok_or_else(|| {
                format!(
                    "{client:?} is no client; give go, curl, java, python-requests, happy-eyeballs, in-order or NAME=TIME"
                )
            })?;
        }
        for (name, value) in words().filter_map(|word| word.split_once('=')) {
            let limit = Duration::from_argument(value.trim())
                .map_err(|right| format!("{value:?} is no time: it must be {right}"))?;
            let field = match name.trim() {
                "dial" => &mut timeouts.dial,
                "connect" => &mut timeouts.connect,
                "tls" => &mut timeouts.tls,
                "header" => &mut timeouts.header,
                "total" => &mut timeouts.total,
                other => return Err(format!("{other:?} is no timeout; give dial, connect, tls, header or total")),
            };
            *field = Some(limit);
        }
        Ok(timeouts)
    }

    /// Every timeout on this path, the one that would fire first at the head.
    pub fn margins(&self, spent: &Spent) -> Vec<Margin> {
        let dial = spent.resolve + spent.connect;
        let head = dial + spent.tls;
        let all = [
            ("dial", self.dial, dial, Duration::ZERO),
            ("connect", self.connect, head, Duration::ZERO),
            ("tls", self.tls, spent.tls, dial),
            ("header", self.header, spent.header, head),
            ("total", self.total, spent.total(), Duration::ZERO),
        ];
        let mut margins: Vec<Margin> = all
            .into_iter()
            .filter_map(|(name, limit, spent, begins)| {
                limit.map(|limit| Margin { name, limit, spent, fires_at: begins + limit })
            })
            .collect();
        // Those that do fire come first, in the order of their time; then the one that is nearest to it.
        margins.sort_by_key(|margin| match margin.left() {
            None => (0, margin.fires_at),
            Some(left) => (1, left),
        });
        margins
    }
}

impl Margin {
    /// What is left of it; none where it fires.
    pub fn left(&self) -> Option<Duration> {
        self.limit.checked_sub(self.spent).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn spent() -> Spent {
        Spent { resolve: MS(50), connect: MS(100), tls: MS(200), header: MS(300), body: MS(400) }
    }

    #[test]
    fn the_timeout_that_is_reached_first_fires() {
        let timeouts =
            Timeouts { dial: Some(MS(1000)), header: Some(MS(250)), total: Some(MS(900)), ..Timeouts::default() };
        let margins = timeouts.margins(&spent());
        assert_eq!((margins[0].name, margins[0].fires_at, margins[0].left()), ("header", MS(600), None));
        assert_eq!((margins[1].name, margins[1].fires_at, margins[1].left()), ("total", MS(900), None));
        assert_eq!((margins[2].name, margins[2].left()), ("dial", Some(MS(850))));
    }

    #[test]
    fn where_none_fires_the_nearest_is_first() {
        let margins =
            Timeouts { connect: Some(MS(400)), total: Some(MS(2000)), ..Timeouts::default() }.margins(&spent());
        assert_eq!((margins[0].name, margins[0].left()), ("connect", Some(MS(50))));
        assert_eq!(Timeouts::default().margins(&spent()), []);
    }

    #[test]
    fn timeouts_are_read_with_presets_and_nonsense_is_named() {
        let read = Timeouts::parse("go, total=2s,header=250ms").expect("it is fine");
        assert_eq!((read.dial, read.tls), (Some(MS(30_000)), Some(MS(10_000))));
        assert_eq!((read.total, read.header), (Some(MS(2000)), Some(MS(250))));
        assert_eq!((read.dialler, Timeouts::parse("total=2s,header=250ms,go")), (Some(Dialler::Go), Ok(read)));
        for (wrong, named) in [("ruby", "ruby"), ("total=fast", "fast"), ("read=1s", "read")] {
            assert!(Timeouts::parse(wrong).expect_err("it is wrong").contains(named), "{wrong}");
        }
    }
}
