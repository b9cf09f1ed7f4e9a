//! Where a packet goes, in the form in which the kernel wants it.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;

/// A UDP address packed once, so that sending to it takes no conversion.
///
/// It also remembers whether the way to this address refused segmentation offload (a tunnel, a
/// smaller MTU), so that this child's packets go out one by one without slowing the others. Keep
/// the value as long as the child; a fresh one learns again at the cost of one failed call.
#[derive(Clone)]
pub struct Destination {
    name: Name,
    /// Not for other threads' eyes: a destination belongs to the thread that sends to it.
    plain: Cell<bool>,
}

#[derive(Clone, Copy)]
enum Name {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
}

impl Destination {
    /// Packs an address.
    pub fn new(addr: SocketAddr) -> Self {
        let name = match addr {
            SocketAddr::V4(v4) => {
                // SAFETY: it consists of integers, for which zero is a value. (Written so because some
                // systems have a field for its length, which they fill in themselves.)
                let mut name: libc::sockaddr_in = unsafe { std::mem::zeroed() };
                name.sin_family = libc::AF_INET as libc::sa_family_t;
                name.sin_port = v4.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                Name::V4(name)
            }
            SocketAddr::V6(v6) => {
                // SAFETY: as above.
                let mut name: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
                name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.sin6_port = v6.port().to_be();
                name.sin6_flowinfo = v6.flowinfo();
                name.sin6_addr.s6_addr = v6.ip().octets();
                name.sin6_scope_id = v6.scope_id();
                Name::V6(name)
            }
        };
        Self { name, plain: Cell::new(false) }
    }

    /// The address.
    pub fn addr(&self) -> SocketAddr {
        match &self.name {
            Name::V4(v4) => {
                SocketAddr::from((v4.sin_addr.s_addr.to_ne_bytes(), u16::from_be(v4.sin_port)))
            }
            Name::V6(v6) => std::net::SocketAddrV6::new(
                v6.sin6_addr.s6_addr.into(),
                u16::from_be(v6.sin6_port),
                v6.sin6_flowinfo,
                v6.sin6_scope_id,
            )
            .into(),
        }
    }

    /// Whether packets to this address have to go out one by one.
    pub fn is_plain(&self) -> bool {
        self.plain.get()
    }

    /// For backends: the way to this address refused segmentation offload.
    pub fn set_plain(&self) {
        self.plain.set(true);
    }

    /// For backends: the `sockaddr`, and its length in bytes. The pointer is valid as long as this
    /// value is borrowed.
    pub fn name(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        match &self.name {
            Name::V4(v4) => ((&raw const *v4).cast(), size_of_val(v4) as libc::socklen_t),
            Name::V6(v6) => ((&raw const *v6).cast(), size_of_val(v6) as libc::socklen_t),
        }
    }
}

impl From<SocketAddr> for Destination {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr)
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({}{})", self.addr(), if self.is_plain() { ", no GSO" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_packing() {
        for addr in ["1.2.3.4:5678", "[2001:db8::1]:9", "[fe80::1%3]:65535"] {
            let addr: SocketAddr = addr.parse().unwrap();
            assert_eq!(Destination::new(addr).addr(), addr);
        }
    }
}
