//! CONNECT (RFC 9110 section 9.3.6): asks a proxy for a tunnel to the origin, before TLS is spoken through it.
//!
//! Written by hand over the bare socket, because what follows on it is no HTTP. Absent: credentials for the proxy.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Response, Version};
use sonde_core::observation::dial::HttpResponse;
use sonde_core::observation::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Call, answer};
use crate::failure::Fault;

/// Bounds the head of the proxy's answer.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

/// Asks, and succeeds where the proxy agrees. Its answer is kept either way.
pub(super) async fn ask<S>(
    call: &Call<'_>,
    stream: &mut S,
    origin: &str,
    tunnel: &mut Option<HttpResponse>,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let doing = format!("CONNECT {origin}");
    let agent = concat!("sonde/", env!("CARGO_PKG_VERSION"));
    let request = format!("CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\nUser-Agent: {agent}\r\n\r\n");
    let failed = |phase, error: &std::io::Error| Fault::os(phase, &doing, error);
    let sent = call.attempt.bounded(Phase::Send, &doing, stream.write_all(request.as_bytes())).await?;
    sent.map_err(|error| failed(Phase::Send, &error))?;
    let mut bytes = Vec::new();
    let head = loop {
        let mut part = [0; 1024];
        let read = call.attempt.bounded(Phase::Wait, &doing, stream.read(&mut part)).await?;
        let read = read.map_err(|error| failed(Phase::Wait, &error))?;
        if read == 0 {
            let detail = format!("{doing}: the proxy closed the connection without an answer");
            return Err(Fault::new(Phase::Wait, Reason::Closed, detail));
        }
        bytes.extend_from_slice(part.get(..read).unwrap_or_default());
        match parse(&bytes) {
            Ok(Some(head)) => break head,
            Ok(None) if bytes.len() < HEAD_BYTES => {}
            Ok(None) => return Err(malformed(&doing, format!("the head is longer than {HEAD_BYTES} bytes"))),
            Err(what) => return Err(malformed(&doing, what)),
        }
    };
    let (status, behind) = (head.status(), head.body().len());
    *tunnel = Some(answer::head(&head.map(|_| ()), &Method::HEAD));
    if status.is_success() {
        // The origin waits for our first word.
        return match behind {
            0 => Ok(()),
            _ => Err(malformed(&doing, format!("{behind} bytes behind the answer that agrees"))),
        };
    }
    let what = format!("the proxy answers {}", status.as_u16());
    Err(Fault::new(Phase::Wait, Reason::Other(what.clone()), format!("{doing}: {what}")))
}

fn malformed(doing: &str, what: String) -> Fault {
    let detail = format!("{doing}: {what}");
    Fault::new(Phase::Wait, Reason::Malformed(what), detail)
}

/// The head of a proxy's answer to CONNECT with its fields, and the length of what came behind it; none where it is not whole.
pub fn read_tunnel_answer(bytes: &[u8]) -> Result<Option<(HttpResponse, usize)>, String> {
    let answer = parse(bytes)?;
    Ok(answer.map(|answer| (answer::head(&answer, &Method::HEAD), answer.body().len())))
}

/// The head with the bytes behind it, once it is whole.
fn parse(bytes: &[u8]) -> Result<Option<Response<Bytes>>, String> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => {
            let shown = bytes.get(..64).unwrap_or(bytes).escape_ascii();
            return Err(format!("not HTTP ({error}) but \"{shown}\""));
        }
    };
    let mut answer = Response::new(Bytes::copy_from_slice(bytes.get(length..).unwrap_or_default()));
    *answer.version_mut() = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let status = head.code.and_then(|code| http::StatusCode::from_u16(code).ok());
    *answer.status_mut() = status.ok_or("a status that is no number from 100 to 999")?;
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(field.value).map_err(|error| error.to_string())?;
        answer.headers_mut().append(name, value);
    }
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_is_taken_when_it_is_whole() {
        let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\nno";
        assert!(parse(&answer[..answer.len() - 5]).expect("is HTTP").is_none());
        let head = parse(answer).expect("is HTTP").expect("is whole");
        assert_eq!((head.status().as_u16(), head.body().as_ref()), (407, &b"no"[..]));
        assert_eq!(head.headers()["proxy-authenticate"], "Basic");
    }

    #[test]
    fn the_version_is_that_of_the_proxy() {
        for (line, version) in [("HTTP/1.0 200 OK", "HTTP/1.0"), ("HTTP/1.1 200 OK", "HTTP/1.1")] {
            let (head, _) =
                read_tunnel_answer(format!("{line}\r\n\r\n").as_bytes()).expect("is HTTP").expect("is whole");
            assert_eq!(head.version, version);
        }
    }

    #[test]
    fn what_is_no_http_is_shown() {
        let problem = parse(b"SSH-2.0-OpenSSH\r\n").expect_err("is no HTTP");
        assert!(problem.contains("SSH-2.0"), "{problem}");
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes: Vec<u8>) {
            let mut answer = b"HTTP/1.1 ".to_vec();
            answer.extend(&bytes);
            drop(parse(&answer));
            drop(parse(&bytes));
        }
    }
}
