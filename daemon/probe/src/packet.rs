//! Addresses of packet(7) sockets, which see what passes a link.

use std::io;

use socket2::SockAddr;

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// The address of a link, or of all of them where `index` is 0; `protocol` as in `linux/if_ether.h`.
pub(crate) fn address(protocol: u16, index: u32, to: Mac) -> io::Result<SockAddr> {
    let mut hardware = [0; 8];
    hardware[..to.len()].copy_from_slice(&to);
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).unwrap_or_default(),
        sll_protocol: protocol.to_be(),
        sll_ifindex: i32::try_from(index).map_err(io::Error::other)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: hardware,
    };
    #[expect(unsafe_code, reason = "socket2 has no packet addresses")]
    // SAFETY: a sockaddr_ll fits a sockaddr_storage and has no padding; the length written is its own.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            storage.cast::<libc::sockaddr_ll>().write(address);
            *length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
            Ok(())
        })?
    };
    Ok(address)
}
