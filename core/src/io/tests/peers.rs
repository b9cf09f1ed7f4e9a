//! Who is at the other end: plain sockets, of the kernel or of the simulated network.

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket as StdSocket};
use std::rc::Rc;
use std::time::Duration;

use crate::io::simulated::{Host, Network, Simulated};
use crate::io::{Io, Token, UdpOptions};

/// How long something is waited for that has to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes plain sockets where the backend under test has its own.
pub(in crate::io) trait Peers {
    fn datagrams(&self, addr: SocketAddr, recv_buffer: usize) -> Box<dyn Datagrams>;
    fn connect(&self, addr: SocketAddr) -> io::Result<Box<dyn Stream>>;
    /// A listener, which lives as long as what is returned.
    fn listen(&self, addr: SocketAddr) -> Box<dyn Listener>;
    /// An address at which nobody answers, as long as the other value lives.
    fn silent(&self) -> (SocketAddr, Box<dyn Any>);
}

/// A socket of datagrams.
pub(in crate::io) trait Datagrams {
    fn local_addr(&self) -> SocketAddr;
    fn send_to(&mut self, bytes: &[u8], to: SocketAddr);
    /// The next datagram and its sender; what has been sent is there or comes soon.
    fn recv_from(&mut self, buffer: &mut [u8]) -> (usize, SocketAddr);
    /// Whether nothing is there.
    fn is_empty(&mut self) -> bool;
}

/// A connection. Reading waits; who has nothing to wait for calls [`try_read`](Stream::try_read).
pub(in crate::io) trait Stream: Read + Write {
    fn local_addr(&self) -> SocketAddr;
    fn peer_addr(&self) -> SocketAddr;
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn end(&mut self);
    fn reset(self: Box<Self>);
}

/// A listener.
pub(in crate::io) trait Listener {
    fn local_addr(&self) -> SocketAddr;
    fn accept(&mut self) -> Box<dyn Stream>;
}

/// The standard library's sockets.
pub(in crate::io) struct Kernel;

impl Peers for Kernel {
    fn datagrams(&self, addr: SocketAddr, recv_buffer: usize) -> Box<dyn Datagrams> {
        let socket = StdSocket::bind(addr).expect("a socket");
        if recv_buffer > 0 {
            socket2::SockRef::from(&socket).set_recv_buffer_size(recv_buffer).expect("a buffer");
        }
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Box::new(socket)
    }

    fn connect(&self, addr: SocketAddr) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Box::new(stream))
    }

    fn listen(&self, addr: SocketAddr) -> Box<dyn Listener> {
        Box::new(TcpListener::bind(addr).expect("a listener"))
    }

    fn silent(&self) -> (SocketAddr, Box<dyn Any>) {
        // A listener whose queue is full drops further attempts.
        let listener =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&super::LOOPBACK.into()).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap().as_socket().unwrap();
        let queued = TcpStream::connect(addr).unwrap();
        (addr, Box::new((listener, queued)))
    }
}

impl Datagrams for StdSocket {
    fn local_addr(&self) -> SocketAddr {
        StdSocket::local_addr(self).expect("an address")
    }

    fn send_to(&mut self, bytes: &[u8], to: SocketAddr) {
        StdSocket::send_to(self, bytes, to).expect("sent");
    }

    fn recv_from(&mut self, buffer: &mut [u8]) -> (usize, SocketAddr) {
        StdSocket::recv_from(self, buffer).expect("a packet")
    }

