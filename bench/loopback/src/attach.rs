//! An engine between source and receivers.

use std::net::{SocketAddr, TcpStream};

use rillcast::engine::{ChildOptions, Engine, Receiver};
use rillcast::media::sdp;
use rillcast::relay::Start;

use super::{Error, Transport, description, doing, free_pair};

/// Makes an engine relay so many streams, each to its part of the receivers, the first ones to those that are
/// named first. Tells where the streams are to be sent.
///
/// # Errors
///
/// When the engine refuses something, or a receiver cannot be connected to.
pub fn attach(
    engine: &Engine,
    transport: Transport,
    streams: usize,
    receivers: &[SocketAddr],
) -> Result<Vec<SocketAddr>, Error> {
    let each = receivers.len() / streams.max(1);
    let mut parts = receivers.chunks(each.max(1));
    let relayed = |number| relay(engine, transport, number, parts.next().unwrap_or_default());
    (0..streams).map(relayed).collect()
}

/// One stream.
fn relay(
    engine: &Engine,
    transport: Transport,
    number: usize,
    receivers: &[SocketAddr],
) -> Result<SocketAddr, Error> {
    let path = format!("bench/{number}");
    let port = free_pair()?;
    let session = sdp::Session::parse(description(port).as_bytes())
        .map_err(|_| Error::Other("the stream's own description cannot be read"))?;
    engine.ingest_rtp(&path, session)?;
    for address in receivers {
        let receiver = match transport {
            Transport::Udp => Receiver::Udp(vec![Some((*address, *address))]),
            Transport::Tcp => Receiver::Connection {
                socket: connect(address)?.into(),
                channels: vec![Some((0, 1))],
                reading: true,
            },
        };
        let options = ChildOptions { start: Start::Live, ..ChildOptions::default() };
        engine.add_child(&path, receiver, options)?;
    }
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A connection to a receiver, for a relay that writes to it.
///
/// # Errors
///
/// When the system refuses it.
pub fn connect(to: &SocketAddr) -> Result<TcpStream, Error> {
    let stream = TcpStream::connect(to).map_err(doing("connect to a receiver"))?;
    stream.set_nodelay(true).map_err(doing("connect to a receiver"))?;
    Ok(stream)
}
