//! A packet(7) socket whose packets the kernel writes into memory that is shared with it (`PACKET_RX_RING`, version 2).
//!
//! The stamp is read as the packet passes. A socket without a ring would only have one with stamps switched on for every packet of
//! the machine, and a late one until they are.

use std::io;
use std::os::fd::AsFd as _;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags};
use socket2::{Domain, SockFilter, Socket, Type};

use crate::{options, packet};

/// Of `linux/if_packet.h`.
const PACKET_RX_RING: i32 = 5;
const PACKET_VERSION: i32 = 10;
const TPACKET_V2: i32 = 1;
const TP_STATUS_KERNEL: u32 = 0;
const TP_STATUS_USER: u32 = 1;
/// Of `linux/if_ether.h`.
const ETH_P_ALL: u16 = 3;

/// One page each, which every kernel can give.
const BLOCK_BYTES: usize = 4096;
const BLOCKS: usize = 64;
/// The header, an address, and what is kept of a packet; a multiple of 16.
const FRAME_BYTES: usize = 160;
const FRAMES_OF_BLOCK: usize = BLOCK_BYTES / FRAME_BYTES;
/// More than the packets of 512 handshakes.
const FRAMES: usize = FRAMES_OF_BLOCK * BLOCKS;
/// Of a packet, from its IP header on: the longest of IPv4 and the part of TCP's that has the flags.
const KEPT: u32 = 80;

/// The socket, and the memory.
#[derive(Debug)]
pub(super) struct Ring {
    memory: NonNull<u8>,
    next: usize,
    /// As long as it is open, the kernel writes.
    socket: Socket,
}

#[expect(unsafe_code, reason = "a mapping is not bound to a thread")]
// SAFETY: the memory is mapped until the ring is dropped, and is only reached through it.
unsafe impl Send for Ring {}

