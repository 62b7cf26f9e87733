//! Socket options that no safe wrapper has.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

/// Sets an option that is an `int`.
pub(crate) fn set(socket: &impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    write(socket, level, option, &value.to_ne_bytes())
}

/// Sets an option by the bytes of what it takes.
pub(crate) fn write(socket: &impl AsFd, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    let size = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe wrapper has IP_RECVERR and its like")]
    // SAFETY: the descriptor is open while borrowed; the pointer and size are those of `value`, which outlives the call.
    let result = unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, value.as_ptr().cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads an option that is an `int`.
pub(crate) fn get(socket: &impl AsFd, level: i32, option: i32) -> io::Result<i32> {
    read(socket, level, option).map(i32::from_ne_bytes)
}

/// Reads an option that is a number of 64 bits.
pub(crate) fn get_u64(socket: &impl AsFd, level: i32, option: i32) -> io::Result<u64> {
    read(socket, level, option).map(u64::from_ne_bytes)
}

fn read<const SIZE: usize>(socket: &impl AsFd, level: i32, option: i32) -> io::Result<[u8; SIZE]> {
    let mut value = [0_u8; SIZE];
    let mut size = libc::socklen_t::try_from(SIZE).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe wrapper has IP_MTU and SO_NETNS_COOKIE")]
    // SAFETY: the descriptor is open while borrowed; `value` is writable for `size` bytes; both outlive the call.
    let result = unsafe {
        libc::getsockopt(socket.as_fd().as_raw_fd(), level, option, value.as_mut_ptr().cast(), &raw mut size)
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// The path MTU that the kernel holds for a connected socket (`IP_MTU`, ip(7)).
pub(crate) fn path_mtu(socket: &impl AsFd, remote: IpAddr) -> Option<u32> {
    let mtu = match remote {
        IpAddr::V4(_) => get(socket, libc::IPPROTO_IP, libc::IP_MTU),
        IpAddr::V6(_) => get(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    mtu.ok().and_then(|mtu| u32::try_from(mtu).ok())
}

/// Lets nothing be fragmented, and sends what the link takes whatever the kernel holds for the path (`IP_PMTUDISC_PROBE`).
pub(crate) fn never_fragment(socket: &impl AsFd, remote: IpAddr) -> io::Result<()> {
    match remote {
        IpAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        IpAddr::V6(_) => {
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)?;
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 1)
        }
    }
}
