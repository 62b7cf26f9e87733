//! recvmsg(2) with control messages (cmsg(3)): a payload or an entry of the error queue, where it came from, and when.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

/// Control messages are aligned as `cmsghdr` is.
#[repr(C, align(8))]
pub(crate) struct Control([u8; 512]);

impl Control {
    pub(crate) fn new() -> Self {
        Self([0; 512])
    }
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    /// What of it fitted.
    pub(crate) payload: &'a [u8],
    pub(crate) control: &'a [u8],
    /// The sender; of an entry of the error queue, where the packet went that it is about.
    pub(crate) peer: Option<SocketAddr>,
}

/// Takes one message, without waiting. `flags` as of recvmsg(2).
pub(crate) fn receive<'a>(
    socket: &impl AsFd,
    flags: i32,
    payload: &'a mut [u8],
    control: &'a mut Control,
) -> io::Result<Received<'a>> {
    let mut name = SocketAddress([0; size_of::<libc::sockaddr_in6>()]);
    let mut part = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() };
    #[expect(unsafe_code, reason = "msghdr has private padding on some targets")]
    // SAFETY: all-zero bytes are a valid msghdr: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_name = name.0.as_mut_ptr().cast();
    message.msg_namelen = libc::socklen_t::try_from(name.0.len()).map_err(io::Error::other)?;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    #[expect(unsafe_code, reason = "no safe wrapper hands out these control messages")]
    // SAFETY: every pointer in `message` is to a live local or argument of the length beside it, and the descriptor is open.
    let received = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, flags | libc::MSG_DONTWAIT) };
    let length = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    #[allow(clippy::unnecessary_cast, reason = "the width of msg_controllen differs between C libraries")]
    let filled = message.msg_controllen as usize;
    Ok(Received {
        payload: payload.get(..length).unwrap_or_default(),
        control: control.0.get(..filled).unwrap_or_default(),
        peer: endpoint(&name.0),
    })
}

/// Aligned as `sockaddr_in6` is.
#[repr(C, align(8))]
struct SocketAddress([u8; size_of::<libc::sockaddr_in6>()]);

fn endpoint(name: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*name.get(2..)?.first_chunk()?);
    Some(SocketAddr::new(address(name)?, port))
}

/// The address of a struct `sockaddr_in` or `sockaddr_in6`; `AF_UNSPEC` and the unspecified address are none.
pub(crate) fn address(sockaddr: &[u8]) -> Option<IpAddr> {
    let family = i32::from(u16::from_ne_bytes(*sockaddr.first_chunk()?));
    let address = match family {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*sockaddr.get(4..)?.first_chunk::<4>()?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*sockaddr.get(8..)?.first_chunk::<16>()?)).to_canonical(),
        _ => return None,
    };
    (!address.is_unspecified()).then_some(address)
}

/// The control messages, as level, type and data. Ends where a length makes no sense; never panics, whatever the bytes.
pub(crate) fn parts(mut control: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = WORD + 8;
    std::iter::from_fn(move || {
        let (header, _) = control.split_at_checked(HEADER)?;
        let (length, rest) = header.split_first_chunk::<WORD>()?;
        let length = usize::from_ne_bytes(*length);
        let level = i32::from_ne_bytes(*rest.first_chunk()?);
        let kind = i32::from_ne_bytes(*rest.get(4..)?.first_chunk()?);
        let data = control.get(HEADER..length)?;
        let next = length.checked_next_multiple_of(WORD);
        control = next.and_then(|next| control.get(next..)).unwrap_or_default();
        Some((level, kind, data))
    })
}
