//! Sockets behind one trait.
//!
//! [`Io`] tells which sockets are ready and does operations that never block. Protocol code knows
//! nothing of it: bytes and time go in there, bytes and events come out, and the engine carries
//! them to and from an `Io`.
//!
//! Two operations are batches, because they are the ones done per packet:
//!
//! * [`Io::receive`] fills buffers of a [`Pool`] with many datagrams by one call into the kernel;
//! * [`Io::fan_out`] sends every [`Run`] of packets to every [`Destination`] by as few calls as
//!   the kernel allows.
//!
//! Everything else (RTSP connections, RTCP, accepting) is rare enough to be one call each.
//!
//! # The loop
//!
//! ```text
//! loop {
//!     io.wait(timeout until the next timer, &mut events)?;
//!     for event in events { … read/accept/receive what it names … }
//!     … handle commands, whose senders called the waker …
//!     … send …
//! }
//! ```
//!
//! # Readiness, exactly
//!
//! * **Reading is level-triggered.** A socket with something left to read (or to accept) is
//!   reported by every [`wait`](Io::wait), so one bounded operation per event is enough and no
//!   socket can starve the others. Who does not want to read for a while says so by
//!   [`set_reading`](Io::set_reading), or the loop would spin.
//! * **Writability is reported once, and only after a refusal.** A [`write`](Io::write) that took
//!   less than everything, or nothing ([`WouldBlock`](std::io::ErrorKind::WouldBlock)), arms it;
//!   the next event with [`writable`](Event::writable) disarms it. A fresh [`connect`](Io::connect)
//!   is armed too: its event means that [`connect_result`](Io::connect_result) has an answer.
//! * **`closed` says that the peer will send no more**, or that the connection is broken. What it
//!   sent before can still be read: read until `Ok(0)` or an error, then [`close`](Io::close).
//!   It is repeated until then, or until reading is turned off.
//! * An event may name a socket that was closed since: its token is stale, and operations on a
//!   stale [`Token`] fail with [`NotFound`](std::io::ErrorKind::NotFound). They never reach
//!   another socket.
//!
//! # Which there are
//!
//! | backend | readiness | datagrams |
//! |---|---|---|
//! | [`Mmsg`] | epoll | recvmmsg with GRO, sendmmsg with GSO |
//! | [`Uring`] | poll operations of io_uring | multishot receiving, a submission per message with GSO |
//! | [`Mio`] | mio | a system call each |
//! | `simulated` | none is waited for | within the process, with loss and delay |
//!
//! [`open`] takes one of the first three by name, or the best. These share all but that: each is a driver of the
//! sockets in `sockets`. The last one is for tests, and there with the feature of its name. The suite in `tests`
//! says of each that it keeps what is promised here; a new one is a line there.
//!
//! # What a backend has to provide
//!
//! * every method of [`Io`], none of which may block except `wait`, and all calls of `fan_out`
//!   between two `wait`s together for at most [`SEND_PATIENCE`];
//! * tokens that are never used twice ([`Token::new`] takes an index and a generation);
//! * a waker ([`Io::waker`]) that ends a `wait` from any thread, before it or during it, and costs
//!   one system call for any number of wakes between two waits;
//! * receiving into [`Lanes`] (a backend with buffers registered in the kernel may hand these to
//!   the kernel ahead of time), the size of the segments of an aggregate, and the kernel's count
//!   of datagrams lost for want of buffer ([`Received::overflow`]);
//! * sending in the order of the runs per destination, a bad destination failing by itself, and
//!   an account of every packet: `sent + failed` = packets of all runs × destinations;
//! * addresses in canonical form: an IPv4 peer of an IPv6 socket is reported as IPv4;
//! * no allocation per packet in the steady state.
//!
//! [`Io::now`] is the only clock the engine looks at, so that a backend may have a clock of its own.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::ring::{Pool, Wake};

mod backend;
mod cpu;
mod destination;
mod lanes;
mod mio;
#[cfg(feature = "linux")]
mod mmsg;
#[cfg(any(test, feature = "simulated"))]
pub mod simulated;
mod sockets;
mod thread;
mod token;
mod udp;
#[cfg(feature = "linux")]
mod uring;

#[cfg(test)]
mod tests;

