//! All hosts and sockets, and what is under way between them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::clock::Holder;
use super::connections::{Connection, Listener};
use super::datagrams::Datagrams;
use super::events::Backend;
use super::link::{Link, Way};
use super::ports::Ports;

/// Names a host.
pub(super) type HostId = usize;
/// Names a socket, for ever.
pub(super) type SocketId = u64;

/// A socket of whatever kind.
pub(super) enum Socket {
    Datagrams(Datagrams),
    Listener(Listener),
    Connection(Connection),
}

/// What is under way to a host.
pub(super) enum Content {
    /// A datagram.
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    /// An attempt to connect.
    Call(SocketId),
    /// The next piece that a connection has coming is there.
    Piece(SocketId),
    /// It is time to see whether this attempt was answered.
    Unanswered(SocketId),
    /// A piece for this connection did not come through, and is to be sent again.
    Again(SocketId),
}

/// Something under way, and when it arrives.
struct Parcel {
    at: Duration,
    from: HostId,
    to: HostId,
    order: u64,
    content: Content,
}

impl Parcel {
    /// The order of arrival does not depend on which host's thread came first.
    fn key(&self) -> (Duration, HostId, HostId, u64) {
        (self.at, self.from, self.to, self.order)
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Parcel) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Parcel {}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Parcel) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Parcel) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Everything there is.
pub(super) struct World {
    pub(super) now: Duration,
    seed: u64,
    /// Addresses of each host, without those that all have.
    hosts: Vec<Vec<IpAddr>>,
    links: HashMap<(HostId, HostId), Link>,
    /// Chances by who sends and who receives: which of two goes first on one link changes nothing for either.
    ways: HashMap<(HostId, SocketAddr, SocketAddr), Way>,
    under_way: BinaryHeap<Reverse<Parcel>>,
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    pub(super) ports: Ports,
    pub(super) backends: BTreeMap<u64, Backend>,
    pub(super) holders: BTreeMap<u64, Holder>,
    /// Numbers given out.
    last: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        World {
            now: Duration::ZERO,
            seed,
            hosts: Vec::new(),
            links: HashMap::new(),
            ways: HashMap::new(),
            under_way: BinaryHeap::new(),
            sockets: BTreeMap::new(),
            ports: Ports::default(),
            backends: BTreeMap::new(),
            holders: BTreeMap::new(),
            last: 0,
        }
    }

    /// A number that none had before.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn add_host(&mut self, addresses: Vec<IpAddr>) -> HostId {
        self.hosts.push(addresses);
        self.hosts.len() - 1
    }

    pub(super) fn add_holder(&mut self) -> u64 {
        let id = self.number();
        self.holders.insert(id, Holder::Busy);
        id
    }

    pub(super) fn add_socket(&mut self, socket: Socket) -> SocketId {
        let id = self.number();
        self.sockets.insert(id, socket);
        id
    }

    /// Whether an address is this host's.
    pub(super) fn has(&self, host: HostId, ip: IpAddr) -> bool {
        ip.is_loopback() || self.hosts.get(host).is_some_and(|own| own.contains(&ip))
    }

    /// The host that has an address, as seen from another.
    pub(super) fn host_of(&self, ip: IpAddr, seen_from: HostId) -> Option<HostId> {
        if ip.is_loopback() {
            return Some(seen_from);
        }
        self.hosts.iter().position(|own| own.contains(&ip))
    }

    /// The address that a host sends from to another, of the same family.
    pub(super) fn source(&self, host: HostId, to: IpAddr) -> Option<IpAddr> {
        if to.is_loopback() {
            return Some(to);
        }
        let own = self.hosts.get(host)?;
        own.iter().copied().find(|ip| ip.is_ipv4() == to.is_ipv4())
    }

    pub(super) fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        self.links.insert((from, to), link);
    }

    pub(super) fn link(&self, from: HostId, to: HostId) -> Link {
        self.links.get(&(from, to)).copied().unwrap_or_default()
    }

    /// How long something takes from one address to another; `None` when it is lost.
    pub(super) fn carry(
        &mut self,
        (from, to): (HostId, HostId),
        (sender, receiver): (SocketAddr, SocketAddr),
    ) -> Option<Duration> {
        let link = self.link(from, to);
        if link == Link::default() {
            return Some(Duration::ZERO);
        }
        let seed = self.seed;
        let way = self.ways.entry((from, sender, receiver)).or_insert_with(|| {
            let mut hasher = std::hash::DefaultHasher::new();
            (seed, from, sender, receiver).hash(&mut hasher);
            Way::new(link, hasher.finish())
        });
        way.set(link);
        way.carry()
    }

    /// Sends something on its way, to arrive in such a time.
    pub(super) fn dispatch(
        &mut self,
        (from, to): (HostId, HostId),
        time: Duration,
        content: Content,
    ) {
        let (at, order) = (self.now.saturating_add(time), self.number());
        self.under_way.push(Reverse(Parcel { at, from, to, order, content }));
    }

    /// When the next thing arrives.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse(parcel)| parcel.at)
    }

    /// Hands over what has arrived by now; true when something has.
    pub(super) fn deliver(&mut self) -> bool {
        let mut any = false;
        while self.next_arrival().is_some_and(|at| at <= self.now) {
            let Some(Reverse(Parcel { from, to, content, .. })) = self.under_way.pop() else {
                break;
            };
            any = true;
            match content {
                Content::Datagram { from, to: address, bytes } => {
                    self.datagram_arrives(to, from, address, bytes);
                }
                Content::Call(caller) => self.call_arrives(from, caller),
                Content::Piece(connection) => self.piece_arrives(connection),
                Content::Unanswered(caller) => self.call_again(to, caller),
                Content::Again(connection) => self.carry_piece((from, to), connection),
            }
        }
        any
    }
}
