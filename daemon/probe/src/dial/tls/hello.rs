//! `dial.tls-hello`: one `ClientHello` of an older TLS and what a server chooses from it. No handshake follows.

mod suites;
mod wire;

use std::sync::Arc;

use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial::{ServerHello, StarttlsExchange, TlsHelloDial, TlsHelloRequest};
use sonde_core::observation::{Failure, Phase, Reason, Timing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use self::wire::{Answer as HelloAnswer, read as read_hello_answer};
use super::handshake::Settings;
use super::{fault, starttls};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::dial::connect::connect;
use crate::dial::open::Options;
use crate::dial::tape::Lent;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Opens a TCP connection, says hello, reads the first answer and closes.
pub async fn tls_hello(vantage: &Vantage, clock: &RunClock, request: &TlsHelloRequest) -> TlsHelloDial {
    let name = match Settings::new(&request.server_name, request.send_sni, &[]) {
        Ok(settings) => settings.sni(),
        Err(fault) => {
            let attempt = Attempt::begin(clock, request.timeout);
            let failure = attempt.failure(fault, None);
            return Seen::default().dial(&attempt, Connection::default(), None, Err(failure));
        }
    };
    let _announced = vantage.probing().await;
    let attempt = Attempt::begin(clock, request.timeout);
    let (dialled, connected) = connect(vantage, &attempt, request.remote, Options::default()).await;
    let mut seen = Seen::default();
    let mut exchange = None;
    let outcome = match (connected, dialled.stream()) {
        (Ok(()), Some(stream)) => {
            let outcome = match request.starttls {
                None => Ok(()),
                Some(protocol) => starttls::ask(&attempt, stream, protocol, &mut exchange).await,
            };
            let outcome = match outcome {
                Ok(()) => say(&attempt, stream, request, name.as_deref(), &mut seen).await,
                refused => refused,
            };
            outcome.map_err(|fault| dialled.failure(&attempt, fault))
        }
        (connected, _) => connected,
    };
    let connection = dialled.connection();
    // It breaks off in the middle of a handshake, for which a server has only the end of the connection.
    dialled.close(true);
    seen.dial(&attempt, connection, exchange, outcome)
}

#[derive(Debug, Default)]
struct Seen {
    handshake: Option<Timing>,
    chosen: Option<ServerHello>,
    plaintext: Option<Vec<u8>>,
}

impl Seen {
    fn dial(
        self,
        attempt: &Attempt,
        connection: Connection,
        starttls: Option<StarttlsExchange>,
        outcome: Result<(), Failure>,
    ) -> TlsHelloDial {
        let Self { handshake, chosen, plaintext } = self;
        TlsHelloDial { timing: attempt.timing(), connection, starttls, handshake, chosen, plaintext, outcome }
    }
}

async fn say(
    attempt: &Attempt,
    stream: &Arc<TcpStream>,
    request: &TlsHelloRequest,
    name: Option<&str>,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Fault::invalid(format!("no random bytes: {error}")))?;
    let hello = wire::hello(request.version, name, &request.suites, random);
    let at = attempt.clock().now();
    let answered = attempt.bounded(Phase::Tls, DOING, converse(&mut Lent::new(stream), &hello)).await;
    seen.handshake = Some(attempt.clock().since(at));
    let (received, answer) = answered??;
    match answer {
        HelloAnswer::Hello(version, cipher) => {
            seen.chosen = Some(ServerHello {
                version: wire::version_name(version),
                cipher: suites::name(cipher).map_or_else(|| format!("0x{cipher:04x}"), str::to_owned),
                cipher_number: cipher,
            });
            Ok(())
        }
        HelloAnswer::Alert(number) => Err(fault::alert(DOING, number)),
        HelloAnswer::NotTls => {
            let first = received.get(..FIRST_BYTES).unwrap_or(&received);
            seen.plaintext = Some(first.to_vec());
            Err(fault::not_tls(first))
        }
        HelloAnswer::Malformed(what) => {
            Err(Fault::new(Phase::Tls, Reason::Malformed(what.to_owned()), format!("{DOING}: the peer sent {what}")))
        }
        // Invariant: `converse` ends with an answer, or an error.
        HelloAnswer::More => Err(Fault::new(Phase::Tls, Reason::Closed, format!("{DOING}: no answer"))),
    }
}

async fn converse(stream: &mut Lent, hello: &[u8]) -> Result<(Vec<u8>, HelloAnswer), Fault> {
    let failed = |error: std::io::Error| fault::of(Phase::Tls, DOING, &error);
    stream.write_all(hello).await.map_err(failed)?;
    let mut received = Vec::with_capacity(256);
    loop {
        let mut buffer = [0; 512];
        match stream.read(&mut buffer).await.map_err(failed)? {
            0 => return Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
            length => received.extend_from_slice(buffer.get(..length).unwrap_or_default()),
        }
        match wire::read(&received) {
            HelloAnswer::More if received.len() < MOST_BYTES => {}
            HelloAnswer::More => {
                return Ok((received, HelloAnswer::Malformed("a ServerHello that does not end")));
            }
            answer => return Ok((received, answer)),
        }
    }
}

const DOING: &str = "say hello";
/// As much of a peer's other words is kept.
const FIRST_BYTES: usize = 64;
/// A `ServerHello` in one-byte records takes less.
const MOST_BYTES: usize = 4096;