pub use backend::{Backend, Opened, open};
pub use cpu::thread_cpu_time;
pub use destination::Destination;
pub use lanes::Lanes;
pub use mio::Mio;
#[cfg(feature = "linux")]
pub use mmsg::Mmsg;
pub use thread::pin_thread;
pub use token::{Event, Token};
pub use udp::{
    Datagram, Failure, FanOut, Gso, MAX_DATAGRAM, MAX_SEGMENTS, MulticastOptions, Received, Run,
    UdpOptions, UdpSocket,
};
#[cfg(feature = "linux")]
pub use uring::Uring;

/// How long all calls of [`Io::fan_out`] between two [`wait`](Io::wait)s together wait for full socket
/// buffers to drain before they give the rest of their packets up as refused.
pub const SEND_PATIENCE: Duration = Duration::from_millis(2);

/// The longest datagram that [`Io::receive_small`] hands over, in bytes; more than any path's MTU.
pub const SMALL_DATAGRAM: usize = 2048;

/// Sockets: which are ready, and operations on them that do not block.
///
/// The module's documentation says what readiness means here and what a backend has to provide.
///
/// Unless a method says otherwise, it fails with [`io::ErrorKind::NotFound`] when the token is
/// stale and with [`io::ErrorKind::InvalidInput`] when the token is of another kind of socket.
pub trait Io: Send {
    /// The backend's name, as shown in the figures (`mmsg`, `uring`, `mio`, `simulated`).
    fn name(&self) -> &'static str;

    /// Time since the backend was made, monotonic.
    fn now(&self) -> Duration;

    /// What ends a [`wait`](Io::wait) from another thread, now or the next one.
    ///
    /// Any number of wakes between two waits costs one system call. It serves the ring's readers
    /// and the engine's command queue alike.
    fn waker(&self) -> Arc<dyn Wake>;

    /// Waits until a socket is ready, the waker was called or `timeout` has passed, and replaces
    /// the content of `events` by what is ready. `None` waits without limit.
    ///
    /// # Errors
    ///
    /// Only those of the polling call itself, which mean that the backend is unusable; an
    /// interrupting signal is no error but a return without events.
    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()>;

    /// Closes a socket and forgets its token. A stale token is ignored.
    fn close(&mut self, token: Token);

    /// Turns the reporting of readability (and of the peer's end of stream) off or on again; it is
    /// on at first.
    fn set_reading(&mut self, token: Token, on: bool) -> io::Result<()>;

    /// The address the socket is bound to.
    fn local_addr(&self, token: Token) -> io::Result<SocketAddr>;

    /// The address of a connection's other end.
    fn peer_addr(&self, token: Token) -> io::Result<SocketAddr>;

    /// What the user of this process should know and do: for instance that the kernel granted
    /// smaller socket buffers than asked for, and the exact command that lifts the limit. Each
    /// warning is there once, however many sockets it concerns.
    fn warnings(&self) -> &[String];

    // --- TCP ---

    /// Listens for connections; port 0 picks a free one. Gives the address in use. `[::]` serves
    /// IPv4 as well.
    fn listen(&mut self, addr: SocketAddr) -> io::Result<(Token, SocketAddr)>;

    /// Takes the next connection off a listener, with the peer's address; `None` when there is
    /// none.
    ///
    /// # Errors
    ///
    /// When the process or the system is out of file descriptors or memory. The listener is then
    /// not reported for a short while, so that the loop does not spin, and works again after.
    fn accept(&mut self, listener: Token) -> io::Result<Option<(Token, SocketAddr)>>;

    /// Begins a connection. The first event with [`writable`](Event::writable) or
    /// [`closed`](Event::closed) means that [`connect_result`](Io::connect_result) has the answer.
    fn connect(&mut self, addr: SocketAddr) -> io::Result<Token>;

    /// How the attempt to connect ended. [`io::ErrorKind::WouldBlock`] while it goes on.
    fn connect_result(&mut self, token: Token) -> io::Result<()>;

    /// Takes over a connected stream socket that somebody else has made: of TCP or of the Unix domain.
    /// It is closed with its token.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] when it is no stream socket,
    /// [`io::ErrorKind::NotConnected`] when it is not connected.
    fn adopt(&mut self, socket: OwnedFd) -> io::Result<Token>;

    /// Another descriptor of a connection, for a backend of another thread, which
    /// [adopts](Io::adopt) it to write while this one reads.
    ///
    /// # Errors
    ///
    /// Those of dup(2); [`io::ErrorKind::Unsupported`] when a connection has no descriptor.
    fn duplicate(&self, token: Token) -> io::Result<OwnedFd>;

