//! Message headers, control messages and addresses, as sendmmsg(2) and recvmmsg(2) want them.

use std::net::{SocketAddr, SocketAddrV6};
use std::ptr;

use super::address::canonical;
use super::options::{UDP_GRO, UDP_SEGMENT};

/// Room for the control messages of one datagram: two of four bytes, with their headers.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(in crate::io) struct Control(pub(in crate::io) [u8; Control::SIZE]);

impl Control {
    pub(in crate::io) const SIZE: usize = 64;

    pub(in crate::io) const EMPTY: Self = Self([0; Self::SIZE]);

    /// A control message that asks for segmentation, and its length.
    pub(in crate::io) fn segment(size: u16) -> (Self, usize) {
        let mut control = Self::EMPTY;
        let mut header = empty_header().msg_hdr;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = Self::SIZE as _;
        // SAFETY: CMSG_SPACE and CMSG_LEN only compute. CMSG_FIRSTHDR gives the start of the
        // buffer that `header` names, which is long enough for one message of two bytes (checked
        // below) and aligned for `cmsghdr` by its type. CMSG_DATA lies in the same buffer behind
        // that header, and is written unaligned.
        unsafe {
            let length = libc::CMSG_SPACE(size_of::<u16>() as u32) as usize;
            const { assert!(align_of::<Control>() >= align_of::<libc::cmsghdr>()) };
            debug_assert!(length <= Self::SIZE);
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_UDP;
            (*first).cmsg_type = UDP_SEGMENT;
            (*first).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
            ptr::write_unaligned(libc::CMSG_DATA(first).cast::<u16>(), size);
            (control, length)
        }
    }
}

/// What the kernel says of a received message beside its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::io) struct Notes {
    /// `UDP_GRO`: the size of the segments of an aggregate.
    pub(in crate::io) segment: Option<usize>,
    /// `SO_RXQ_OVFL`: datagrams that the socket had dropped when this one was queued.
    pub(in crate::io) drops: Option<u32>,
}

/// Reads the control messages of a received message.
///
/// # Safety
///
/// `header` is as recvmmsg(2) left it: `msg_control` points to `msg_controllen` bytes that the
/// kernel has written, aligned for `cmsghdr`.
pub(in crate::io) unsafe fn notes(header: &libc::msghdr) -> Notes {
    let mut notes = Notes::default();
    // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR stay inside the buffer that `header` names and give
    // NULL at its end; the caller vouches for that buffer. Data is read unaligned, and only when
    // the message is long enough for it, which the kernel's own `cmsg_len` says.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(head) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            let long_enough = head.cmsg_len >= libc::CMSG_LEN(size_of::<u32>() as u32) as _;
            match (head.cmsg_level, head.cmsg_type) {
                (libc::SOL_UDP, UDP_GRO) if long_enough => {
                    let size = ptr::read_unaligned(data.cast::<libc::c_int>());
                    notes.segment = usize::try_from(size).ok().filter(|&size| size > 0);
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if long_enough => {
                    notes.drops = Some(ptr::read_unaligned(data.cast::<u32>()));
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    notes
}

/// The address that the kernel wrote, in canonical form; `None` for a family that is not IP.
pub(in crate::io) fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: `sockaddr_storage` is large enough and aligned for every kind of address,
            // all of whose bits are valid integers; the family says which one it is.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            Some((v4.sin_addr.s_addr.to_ne_bytes(), u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = v6.sin6_addr.s6_addr.into();
            let port = u16::from_be(v6.sin6_port);
            Some(canonical(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into()))
        }
        _ => None,
    }
}

/// A message header in which every pointer is NULL and every length 0.
pub(in crate::io) fn empty_header() -> libc::mmsghdr {
    // SAFETY: all fields are integers and raw pointers, for which zero is a value. (Written so
    // because some C libraries have padding fields in it that cannot be named.)
    unsafe { std::mem::zeroed() }
}
