//! An engine in this process is the relay.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rillcast::engine::{ChildOptions, Config, Engine, Receiver};
use rillcast::media::sdp;
use rillcast::relay::Start;

use super::{
    Error, Load, Processors, Receivers, Source, Transport, description, doing, drive, free_pair,
    pin_to,
};

/// The path of the stream.
const PATH: &str = "bench";

/// What was found.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Packets that reached a receiver while it was measured.
    pub packets: u64,
    /// Packets that did not, from first to last.
    pub lost: u64,
    /// How long it was measured.
    pub elapsed: Duration,
    /// Processor time of the engine's threads.
    pub cpu: Duration,
    /// How long frames took, from the source to the last packet at each receiver, in microseconds,
    /// sorted.
    pub latencies: Vec<u32>,
}

/// Measures an engine with these settings. Source and receivers are threads of this process, whose processor time
/// does not count; they and the engine have a processor each where there are two, and the engine has no workers.
///
/// # Errors
///
/// When the engine or the system refuses something.
pub fn in_process(load: &Load, config: Config) -> Result<Measured, Error> {
    let load = load.clone();
    // On a thread of its own, so that the caller's stays where it is.
    let thread = std::thread::Builder::new()
        .name("bench".into())
        .spawn(move || measure(&load, config))
        .map_err(doing("start the thread of the measurement"))?;
    thread.join().unwrap_or(Err(Error::Other("the thread of the measurement had panicked")))
}

fn measure(load: &Load, config: Config) -> Result<Measured, Error> {
    let processors = Processors::choose().filter(|_| config.workers == 0);
    if let Some(processors) = processors {
        pin_to(processors.relay);
    }
    let engine = Engine::start(config)?;
    if let Some(processors) = processors {
        pin_to(processors.harness);
    }
    let epoch = Instant::now();
    let receivers = Receivers::start(load, epoch)?;
    let port = free_pair()?;
    let session = sdp::Session::parse(description(port).as_bytes())
        .map_err(|_| Error::Other("the stream's own description cannot be read"))?;
    engine.ingest_rtp(PATH, session)?;
    for child in receivers.addresses() {
        let receiver = match load.transport {
            Transport::Udp => Receiver::Udp(vec![Some((*child, *child))]),
            Transport::Tcp => Receiver::Connection {
                socket: connect(child)?.into(),
                channels: vec![Some((0, 1))],
                reading: true,
            },
        };
        let options = ChildOptions { start: Start::Live, ..ChildOptions::default() };
        engine.add_child(PATH, receiver, options)?;
    }
    let mut source = Source::new(load, SocketAddr::from(([127, 0, 0, 1], port)), epoch)?;
    let arrived = || Ok::<_, Error>(receivers.arrived());
    let driven = drive(load, &mut source, arrived, || Ok(engine.figures()?.cpu))?;
    engine.stop();
    Ok(Measured {
        packets: driven.packets,
        lost: driven.lost,
        elapsed: driven.elapsed,
        cpu: driven.used.1.saturating_sub(driven.used.0),
        latencies: driven.latencies,
    })
}

fn connect(to: &SocketAddr) -> Result<TcpStream, Error> {
    let stream = TcpStream::connect(to).map_err(doing("connect to a receiver"))?;
    stream.set_nodelay(true).map_err(doing("connect to a receiver"))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_and_costs_something() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let load = Load {
                children: 3,
                transport,
                bitrate: 500_000,
                fps: 25,
                gro: false,
                duration: Duration::from_millis(400),
            };
            let measured = in_process(&load, Config::default()).expect("measured");
            assert!(measured.packets > 0, "{transport:?}: {measured:?}");
            assert!(measured.cpu > Duration::ZERO, "{transport:?}: {measured:?}");
            assert!(!measured.latencies.is_empty(), "{transport:?}: {measured:?}");
        }
    }
}