    /// Reads from a connection. `Ok(0)` is the end of the stream (or an empty buffer);
    /// [`io::ErrorKind::WouldBlock`] that nothing is there.
    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes the slices, gathered, to a connection, and tells how many bytes were taken. Fewer
    /// than all, or [`io::ErrorKind::WouldBlock`], arm the report of writability.
    ///
    /// As many slices are taken as the kernel allows per call (1,024); more makes the write a
    /// partial one.
    fn write(&mut self, token: Token, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    // --- UDP ---

    /// Binds a UDP socket; port 0 picks a free one. `[::]` serves IPv4 as well.
    fn bind_udp(&mut self, addr: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket>;

    /// Binds an RTP and RTCP pair to free ports: an even one, and the odd one above it (RFC 3550
    /// section 11).
    ///
    /// The options are those of the RTP socket; the RTCP socket has default buffers and no GRO,
    /// as [`receive_small`](Io::receive_small) wants it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] when no pair was found in a bounded number of tries.
    fn bind_udp_pair(
        &mut self,
        ip: IpAddr,
        options: &UdpOptions,
    ) -> io::Result<(UdpSocket, UdpSocket)>;

    /// Receives what is there, one batch, appended to `out` in the order of arrival: see
    /// [`receive_with`](Io::receive_with), of which this is the form that takes every datagram as
    /// it is.
    fn receive(
        &mut self,
        token: Token,
        lanes: &mut Lanes,
        pool: &mut Pool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received> {
        self.receive_with(token, lanes, pool, &mut |_, _, _| true, out)
    }

    /// Receives what is there, one batch, into buffers of `pool`, appended to `out` in the order
    /// of arrival.
    ///
    /// An aggregate that the kernel made of several datagrams of one sender (GRO) stays one
    /// [`Datagram`], with the size of its segments. Before its bytes become immutable, `inspect`
    /// sees them with the segment size and the sender: it may change them in place (a publisher's
    /// new SSRC, say), and by returning `false` it refuses them, so that what a stranger sends
    /// takes no room in the pool.
    ///
    /// When the pool has no buffer left, what is there is taken out of the kernel all the same, so
    /// that the socket does not stay readable, and counted in [`Received::no_buffer`].
    ///
    /// # Errors
    ///
    /// None for an empty socket (a [`Received`] of zeroes). An error that an ICMP message brought
    /// about is skipped.
    fn receive_with(
        &mut self,
        token: Token,
        lanes: &mut Lanes,
        pool: &mut Pool,
        inspect: &mut dyn FnMut(&mut [u8], usize, SocketAddr) -> bool,
        out: &mut Vec<Datagram>,
    ) -> io::Result<Received>;

    /// Receives one bounded batch of small datagrams (RTCP, hole punching) and hands each to `f`
    /// with its sender. Those longer than [`SMALL_DATAGRAM`] are counted as truncated and not
    /// handed over. Use it on sockets bound without GRO.
    fn receive_small(
        &mut self,
        token: Token,
        f: &mut dyn FnMut(&[u8], SocketAddr),
    ) -> io::Result<Received>;

    /// Packets lost for want of socket buffer that no [`Received::overflow`] has told yet: the
    /// kernel attaches its count to the datagrams *after* the loss, so that the last ones are only
    /// learnt by asking. What this returns is not told again.
    fn overflow(&mut self, token: Token) -> io::Result<u64>;

    /// Sends every run to every destination; to one destination in the order of the runs.
    ///
    /// What could not be sent is appended to `failed`, one entry per destination, run and cause.
    /// `sent + failed` of the returned account is the number of packets of all runs times the
    /// number of destinations, always.
    ///
    /// A full socket buffer is waited for, at most [`SEND_PATIENCE`] since the first time after the
    /// last [`wait`](Io::wait); then the rest fails with [`io::ErrorKind::WouldBlock`]. A later call
    /// tries once, and does not wait.
    ///
    /// # Errors
    ///
    /// Only when the token is stale or not that of a UDP socket; nothing was sent then.
    fn fan_out(
        &mut self,
        token: Token,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> io::Result<FanOut>;

    /// Whether runs go out by segmentation offload, or why not.
    fn gso(&self) -> Gso;
}
