//! `dial.tls`: a connection, a handshake, and a judgement of the certificates beside it.

mod anchors;
mod capture;
mod certificate;
mod fault;
mod handshake;
mod hello;
mod key_exchange;
mod plaintext;
mod provider;
mod roots;
mod staple;
mod starttls;
mod verify;

use sonde_core::observation::Phase;
use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial::{TlsDial, TlsRequest};
use tokio::io::AsyncWriteExt;

pub(crate) use self::fault::of as fault_of;
pub(crate) use self::handshake::{Negotiated, Recording, Settings, Shaken, Stream, shake};
pub use self::hello::{HelloAnswer, read_hello_answer, tls_hello};
pub use self::provider::of as crypto_provider;
pub use self::staple::judge_bytes as judge_staple;
pub use self::starttls::{Step as StarttlsStep, step as starttls_step};
use super::connect::connect;
use super::open::Options;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::vantage::Vantage;

/// A `close_notify` is a few bytes into the socket's buffer.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(100);

/// Opens a TCP connection and shakes hands; verification is separate and never ends the handshake.
pub async fn tls(vantage: &Vantage, clock: &RunClock, request: &TlsRequest) -> TlsDial {
    let settings = match Settings::new(&request.server_name, request.send_sni, &request.alpn) {
        Ok(settings) => settings.with_key_share(request.key_share).knowing(&request.known_issuers),
        Err(fault) => {
            let attempt = Attempt::begin(clock, request.timeout);
            return TlsDial {
                timing: attempt.timing(),
                connection: Connection::default(),
                starttls: None,
                handshake: None,
                session: None,
                outcome: Err(attempt.failure(fault, None)),
                deltas: None,
            };
        }
    };
    let watch = Watch::open(vantage, clock, request.deltas).await;
    let attempt = Attempt::begin(clock, request.timeout);
    let options = Options::leaving(request.local_address, request.device.as_ref());
    let (dialled, connected) = connect(vantage, &attempt, request.remote, options).await;
    let (mut exchange, mut handshake, mut session, mut stream) = (None, None, None, None);
    let outcome = match (connected, dialled.stream()) {
        (Ok(()), Some(connection)) => {
            let agreed = match request.starttls {
                None => Ok(()),
                Some(protocol) => starttls::ask(&attempt, connection, protocol, &mut exchange).await,
            };
            match agreed {
                Ok(()) => {
                    let shaken = Box::pin(shake(vantage, &attempt, &dialled, connection, &settings)).await;
                    handshake = Some(shaken.handshake);
                    if shaken.outcome.is_ok() {
                        dialled.phase_ended(&attempt, Phase::Tls);
                    }
                    let seen = session.insert(shaken.session);
                    match shaken.outcome {
                        Ok(shaken) => {
                            let shaken = stream.insert(shaken);
                            handshake::late_refusal(&attempt, &dialled, shaken, seen).await
                        }
                        Err(failure) => Err(failure),
                    }
                }
                Err(fault) => Err(dialled.failure(&attempt, fault)),
            }
        }
        (connected, _) => connected,
    };
    let timing = attempt.timing();
    let connection = dialled.connection();
    let (deltas, held) = watch.close(vantage, clock).await;
    if let Some(mut stream) = stream
        && outcome.is_ok()
    {
        farewell(&mut stream).await;
    }
    dialled.close(outcome.is_ok());
    drop(held);
    TlsDial { timing, connection, starttls: exchange, handshake, session, outcome, deltas }
}

/// Says `close_notify`; not waiting for the peer's.
pub(crate) async fn farewell(stream: &mut Stream) {
    // A peer that is gone needs no farewell.
    drop(tokio::time::timeout(FAREWELL, stream.shutdown()).await);
}
