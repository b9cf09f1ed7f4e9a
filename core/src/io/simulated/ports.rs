//! Which ports are in use at which host.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::world::{HostId, SocketId, World};

/// Ports from here on are given to those who do not care (RFC 6335 section 6).
const FIRST_FREE: u16 = 49_152;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// Ports in use.
#[derive(Default)]
pub(super) struct Ports {
    used: HashMap<(HostId, Protocol, u16), Vec<(IpAddr, SocketId)>>,
    /// Where the search for a free one goes on.
    next: HashMap<HostId, u16>,
}

/// Whether who is bound to `own` gets what is sent to `ip`.
fn covers(own: IpAddr, ip: IpAddr) -> bool {
    own == ip || own.is_unspecified() && (own.is_ipv6() || ip.is_ipv4())
}

impl Ports {
    fn is_free(&self, host: HostId, protocol: Protocol, addr: SocketAddr) -> bool {
        let used = self.used.get(&(host, protocol, addr.port()));
        let in_way = |own: IpAddr| covers(own, addr.ip()) || covers(addr.ip(), own);
        !used.is_some_and(|used| used.iter().any(|(own, _)| in_way(*own)))
    }

    /// The next `count` ports in a row that are free, the first of them even if there are two.
    fn free(
        &mut self,
        host: HostId,
        protocol: Protocol,
        ip: IpAddr,
        count: u16,
    ) -> io::Result<u16> {
        for _ in FIRST_FREE..=u16::MAX {
            let next = self.next.entry(host).or_insert(FIRST_FREE);
            let first = next.next_multiple_of(count);
            *next = first.checked_add(count).unwrap_or(FIRST_FREE);
            let mut ports = first..first.saturating_add(count);
            if ports.all(|port| self.is_free(host, protocol, (ip, port).into())) {
                return Ok(first);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Who gets what is sent to an address: the one bound to it before the one bound to any.
    pub(super) fn find(
        &self,
        host: HostId,
        protocol: Protocol,
        addr: SocketAddr,
    ) -> Option<SocketId> {
        let used = self.used.get(&(host, protocol, addr.port()))?;
        let exact = used.iter().find(|(own, _)| *own == addr.ip());
        exact.or_else(|| used.iter().find(|(own, _)| covers(*own, addr.ip()))).map(|(_, id)| *id)
    }

    pub(super) fn take(
        &mut self,
        host: HostId,
        protocol: Protocol,
        addr: SocketAddr,
        by: SocketId,
    ) {
        self.used.entry((host, protocol, addr.port())).or_default().push((addr.ip(), by));
    }

    pub(super) fn give_back(&mut self, host: HostId, protocol: Protocol, port: u16, by: SocketId) {
        if let Some(used) = self.used.get_mut(&(host, protocol, port)) {
            used.retain(|(_, id)| *id != by);
        }
    }
}

impl World {
    /// An address to bind to, the port chosen if it is 0.
    pub(super) fn choose(
        &mut self,
        host: HostId,
        protocol: Protocol,
        addr: SocketAddr,
    ) -> io::Result<SocketAddr> {
        let ip = self.own(host, addr.ip())?;
        let addr = match addr.port() {
            0 => (ip, self.ports.free(host, protocol, ip, 1)?).into(),
            _ => addr,
        };
        if !self.ports.is_free(host, protocol, addr) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        Ok(addr)
    }

    /// An even port and the next, both free.
    pub(super) fn choose_pair(&mut self, host: HostId, ip: IpAddr) -> io::Result<[SocketAddr; 2]> {
        let ip = self.own(host, ip)?;
        let even = self.ports.free(host, Protocol::Udp, ip, 2)?;
        Ok([(ip, even).into(), (ip, even | 1).into()])
    }

    fn own(&self, host: HostId, ip: IpAddr) -> io::Result<IpAddr> {
        match ip.is_unspecified() || self.has(host, ip) {
            true => Ok(ip),
            false => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }
}