    fn is_empty(&mut self) -> bool {
        self.set_nonblocking(true).expect("possible");
        let nothing = self.recv(&mut [0; 10]);
        self.set_nonblocking(false).expect("possible");
        nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Stream for TcpStream {
    fn local_addr(&self) -> SocketAddr {
        TcpStream::local_addr(self).expect("an address")
    }

    fn peer_addr(&self) -> SocketAddr {
        TcpStream::peer_addr(self).expect("an address")
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.set_nonblocking(true)?;
        let result = self.read(buffer);
        self.set_nonblocking(false)?;
        result
    }

    fn end(&mut self) {
        self.shutdown(Shutdown::Write).expect("possible");
    }

    fn reset(self: Box<Self>) {
        socket2::SockRef::from(&*self).set_linger(Some(Duration::ZERO)).expect("possible");
    }
}

impl Listener for TcpListener {
    fn local_addr(&self) -> SocketAddr {
        TcpListener::local_addr(self).expect("an address")
    }

    fn accept(&mut self) -> Box<dyn Stream> {
        Box::new(TcpListener::accept(self).expect("a connection").0)
    }
}

/// A simulated host without distances: what is sent is there at once. Its backends never wait, and so
/// have no say in time.
pub(in crate::io) struct Local(Host);

impl Local {
    pub(in crate::io) fn new() -> Local {
        Local(Network::new(1).host([[10, 0, 0, 1].into()]))
    }

    /// A backend at this host.
    pub(in crate::io) fn open(&self) -> Simulated {
        self.0.open()
    }
}

/// A socket of a simulated backend of its own.
struct Plain {
    io: Rc<RefCell<Simulated>>,
    token: Token,
}

impl Peers for Local {
    fn datagrams(&self, addr: SocketAddr, recv_buffer: usize) -> Box<dyn Datagrams> {
        let mut io = self.0.open();
        let options = UdpOptions { recv_buffer, ..UdpOptions::default() };
        let token = io.bind_udp(addr, &options).expect("a socket").token;
        Box::new(Plain { io: Rc::new(RefCell::new(io)), token })
    }

    fn connect(&self, addr: SocketAddr) -> io::Result<Box<dyn Stream>> {
        let mut io = self.0.open();
        let token = io.connect(addr)?;
        io.connect_result(token)?;
        Ok(Box::new(Plain { io: Rc::new(RefCell::new(io)), token }))
    }

    fn listen(&self, addr: SocketAddr) -> Box<dyn Listener> {
        let mut io = self.0.open();
        let token = io.listen(addr).expect("a listener").0;
        Box::new(Plain { io: Rc::new(RefCell::new(io)), token })
    }

    fn silent(&self) -> (SocketAddr, Box<dyn Any>) {
        // Nobody has it.
        (SocketAddr::from(([10, 0, 0, 2], 9)), Box::new(()))
    }
}

impl Datagrams for Plain {
    fn local_addr(&self) -> SocketAddr {
        self.io.borrow_mut().local_addr(self.token).expect("an address")
    }

    fn send_to(&mut self, bytes: &[u8], to: SocketAddr) {
        self.io.borrow_mut().send(self.token, bytes, to).expect("sent");
    }

    fn recv_from(&mut self, buffer: &mut [u8]) -> (usize, SocketAddr) {
        let (bytes, from) =
            self.io.borrow_mut().take(self.token).expect("a socket").expect("a packet");
        buffer[..bytes.len()].copy_from_slice(&bytes);
        (bytes.len(), from)
    }

    fn is_empty(&mut self) -> bool {
        self.io.borrow_mut().take(self.token).expect("a socket").is_none()
    }
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.borrow_mut().read(self.token, buffer)
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.io.borrow_mut().write(self.token, &[IoSlice::new(bytes)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Plain {
    fn local_addr(&self) -> SocketAddr {
        self.io.borrow_mut().local_addr(self.token).expect("an address")
    }

    fn peer_addr(&self) -> SocketAddr {
        self.io.borrow_mut().peer_addr(self.token).expect("an address")
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn end(&mut self) {
        self.io.borrow_mut().shut_down(self.token).expect("a connection");
    }

    fn reset(self: Box<Self>) {
        self.io.borrow_mut().abort(self.token);
    }
}

impl Listener for Plain {
    fn local_addr(&self) -> SocketAddr {
        self.io.borrow_mut().local_addr(self.token).expect("an address")
    }

    fn accept(&mut self) -> Box<dyn Stream> {
        let (token, _) =
            self.io.borrow_mut().accept(self.token).expect("a listener").expect("a connection");
        Box::new(Plain { io: Rc::clone(&self.io), token })
    }
}
