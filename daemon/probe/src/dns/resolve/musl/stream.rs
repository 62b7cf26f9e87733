//! One query over TCP, since 1.2.4: `start_tcp` and the stream part of `__res_msend_rc` in `src/network/res_msend.c`.
//!
//! Neither the answer's id nor its question is looked at. TCP fast open, which musl asks for, is left out: it saves a round
//! trip where the server gave a cookie before.

use std::io;

use sonde_core::observation::{Phase, Reason};
use tokio::net::TcpStream;

use crate::attempt::Attempt;
use crate::failure::Fault;

/// Whatever goes wrong here ends the whole exchange at once.
pub(super) async fn ask(attempt: &Attempt, stream: TcpStream, question: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    let server = stream.peer_addr().map_or_else(|_| "the server".to_owned(), |server| server.to_string());
    let doing = |phase: Phase| match phase {
        Phase::Connect => format!("connect to {server}"),
        Phase::Send => format!("send the query to {server}"),
        _ => format!("wait for the answer of {server}"),
    };
    let failed = |phase, error: io::Error| Fault::os(phase, &doing(phase), &error);
    let bounded = |phase| (phase, doing(phase));
    let (phase, what) = bounded(Phase::Connect);
    attempt.bounded(phase, &what, stream.writable()).await?.map_err(|error| failed(phase, error))?;
    if let Some(error) = stream.take_error().map_err(|error| failed(phase, error))? {
        return Err(failed(phase, error));
    }
    let (phase, what) = bounded(Phase::Send);
    let length = u16::try_from(question.len()).map_err(|_| Fault::invalid("a query longer than 65535 bytes"))?;
    let framed = [&length.to_be_bytes(), question].concat();
    let mut rest = framed.as_slice();
    while !rest.is_empty() {
        attempt.bounded(phase, &what, stream.writable()).await?.map_err(|error| failed(phase, error))?;
        match stream.try_write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed(phase, error)),
        }
    }
    let (phase, what) = bounded(Phase::Wait);
    let mut buffer = vec![0; most + 2];
    let mut filled = 0;
    loop {
        attempt.bounded(phase, &what, stream.readable()).await?.map_err(|error| failed(phase, error))?;
        match stream.try_read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => {
                return Err(Fault::new(phase, Reason::Closed, format!("{what}: the server closed the connection")));
            }
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(failed(phase, error)),
        }
        match complete(buffer.get(..filled).unwrap_or_default(), most) {
            Ok(None) => {}
            Ok(Some(answer)) => return Ok(answer.to_vec()),
            Err(why) => return Err(Fault::new(Phase::Receive, Reason::Malformed(why.to_owned()), why)),
        }
    }
}

/// The answer without its length, once all of it, or as much as musl keeps, is there.
fn complete(received: &[u8], most: usize) -> Result<Option<&[u8]>, &'static str> {
    let Some((length, message)) = received.split_first_chunk::<2>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < 13 {
        return Err("an answer of less than 13 bytes");
    }
    if message.len() < length.min(most) {
        return Ok(None);
    }
    match message.get(3).map(|byte| byte & 15) {
        Some(0 | 3) => Ok(message.get(..length.min(most))),
        _ => Err("an answer that is neither NOERROR nor NXDOMAIN"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: u16, rcode: u8, bytes: usize) -> Vec<u8> {
        let mut message = length.to_be_bytes().to_vec();
        message.resize(2 + bytes, 0);
        if bytes > 3 {
            message[5] = rcode;
        }
        message
    }

    #[test]
    fn an_answer_is_complete_with_its_last_byte_or_when_the_buffer_is_full() {
        assert_eq!(complete(&framed(20, 0, 19), 4800), Ok(None));
        assert_eq!(complete(&framed(20, 0, 20), 4800).expect("well").expect("complete").len(), 20);
        assert_eq!(complete(&framed(9000, 3, 4800), 4800).expect("well").expect("complete").len(), 4800);
        assert_eq!(complete(&[0], 4800), Ok(None));
    }

    #[test]
    fn short_answers_and_other_codes_end_the_exchange() {
        assert!(complete(&framed(12, 0, 12), 4800).is_err());
        assert!(complete(&framed(20, 2, 20), 4800).is_err());
    }
}
