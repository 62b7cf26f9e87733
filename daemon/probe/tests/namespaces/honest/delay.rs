//! A delay line: packets between the server's namespace and a far one go up a TUN, wait, and come out of the other.
//!
//! 10.9.20.1 is 10 ms away in each direction, 10.9.200.1 is 100 ms.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use sonde_probe::clock::RunClock;

use crate::lab::Netns;

/// `TUNSETIFF` of `linux/if_tun.h`.
const TUNSETIFF: libc::c_ulong = 0x4004_54ca;

/// Runs until it is dropped.
pub(super) struct Delayed {
    done: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Delayed {
    /// `client` reaches `far` by way of `server` (10.9.0.2).
    pub(super) fn between(client: &Netns, server: &Netns, far: &Netns) -> Self {
        let tuns = [server, far].map(|namespace| {
            let tun = namespace.vantage().within(tun).expect("inside").expect("a TUN");
            namespace.ip("link set delay up txqueuelen 5000");
            tun
        });
        for third in [20, 200] {
            client.ip(&format!("route add 10.9.{third}.0/24 via 10.9.0.2"));
            server.ip(&format!("route add 10.9.{third}.0/24 dev delay"));
            far.ip(&format!("addr add 10.9.{third}.1/32 dev lo"));
        }
        far.ip("route add default dev delay");
        server.exec("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.delay.rp_filter=0");
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        Self { done, running: Some(thread::spawn(move || run(tuns, &stop))) }
    }
}

impl Drop for Delayed {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            drop(running.join());
        }
    }
}

/// A TUN without packet information, as `delay`, in the namespace of the calling thread.
fn tun() -> io::Result<File> {
    let tun = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    // struct ifreq: the name, then the flags IFF_TUN | IFF_NO_PI.
    let mut request = [0_u8; 40];
    request[..5].copy_from_slice(b"delay");
    request[16..18].copy_from_slice(&0x1001_u16.to_ne_bytes());
    #[expect(unsafe_code, reason = "no safe wrapper has TUNSETIFF")]
    // SAFETY: the descriptor is open and the pointer is to 40 live bytes, the size of struct ifreq.
    let result = unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETIFF, request.as_mut_ptr()) };
    if result == 0 { Ok(tun) } else { Err(io::Error::last_os_error()) }
}

/// A packet, when it is due, and the TUN it leaves by.
struct Waiting {
    due: Duration,
    to: usize,
    packet: Vec<u8>,
}

fn run(mut tuns: [File; 2], done: &AtomicBool) {
    let clock = RunClock::start();
    // One line for each delay: what came first leaves first.
    let mut lines = [VecDeque::<Waiting>::new(), VecDeque::new()];
    let mut buffer = [0; 2048];
    while !done.load(Ordering::Relaxed) {
        let next = lines.iter().filter_map(|line| line.front()).map(|waiting| waiting.due).min();
        let patience = next.map_or(Duration::from_millis(50), |due| due.saturating_sub(clock.now()));
        let patience =
            Timespec { tv_sec: 0, tv_nsec: i64::from(patience.min(Duration::from_millis(50)).subsec_nanos()) };
        let mut polled = tuns.each_ref().map(|tun| PollFd::from_borrowed_fd(tun.as_fd(), PollFlags::IN));
        let _ = rustix::event::poll(&mut polled, Some(&patience));
        for (from, tun) in tuns.iter_mut().enumerate() {
            while let Ok(length @ 20..) = tun.read(&mut buffer) {
                let packet = buffer[..length].to_vec();
                // The far end's address, which is where it goes or where it came from.
                let third = if from == 0 { packet[18] } else { packet[14] };
                let (line, delay) = if third == 20 { (0, 10) } else { (1, 100) };
                let due = clock.now() + Duration::from_millis(delay);
                lines[line].push_back(Waiting { due, to: 1 - from, packet });
            }
        }
        for line in &mut lines {
            while let Some(waiting) = line.pop_front_if(|waiting| waiting.due <= clock.now()) {
                drop(tuns[waiting.to].write_all(&waiting.packet));
            }
        }
    }
}
