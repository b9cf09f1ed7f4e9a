//! A network within the process: hosts, datagrams, connections, and a clock that nobody waits for.
//!
//! Several [`Host`]s share a [`Network`]. Each opens backends ([`Simulated`]), which know nothing but what
//! [`Io`](super::Io) promises, so that whole engines run on them as they run on sockets. Between two hosts
//! lies a [`Link`] each way, which loses datagrams, delays them, and lets them overtake each other, by
//! chances drawn from the network's seed.
//!
//! ```
//! use std::time::Duration;
//! use rillcast::engine::{Config, Engine};
//! use rillcast::io::simulated::{Link, Network};
//!
//! let network = Network::new(7);
//! let (near, far) = (network.host(["10.0.0.1".parse()?]), network.host(["10.0.0.2".parse()?]));
//! let delay = Duration::from_millis(20);
//! network.join(&near, &far, &Link { loss: 0.05, delay, ..Link::default() });
//!
//! let clock = network.clock();
//! let server = Engine::start_at(&near, Config::default())?;
//! let address = server.listen("10.0.0.1:8554".parse()?)?;
//! let player = Engine::start_at(&far, Config::default())?;
//! player.pull("copy", &format!("rtsp://{address}/live"), Default::default())?;
//! // A minute later, within a moment:
//! clock.sleep(Duration::from_secs(60));
//! # drop(clock);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Time
//!
//! Time stands still while anybody does something, and jumps to the next moment at which something is to
//! happen when everybody waits: each backend in [`wait`](super::Io::wait), each [`Clock`] in one of its methods.
//! A backend takes part from its first `wait` on. A program that holds no `Clock` has no say: time flies as
//! fast as the backends' threads come round.
//!
//! Where links have a delay, nothing that one host does reaches another at the same moment, so that the order
//! in which the system lets threads run changes nothing; and each address draws its chances for each other from
//! a sequence of its own.
//!
//! # What it is not
//!
//! There is no offload: each packet is sent and received by itself. There are no groups (multicast), no file
//! descriptors ([`adopt`](super::Io::adopt) and [`duplicate`](super::Io::duplicate) are unsupported, so that
//! threads of their own serve UDP children only), and a host sends as much as it likes: send buffers are never
//! full. Connections lose nothing: where a datagram would be lost, their bytes come later.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod backend;
mod by_hand;
mod clock;
mod connections;
mod datagrams;
mod events;
mod link;
mod ports;
mod stream;
mod world;

pub use backend::Simulated;
pub use clock::Clock;
pub use link::{Link, Way};
use world::{HostId, World};

/// Hosts and the links between them. A clone is the same network.
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
}

/// What all handles of a network have in common.
struct Shared {
    world: Mutex<World>,
    /// Somebody who waits may have a reason to look.
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed.
    fn wait<'a>(&self, world: MutexGuard<'a, World>) -> MutexGuard<'a, World> {
        self.changed.wait(world).unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the network, and lets everybody look at what has come of it.
    fn with<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.lock();
        let result = f(&mut world);
        let changed = world.deliver() | world.settle();
        drop(world);
        if changed {
            self.changed.notify_all();
        }
        result
    }
}

impl Network {
    /// A network without hosts. All its chances are drawn from `seed`.
    pub fn new(seed: u64) -> Network {
        let world = Mutex::new(World::new(seed));
        Network { shared: Arc::new(Shared { world, changed: Condvar::new() }) }
    }

    /// A new host. Besides these addresses it has `127.0.0.1` and `::1`, as every host has for itself.
    pub fn host(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Host {
        let id = self.shared.lock().add_host(addresses.into_iter().collect());
        Host { shared: self.shared.clone(), id }
    }

    /// Puts the same link between two hosts for both ways. Before, nothing is lost or delayed between them.
    pub fn join(&self, one: &Host, other: &Host, link: &Link) {
        self.set_link(one, other, *link);
        self.set_link(other, one, *link);
    }

    /// Puts a link between two hosts for one way, from now on: what is under way arrives as it would have.
    pub fn set_link(&self, from: &Host, to: &Host, link: Link) {
        self.shared.with(|world| world.set_link(from.id, to.id, link));
    }

    /// Breaks all connections between two hosts, as a router does that has forgotten them.
    pub fn reset(&self, one: &Host, other: &Host) {
        self.shared.with(|world| world.reset_between(one.id, other.id));
        // Nothing was under way that would have told them.
        self.shared.changed.notify_all();
    }

    /// A hold on time: see [the module](self#time).
    pub fn clock(&self) -> Clock {
        Clock::new(self.shared.clone())
    }

    /// Time since the network was made.
    pub fn now(&self) -> Duration {
        self.shared.lock().now
    }
}

/// A host of a network: its addresses, and the ports in use there. A clone is the same host.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
    id: HostId,
}

impl Host {
    /// A backend at this host. Several share its addresses and ports as processes of one machine do.
    pub fn open(&self) -> Simulated {
        Simulated::new(self.shared.clone(), self.id)
    }
}