impl Ring {
    /// All links of the calling thread's network namespace. Packets from before are not in it.
    pub(super) fn open() -> io::Result<Self> {
        // Of no protocol, and so blind, until it is bound.
        let socket = Socket::new(Domain::PACKET, Type::DGRAM.cloexec(), None)?;
        socket.attach_filter(&FILTER)?;
        options::set(&socket, libc::SOL_PACKET, PACKET_VERSION, TPACKET_V2)?;
        let mut request = [0; 16];
        for (field, number) in request.chunks_exact_mut(4).zip([BLOCK_BYTES, BLOCKS, FRAME_BYTES, FRAMES]) {
            field.copy_from_slice(&u32::try_from(number).map_err(io::Error::other)?.to_ne_bytes());
        }
        options::write(&socket, libc::SOL_PACKET, PACKET_RX_RING, &request)?;
        #[expect(unsafe_code, reason = "the ring is memory that the kernel writes")]
        // SAFETY: a new mapping, at an address that the kernel chooses, of the size that it was just told.
        let memory = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            rustix::mm::mmap(ptr::null_mut(), BLOCKS * BLOCK_BYTES, access, MapFlags::SHARED, socket.as_fd(), 0)?
        };
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::other("a mapping at address 0"))?;
        let ring = Self { memory, next: 0, socket };
        ring.socket.bind(&packet::address(ETH_P_ALL, 0, [0; 6])?)?;
        Ok(ring)
    }

    /// Hands over what came since, with the wall clock of each.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Duration, &[u8])) {
        for _ in 0..FRAMES {
            let mut frame = [0; FRAME_BYTES];
            if !self.copy_next(&mut frame) {
                return;
            }
            if let Some((at, packet)) = parse(&frame) {
                take(at, packet);
            }
        }
    }

    /// Whether the kernel has written the next frame, which it gets back.
    fn copy_next(&mut self, frame: &mut [u8; FRAME_BYTES]) -> bool {
        let offset = self.next / FRAMES_OF_BLOCK * BLOCK_BYTES + self.next % FRAMES_OF_BLOCK * FRAME_BYTES;
        #[expect(unsafe_code, reason = "the ring is memory that the kernel writes")]
        // SAFETY: `next` is below `FRAMES`, so the whole frame lies in the mapping; its first word is aligned to 16 bytes and only ever
        // touched atomically, here and by the kernel. While it says that the frame is the user's, the kernel leaves the frame alone.
        unsafe {
            let start = self.memory.as_ptr().add(offset);
            let status = AtomicU32::from_ptr(start.cast());
            if status.load(Ordering::Acquire) & TP_STATUS_USER == 0 {
                return false;
            }
            ptr::copy_nonoverlapping(start, frame.as_mut_ptr(), FRAME_BYTES);
            status.store(TP_STATUS_KERNEL, Ordering::Release);
        }
        self.next = (self.next + 1) % FRAMES;
        true
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the ring is memory that the kernel writes")]
        // SAFETY: mapped by `open` with this size, and nothing points into it any more.
        let unmapped = unsafe { rustix::mm::munmap(self.memory.as_ptr().cast(), BLOCKS * BLOCK_BYTES) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// struct `tpacket2_hdr`: the stamp, and the packet from its IP header on.
fn parse(frame: &[u8; FRAME_BYTES]) -> Option<(Duration, &[u8])> {
    let word = |at: usize| Some(u32::from_ne_bytes(*frame.get(at..)?.first_chunk()?));
    let (kept, seconds, nanos) = (usize::try_from(word(8)?).ok()?, word(16)?, word(20)?);
    let network = usize::from(u16::from_ne_bytes(*frame.get(14..)?.first_chunk()?));
    let at = Duration::from_secs(seconds.into()) + Duration::from_nanos(nanos.into());
    Some((at, frame.get(network..)?.get(..kept)?))
}

/// Of SYNs those that go out, of SYN-ACKs and resets those that come in; over IPv4 and IPv6.
const FILTER: [SockFilter; 25] = {
    use libc::{
        BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IMM, BPF_IND, BPF_JA, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD,
        BPF_LDX, BPF_MEM, BPF_MSH, BPF_RET, BPF_RSH, BPF_ST, BPF_W,
    };
    #[expect(clippy::cast_possible_truncation, reason = "codes have 16 bits")]
    const fn code(parts: u32) -> u16 {
        parts as u16
    }
    const fn load(mode: u32, at: u32) -> SockFilter {
        SockFilter::new(code(BPF_LD | mode), 0, 0, at)
    }
    const fn jump(kind: u32, to: u32, yes: u8, no: u8) -> SockFilter {
        SockFilter::new(code(BPF_JMP | kind | BPF_K), yes, no, to)
    }
    const fn end(kept: u32) -> SockFilter {
        SockFilter::new(code(BPF_RET | BPF_K), 0, 0, kept)
    }
    /// `SKF_AD_OFF` + `SKF_AD_PKTTYPE` of `linux/filter.h`, and `PACKET_OUTGOING` of `linux/if_packet.h`.
    const PACKET_TYPE: u32 = 0xffff_f004;
    const OUTGOING: u32 = 4;
    const TCP: u32 = 6;
    /// SYN, RST, ACK.
    const FLAGS: u32 = 0x16;
    const SYN: u32 = 0x02;
    const SYN_OR_RST: u32 = 0x06;
    // Jumps count from the instruction after them.
    [
        load(BPF_W | BPF_ABS, PACKET_TYPE),
        SockFilter::new(code(BPF_ST), 0, 0, 0),
        load(BPF_B | BPF_ABS, 0),
        SockFilter::new(code(BPF_ALU | BPF_RSH | BPF_K), 0, 0, 4),
        jump(BPF_JEQ, 4, 1, 0),
        jump(BPF_JEQ, 6, 6, 18),
        // 6, IPv4: TCP, and no later fragment.
        load(BPF_B | BPF_ABS, 9),
        jump(BPF_JEQ, TCP, 0, 16),
        load(BPF_H | BPF_ABS, 6),
        jump(BPF_JSET, 0x1fff, 14, 0),
        SockFilter::new(code(BPF_LDX | BPF_B | BPF_MSH), 0, 0, 0),
        SockFilter::new(code(BPF_JMP | BPF_JA), 0, 0, 3),
        // 12, IPv6: TCP without extensions before it.
        load(BPF_B | BPF_ABS, 6),
        jump(BPF_JEQ, TCP, 0, 10),
        SockFilter::new(code(BPF_LDX | BPF_IMM), 0, 0, 40),
        // 15, the flags.
        load(BPF_B | BPF_IND, 13),
        SockFilter::new(code(BPF_ALU | BPF_AND | BPF_K), 0, 0, FLAGS),
        jump(BPF_JEQ, SYN, 3, 0),
        jump(BPF_JSET, SYN_OR_RST, 0, 5),
        // 19, what would have to come in.
        load(BPF_MEM, 0),
        jump(BPF_JEQ, OUTGOING, 3, 2),
        // 21, what would have to go out.
        load(BPF_MEM, 0),
        jump(BPF_JEQ, OUTGOING, 0, 1),
        // 23 and 24.
        end(KEPT),
        end(0),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_makes_no_sense_is_none() {
        let mut frame = [0xff; FRAME_BYTES];
        assert_eq!(parse(&frame), None);
        // The packet would end behind the frame.
        frame[8..12].copy_from_slice(&81_u32.to_ne_bytes());
        frame[14..16].copy_from_slice(&80_u16.to_ne_bytes());
        assert_eq!(parse(&frame), None);
        frame[8..12].copy_from_slice(&80_u32.to_ne_bytes());
        assert_eq!(parse(&frame).map(|(_, packet)| packet.len()), Some(80));
    }
}
