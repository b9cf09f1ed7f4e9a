//! An engine in this process is the relay.

use std::time::{Duration, Instant};

use rillcast::engine::{Config, Engine};

use super::{Error, Load, Processors, Receivers, Source, attach, doing, drive, pin_to};

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
    let to = attach(&engine, load.transport, load.streams, receivers.addresses())?;
    let mut source = Source::new(load, &to, epoch)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    #[test]
    fn what_is_sent_arrives_and_costs_something() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let load = Load {
                streams: 2,
                children: 3,
                stalled: 0,
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
