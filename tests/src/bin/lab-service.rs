//! Servers that misbehave on demand, for the faults that no well-kept server can be made to show.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

#[derive(Parser)]
enum Service {
    /// Answers every request with 200 after a delay.
    Http {
        /// Address and port.
        listen: SocketAddr,
        /// Milliseconds from request to answer.
        #[arg(long, default_value_t = 0)]
        delay_ms: u64,
    },
    /// Reads a request, says these bytes, and ends the connection.
    Say {
        /// Address and port.
        listen: SocketAddr,
        /// With `\\r`, `\\n`, `\\0` and `\\xNN` for bytes that are not written.
        words: String,
        /// End it with RST instead of FIN.
        #[arg(long)]
        reset: bool,
    },
    /// Answers gRPC health checks over HTTP/2 in plain text.
    Health {
        /// Address and port.
        listen: SocketAddr,
        /// `ServingStatus`: 1 serves, 2 does not.
        #[arg(long, default_value_t = 1)]
        serving: u8,
    },
    /// Accepts and reads, and never answers.
    Silent {
        /// Address and port.
        listen: SocketAddr,
    },
    /// Passes connections on, except those that begin with a TLS record of too many bytes, which it swallows.
    Narrow {
        /// Address and port.
        listen: SocketAddr,
        /// Whom they are passed on to.
        remote: SocketAddr,
        /// Bytes of the first record.
        #[arg(long, default_value_t = 1400)]
        most: u16,
    },
    /// Listens and never accepts.
    Deaf {
        /// Address and port.
        listen: SocketAddr,
        /// Length of the accept queue.
        #[arg(long, default_value_t = 2)]
        backlog: i32,
    },
    /// Opens connections and keeps them, then goes on knocking.
    Crowd {
        /// Whom.
        remote: SocketAddr,
        /// How many.
        #[arg(long, default_value_t = 8)]
        count: usize,
    },
    /// Opens and closes short connections until it is ended.
    Busy {
        /// Whom.
        remote: SocketAddr,
        /// How many at a time.
        #[arg(long, default_value_t = 1)]
        clients: usize,
    },
}

fn main() -> Result<()> {
    match Service::parse() {
        Service::Http { listen, delay_ms } => {
            serve(listen, move |stream| answer(stream, Duration::from_millis(delay_ms)))
        }
        Service::Say { listen, words, reset } => {
            let words = unescaped(&words)?;
            serve(listen, move |mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                let read = stream.read(&mut [0; 4096])?;
                stream.write_all(&words)?;
                // What a reset overtakes is lost.
                std::thread::sleep(Duration::from_millis(if reset && read > 0 { 50 } else { 0 }));
                if reset {
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                }
                Ok(())
            })
        }
        Service::Health { listen, serving } => {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(health(listen, serving))
        }
        Service::Silent { listen } => serve(listen, |mut stream| {
            let mut sink = [0; 4096];
            while stream.read(&mut sink)? > 0 {}
            Ok(())
        }),
        Service::Narrow { listen, remote, most } => serve(listen, move |stream| narrow(stream, remote, most)),
        Service::Deaf { listen, backlog } => {
            let socket = socket2::Socket::new(socket2::Domain::for_address(listen), socket2::Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&listen.into())?;
            socket.listen(backlog)?;
            park()
        }
        Service::Crowd { remote, count } => {
            let mut kept = Vec::new();
            for _ in 0..count {
                kept.extend(TcpStream::connect_timeout(&remote, Duration::from_millis(200)));
            }
            loop {
                // The queue is full: this is the knocking that the listener's counters should show.
                TcpStream::connect_timeout(&remote, Duration::from_millis(1200)).ok();
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Service::Busy { remote, clients } => std::thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| keep_busy(remote));
            }
            Ok(())
        }),
    }
}

/// Longer than a SYN takes that has to be sent twice.
const KNOCKING: Duration = Duration::from_secs(3);

fn keep_busy(remote: SocketAddr) {
    loop {
        if let Ok(mut stream) = TcpStream::connect_timeout(&remote, KNOCKING) {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok();
            let mut sink = Vec::new();
            stream.read_to_end(&mut sink).ok();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn serve(listen: SocketAddr, each: impl Fn(TcpStream) -> Result<()> + Clone + Send + 'static) -> Result<()> {
    let listener = TcpListener::bind(listen).with_context(|| format!("listen on {listen}"))?;
    for stream in listener.incoming() {
        let (each, stream) = (each.clone(), stream?);
        // A client that goes away is no error of the service.
        std::thread::spawn(move || each(stream).ok());
    }
    Ok(())
}

fn answer(mut stream: TcpStream, delay: Duration) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.windows(4).any(|w| w == b"\r\n\r\n") && request.len() < 65_536 {
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..n]);
    }
    std::thread::sleep(delay);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
    Ok(())
}

/// The bytes behind backslashes.
fn unescaped(words: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = words.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => bytes.push(match rest.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('0') => 0,
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).with_context(|| format!("{digits:?} is no byte"))?
                }
                other => anyhow::bail!("{other:?} follows a backslash; write \\r, \\n, \\0 or \\xNN"),
            }),
            letter => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(bytes)
}

async fn health(listen: SocketAddr, serving: u8) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        connections.spawn(async move {
            let mut connection = h2::server::handshake(stream).await?;
            while let Some(asked) = connection.accept().await {
                let (_, mut respond) = asked?;
                let head = http::Response::builder().header("content-type", "application/grpc").body(())?;
                let mut body = respond.send_response(head, false)?;
                body.send_data(bytes::Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, serving]), false)?;
                body.send_trailers(http::HeaderMap::from_iter([(
                    http::HeaderName::from_static("grpc-status"),
                    http::HeaderValue::from_static("0"),
                )]))?;
            }
            anyhow::Ok(())
        });
    }
}

/// As a middlebox does that looks for the whole hello in one packet.
fn narrow(mut client: TcpStream, remote: SocketAddr, most: u16) -> Result<()> {
    let mut header = [0; 5];
    client.read_exact(&mut header)?;
    if header[0] == 22 && u16::from_be_bytes([header[3], header[4]]) > most {
        let mut sink = [0; 4096];
        while client.read(&mut sink)? > 0 {}
        return Ok(());
    }
    let mut server = TcpStream::connect_timeout(&remote, Duration::from_secs(2))?;
    server.write_all(&header)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let forth = std::thread::spawn(move || {
        std::io::copy(&mut from_client, &mut to_server).ok();
        to_server.shutdown(std::net::Shutdown::Write).ok();
    });
    std::io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Write)?;
    forth.join().ok();
    Ok(())
}

fn park() -> Result<()> {
    loop {
        std::thread::sleep(Duration::from_hours(1));
    }
}
