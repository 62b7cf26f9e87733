//! The packets of handshakes on a device, with the kernel's timestamps (`AF_PACKET`, packet(7)).

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddrStorage, Socket, Type};
use sonde_probe::vantage::Vantage;

/// `SIOCGSTAMPNS` of asm-generic/sockios.h: when the last packet that was received came.
const SIOCGSTAMPNS: libc::c_ulong = 0x8907;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// When a SYN went out and its SYN-ACK came in, since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub(super) out: Duration,
    pub(super) back: Duration,
}

/// By local port.
type Seen = HashMap<u16, (Option<Duration>, Option<Duration>)>;

/// Listens until its handshakes are asked for.
pub(super) struct Tap {
    done: Arc<AtomicBool>,
    listening: JoinHandle<Seen>,
}

impl Tap {
    pub(super) fn on(vantage: &Vantage, device: &'static str) -> Self {
        let socket = vantage.within(move || open(device)).expect("inside").expect("a packet socket");
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        Self { done, listening: thread::spawn(move || listen(&socket, &stop)) }
    }

    /// By local port, from the SYN's way out to the SYN-ACK's way in. A SYN that was sent again is left out.
    pub(super) fn handshakes(self) -> HashMap<u16, Wire> {
        // What is on its way to the socket has come by then.
        thread::sleep(Duration::from_millis(300));
        self.done.store(true, Ordering::Relaxed);
        let seen = self.listening.join().expect("the tap lives");
        let both = |(out, back): (Option<Duration>, Option<Duration>)| Some(Wire { out: out?, back: back? });
        let all = seen.into_iter().filter_map(|(port, times)| Some((port, both(times)?)));
        all.filter(|(_, wire)| wire.out <= wire.back).collect()
    }
}

/// A socket of all IPv4 packets of the device, without their Ethernet headers.
fn open(device: &str) -> io::Result<Socket> {
    let all = i32::from(u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be());
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(all)))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 32 << 20)?;
    let index = rustix::net::netdevice::name_to_index(&socket, device)?;
    let mut storage = SockAddrStorage::zeroed();
    #[expect(unsafe_code, reason = "socket2 has no address of a device")]
    // SAFETY: `sockaddr_ll` is one of the addresses that the storage is made for.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
    address.sll_ifindex = i32::try_from(index).unwrap_or_default();
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
    #[expect(unsafe_code, reason = "socket2 has no address of a device")]
    // SAFETY: the storage holds a `sockaddr_ll` of that length.
    let address = unsafe { socket2::SockAddr::new(storage, length) };
    socket.bind(&address)?;
    // The first question switches the timestamps on, and has no answer.
    drop(stamp(&socket));
    Ok(socket)
}

/// The wall clock at the last packet that was received, since the Unix epoch.
fn stamp(socket: &Socket) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "no safe wrapper has SIOCGSTAMPNS")]
    // SAFETY: the descriptor is open and the pointer is to a live timespec, which is what the kernel writes.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSTAMPNS, &raw mut time) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec)))
}

fn listen(socket: &Socket, done: &AtomicBool) -> Seen {
    let mut seen = Seen::new();
    let mut buffer = [MaybeUninit::<u8>::uninit(); 128];
    while !done.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let at = stamp(socket).expect("a timestamp");
        let packet: Vec<u8> = buffer[..length]
            .iter()
            .map(|byte| {
                #[expect(unsafe_code, reason = "the kernel has written so many")]
                // SAFETY: recv(2) has initialised the first `length` bytes.
                unsafe {
                    byte.assume_init()
                }
            })
            .collect();
        let Some((flags, source, destination)) = tcp(&packet) else { continue };
        match flags & (SYN | ACK) {
            SYN => {
                let known = seen.entry(source).or_default();
                // A second SYN spoils the handshake: which of them was answered?
                known.0 = if known.0.is_none() { Some(at) } else { Some(Duration::MAX) };
            }
            flags if flags == SYN | ACK => {
                seen.entry(destination).or_default().1.get_or_insert(at);
            }
            _ => {}
        }
    }
    seen
}

/// Flags and ports of a TCP segment over IPv4.
fn tcp(packet: &[u8]) -> Option<(u8, u16, u16)> {
    let (&first, &protocol) = (packet.first()?, packet.get(9)?);
    if first >> 4 != 4 || protocol != 6 {
        return None;
    }
    let segment = packet.get(usize::from(first & 0xf) * 4..)?;
    let port = |at: usize| Some(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?));
    Some((*segment.get(13)?, port(0)?, port(2)?))
}
