//! What fan-out costs on this machine.

use std::time::Duration;

use rillcast_loopback::{Error, Load, Measured, PAYLOAD, Transport, in_process};

use crate::args::{self, OutSized, Versioned};
use crate::boundary::guard_done;
use crate::config::{duration, rill_engine_config, rill_transport};
use crate::failure::Failure;
use crate::signals;
use crate::status::rill_status;

/// A measurement of fan-out. Fill it by rill_bench_config_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_bench_config {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Receivers, 1 to 20,000: each takes a descriptor.
    pub children: u32,
    /// How they receive: RILL_TRANSPORT_UDP or RILL_TRANSPORT_TCP.
    pub transport: i32,
    /// Bits of RTP payload a second, 10,000 to 100,000,000; the packets have 1,200 bytes of it, and a frame 1 to 54
    /// packets.
    pub bitrate: u32,
    /// Frames a second, 1 to 240.
    pub fps: u32,
    /// How long it is measured, in ms: 100 to 3,600,000, and with no more than 100,000,000 frames at all receivers
    /// together. The call takes about a second more.
    pub duration_ms: u32,
    /// Whether the receivers let the kernel join packets (GRO), which makes their half cheap: 0 or 1.
    pub gro: i32,
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_bench_config {
    const FIRST: usize = 32;
}

impl Default for rill_bench_config {
    fn default() -> rill_bench_config {
        rill_bench_config {
            struct_size: size_of::<rill_bench_config>(),
            children: 200,
            transport: rill_transport::RILL_TRANSPORT_UDP as i32,
            bitrate: 2_000_000,
            fps: 30,
            duration_ms: 3000,
            gro: 0,
        }
    }
}

impl rill_bench_config {
    fn to_load(self) -> Result<Load, Failure> {
        const UDP: i32 = rill_transport::RILL_TRANSPORT_UDP as i32;
        const TCP: i32 = rill_transport::RILL_TRANSPORT_TCP as i32;
        let within = |name: &str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Failure::argument(format!("{name} is {value}, not between {low} and {high}")))
        };
        within("config->children", self.children, 1, 20_000)?;
        within("config->bitrate", self.bitrate, 10_000, 100_000_000)?;
        within("config->fps", self.fps, 1, 240)?;
        within("config->duration_ms", self.duration_ms, 100, 3_600_000)?;
        let transport = match self.transport {
            UDP => Transport::Udp,
            TCP => Transport::Tcp,
            other => {
                let text = format!("config->transport is {other}, not UDP or TCP");
                return Err(Failure::argument(text));
            }
        };
        let packets = f64::from(self.bitrate) / 8.0 / f64::from(self.fps) / PAYLOAD as f64;
        if !(0.5..54.5).contains(&packets) {
            let text =
                "config->bitrate and config->fps: a frame has 1 to 54 packets of 1,200 bytes";
            return Err(Failure::argument(text));
        }
        let frames = u64::from(self.fps) * u64::from(self.duration_ms) / 1000;
        if frames * u64::from(self.children) > 100_000_000 {
            let text =
                "config: receivers times frames are more than 100,000,000, which are all kept";
            return Err(Failure::argument(text));
        }
        Ok(Load {
            streams: 1,
            children: self.children as usize,
            stalled: 0,
            transport,
            bitrate: self.bitrate,
            fps: self.fps,
            gro: args::yes(self.gro),
            duration: duration(self.duration_ms),
        })
    }
}

/// What a measurement has found. Begin with rill_bench_result_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_bench_result {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Packets that reached a receiver while it was measured.
    pub packets: u64,
    /// Packets that did not, from first to last. While it is not 0 the other figures mean little.
    pub lost: u64,
    /// Processor time of the engine in that time, in ns.
    pub cpu_ns: u64,
    /// The same for each packet. On loopback the kernel does the receiver's half of the work in the sender's call,
    /// and so it is in here.
    pub cpu_ns_per_packet: f64,
    /// How long it was measured, in ns.
    pub elapsed_ns: u64,
    /// Half of all frames took no longer, from the source to the last packet at a receiver, in ns.
    pub latency_p50_ns: u64,
    /// All but one in a hundred took no longer, in ns.
    pub latency_p99_ns: u64,
    /// The longest, in ns.
    pub latency_max_ns: u64,
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_bench_result {
    const FIRST: usize = 72;
}

const _: () = assert!(PAYLOAD == 1200, "the header says how long packets are");

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The latency that `percent` of them did not exceed.
fn percentile(sorted: &[u32], percent: usize) -> u64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0, |microseconds| u64::from(*microseconds) * 1000)
}

fn result(measured: &Measured) -> rill_bench_result {
    rill_bench_result {
        struct_size: size_of::<rill_bench_result>(),
        packets: measured.packets,
        lost: measured.lost,
        cpu_ns: nanoseconds(measured.cpu),
        cpu_ns_per_packet: measured.cpu.as_nanos() as f64 / measured.packets.max(1) as f64,
        elapsed_ns: nanoseconds(measured.elapsed),
        latency_p50_ns: percentile(&measured.latencies, 50),
        latency_p99_ns: percentile(&measured.latencies, 99),
        latency_max_ns: percentile(&measured.latencies, 100),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Engine(error) => Failure::from(error),
            other => Failure::new(rill_status::RILL_ERROR_SYSTEM, other.to_string()),
        }
    }
}

/// Fills a measurement's configuration with the defaults: 200 receivers by UDP of 2 Mbit/s, 3 s. Thread-safe.
///
/// @param config  where they go
/// @param size    sizeof(rill_bench_config)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_bench_config_init(
    config: *mut rill_bench_config,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(config, size, &rill_bench_config::default()) })
}

/// Zeroes a result and sets its size. `size`: sizeof(rill_bench_result). Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_bench_result_init(
    result: *mut rill_bench_result,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init_zero(result, size) })
}

/// Measures what it costs to send one stream to many receivers: what `rillcast bench fanout` does, within this
/// process. An engine of its own relays a stream over loopback; source and receivers are threads of this process,
/// whose processor time does not count. Where there are two processors, an engine without workers has one of them. Returns when it is
/// done; what else the machine does meanwhile is in the figures. Thread-safe.
///
/// @param config  what is sent to how many; NULL for the defaults
/// @param engine  settings of the engine; NULL for the defaults
/// @param out     what was found; begin with rill_bench_result_init()
/// @return RILL_OK; RILL_ERROR_ARGUMENT; RILL_ERROR_SYSTEM when the system refuses sockets: too few descriptors
///         (`ulimit -n`), say
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_bench_fanout(
    config: *const rill_bench_config,
    engine: *const rill_engine_config,
    out: *mut rill_bench_result,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        // SAFETY: the caller's.
        let config = unsafe { args::config(config, rill_bench_config::default(), "config") }?;
        // SAFETY: the caller's.
        let engine = unsafe { args::config(engine, rill_engine_config::default(), "engine") }?;
        // SAFETY: the caller's: texts, or NULL.
        let mut engine = unsafe { engine.to_config() }?;
        let load = config.to_load()?;
        engine.max_connections = engine.max_connections.max(load.children);
        let load = &load;
        // Only the library's threads take no signals: the caller's goes on to.
        let measured = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("bench".into());
            let run = move || in_process(load, engine);
            let thread = signals::kept_away(|| thread.spawn_scoped(scope, run))
                .map_err(|error| Failure::system("start the thread of the measurement", &error))?;
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ended.map_err(Failure::from)
        })?;
        out.set(&result(&measured));
        Ok(())
    })
}
