//! A name server that does as it is told, over UDP and TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::lab::Netns;

/// What it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// In lower case, without its final dot.
    pub(crate) name: &'a str,
    pub(crate) qtype: u16,
    pub(crate) over_tcp: bool,
}

/// What it does.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Says these, those of the type asked for; none: NODATA.
    Say(Vec<IpAddr>),
    /// An empty reply with this code.
    Fail(u8),
    /// An empty reply with TC.
    Truncate,
    /// Nothing.
    Ignore,
}

/// Ends with its scope.
pub(crate) struct Server {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves port 53 of `address`, one of loopback's, in the namespace.
    pub(crate) fn start(
        netns: &Netns,
        address: &str,
        script: impl Fn(Asked<'_>) -> Deed + Clone + Send + 'static,
    ) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        let open =
            move || Ok::<_, std::io::Error>((UdpSocket::bind((address, 53))?, TcpListener::bind((address, 53))?));
        let (udp, tcp) = netns.vantage().within(open).expect("the vantage works").expect("port 53 is free");
        udp.set_read_timeout(Some(LOOK_UP)).expect("a timeout");
        tcp.set_nonblocking(true).expect("not blocking");
        let stop = Arc::new(AtomicBool::new(false));
        let (until, also_until, also) = (Arc::clone(&stop), Arc::clone(&stop), script.clone());
        let threads = vec![
            std::thread::spawn(move || datagrams(&udp, &until, &script)),
            std::thread::spawn(move || connections(&tcp, &also_until, &also)),
        ];
        Self { stop, threads }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// How often the threads look whether they are to end.
const LOOK_UP: Duration = Duration::from_millis(20);

fn datagrams(socket: &UdpSocket, stop: &AtomicBool, script: &impl Fn(Asked<'_>) -> Deed) {
    let mut buffer = [0; 1024];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(reply) = reply(&buffer[..length], false, script) {
            socket.send_to(&reply, from).expect("a reply goes out");
        }
    }
}

fn connections(listener: &TcpListener, stop: &AtomicBool, script: &impl Fn(Asked<'_>) -> Deed) {
    while !stop.load(Ordering::Relaxed) {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(LOOK_UP);
                continue;
            }
            Err(error) => panic!("accept: {error}"),
        };
        stream.set_nonblocking(false).expect("blocking");
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query).expect("a whole query");
            if let Some(reply) = reply(&query, true, script) {
                let length = u16::try_from(reply.len()).expect("short");
                stream.write_all(&[&length.to_be_bytes()[..], &reply].concat()).expect("a reply goes out");
            }
        }
    }
}

/// RFC 1035 section 4: the query with QR, RA and what the script says.
fn reply(query: &[u8], over_tcp: bool, script: &impl Fn(Asked<'_>) -> Deed) -> Option<Vec<u8>> {
    let (name, end) = name(query);
    let qtype = u16::from_be_bytes([query[end], query[end + 1]]);
    let (flags, code, addresses) = match script(Asked { name: &name, qtype, over_tcp }) {
        Deed::Say(addresses) => (0x81, 0, addresses),
        Deed::Fail(code) => (0x81, code, Vec::new()),
        Deed::Truncate => (0x83, 0, Vec::new()),
        Deed::Ignore => return None,
    };
    let mut message = query[..end + 4].to_vec();
    message[2] = flags;
    message[3] = 0x80 | code;
    message[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    for address in addresses {
        let (rtype, data) = match address {
            IpAddr::V4(address) => (1_u16, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        if rtype == qtype {
            message[7] += 1;
            message.extend([0xc0, 12]);
            message.extend(rtype.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).expect("short")]);
            message.extend(data);
        }
    }
    Some(message)
}

/// The question's name, and where it ends.
fn name(query: &[u8]) -> (String, usize) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] > 0 {
        let next = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..next]).to_lowercase());
        at = next;
    }
    (labels.join("."), at + 1)
}
