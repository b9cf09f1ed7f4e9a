//! Receivers that take nothing.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use socket2::{Domain, Socket, Type};

use super::{Error, doing};

/// What the kernel takes for each of them before it is full, in bytes; it makes more of it as it likes.
const BUFFER: usize = 4096;

/// A listener whose connections nobody takes, and so nobody reads: little goes in, and then nothing. Dropping it
/// ends them.
pub(crate) struct Stalled {
    _listener: TcpListener,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Stalled {
    /// For so many connections.
    pub(crate) fn start(connections: usize) -> Result<Stalled, Error> {
        let refused = doing("listen for connections that stall");
        let listen = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            // Connections get it from the listener.
            socket.set_recv_buffer_size(BUFFER)?;
            socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
            socket.listen(i32::try_from(connections).unwrap_or(i32::MAX))?;
            let listener = TcpListener::from(socket);
            let address = listener.local_addr()?;
            Ok(Stalled { _listener: listener, address })
        };
        listen().map_err(refused)
    }
}
