//! What an engine is told at its start.

use std::ffi::c_char;
use std::time::Duration;

use rillcast::engine::{Config, Multicast};
use rillcast::io::Backend;
use rillcast::relay::Start;

use crate::access::rill_access_mode;
use crate::args::{self, OutSized, Versioned};
use crate::boundary::guard_done;
use crate::failure::Failure;
use crate::status::rill_status;

/// Where in a stream one begins who has just come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_start {
    /// With everything since the newest key frame, at once: a picture is there immediately.
    RILL_START_KEY_FRAME = 0,
    /// With the next packet that comes in.
    RILL_START_LIVE = 1,
}

/// How RTP travels between two RTSP peers.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_transport {
    /// As datagrams; interleaved when the other side refuses them.
    RILL_TRANSPORT_AUTO = 0,
    /// As datagrams.
    RILL_TRANSPORT_UDP = 1,
    /// Interleaved in the RTSP connection.
    RILL_TRANSPORT_TCP = 2,
}

/// What packets are carried by.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_backend {
    /// The best that is there; rill_engine_figures says which, and why.
    RILL_BACKEND_AUTO = 0,
    /// epoll, recvmmsg and sendmmsg, with segmentation offload (Linux).
    RILL_BACKEND_MMSG = 1,
    /// io_uring (Linux 6.1 and newer, where it is allowed).
    RILL_BACKEND_URING = 2,
    /// A system call for each datagram, no offload: everywhere.
    RILL_BACKEND_MIO = 3,
}

/// Settings of an engine. Fill it by rill_engine_config_init(), then change what you want changed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_engine_config {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Packets that the ring of a stream holds at most, 1 to 1,048,576 (no fewer than 4,096 are taken). By default
    /// 8,192.
    pub ring_packets: u32,
    /// Readers of one stream at most, 1 to 4,096. By default 32.
    pub max_readers: u32,
    /// Bytes of packet buffers that one stream may hold; a rill_source that feeds it as many again. 1 MiB or
    /// more, by default 32 MiB.
    pub buffer_bytes: u64,
    /// How long groups of pictures older than the present one are kept, in ms. By default 4,000.
    pub history_ms: u32,
    /// How far a connection may lag behind before it is skipped to the newest key frame, in ms. By default
    /// 3,000.
    pub max_lag_ms: u32,
    /// How long a connection may take nothing at all before it is cut off, in ms. By default 10,000.
    pub cut_off_ms: u32,
    /// Bytes sent in one millisecond to a UDP child that has just come. By default 4,096.
    pub burst_bytes: u32,
    /// Where in a stream a new player begins: a number of rill_start. By default at the newest key frame.
    pub start: i32,
    /// How long an RTSP session lives without a sign of life, in ms. By default 60,000.
    pub session_timeout_ms: u32,
    /// How long a pull or a push may take to come about, in ms. By default 10,000.
    pub connect_timeout_ms: u32,
    /// RTSP connections served at once and, counted apart, children that the program adds. By default
    /// 10,000.
    pub max_connections: u32,
    /// Streams at once and, counted apart, sources that were not freed. By default 4,096.
    pub max_streams: u32,
    /// Bytes of receive buffer asked of the kernel for each UDP socket; 0 is the system's default. By default
    /// 4 MiB.
    pub udp_receive_buffer: u32,
    /// Bytes of send buffer asked of the kernel for each UDP socket; 0 is the system's default. By default 4 MiB.
    pub udp_send_buffer: u32,
    /// Whether the kernel may hand over several datagrams as one (GRO): 0 or 1. By default 1.
    pub udp_gro: i32,
    /// Who may play and publish: a number of rill_access_mode. By default everyone.
    pub access: i32,
    /// How long the players of a stream wait for its source to come back after it was lost, in ms; 0,
    /// the default, ends the stream at once.
    pub linger_ms: u32,
    /// Whether a publisher may take a path from the one that is there: 0 or 1. By default 0.
    pub takeover: i32,
    /// Whether packets lost over UDP are sent again in a stream of their own (RFC 4588) to players that set up
    /// the profile RTP/AVPF: 0 or 1, by default 0. Others get them again as they were.
    pub retransmission: i32,
    /// Bytes of packet buffers that all streams and sources together may hold. When they are so many that
    /// `buffer_bytes` for each would be more, each has its equal share, but never less than 1 MiB. A source whose
    /// stream was ended holds one buffer at most (256 KiB). By default 4 GiB.
    pub total_buffer_bytes: u64,
    /// RTSP connections at once from one address, or from one IPv6 network (/64). By default 5,000.
    pub max_connections_per_address: u32,
    /// How long the program may take to answer who may play and publish (RILL_ACCESS_ASK), in ms. By default
    /// 10,000.
    pub access_timeout_ms: u32,
    /// The multicast groups for streams whose players ask for that, such as "239.1.2.0/24": each stream that is
    /// wanted so has one of them, and is sent there once for all. NULL: no multicast.
    pub multicast: *const c_char,
    /// IPv4 address of the interface that multicast is sent from; NULL: the one that the route to the group has.
    pub multicast_interface: *const c_char,
    /// Routers that multicast may pass, plus one: 1 to 255. By default 1, which keeps it in the local network.
    pub multicast_ttl: u32,
    /// Threads that send to children, 0 to 256. With 0, the default, the engine's own thread does that too, which costs least as
    /// long as one processor is enough.
    pub workers: u32,
    /// Whether each thread of the engine is kept on one processor: 0 or 1. By default 0.
    pub pin: i32,
    /// What packets are carried by: a number of rill_backend, by default the best there is. One that is not there makes
    /// rill_engine_start() fail.
    pub backend: i32,
}

// SAFETY: numbers and pointers only, the first of which is its size.
unsafe impl Versioned for rill_engine_config {
    const FIRST: usize = 88;
}

impl Default for rill_engine_config {
    fn default() -> rill_engine_config {
        let Config {
            limits,
            start,
            buffer,
            udp,
            session_timeout,
            max_connections,
            max_streams,
            connect_timeout,
            linger,
            takeover,
            retransmission,
            workers,
            pin,
            max_connections_per_address,
            total_buffer,
            access_timeout,
            ..
        } = Config::default();
        rill_engine_config {
            struct_size: size_of::<rill_engine_config>(),
            ring_packets: narrow(limits.ring_packets),
            max_readers: narrow(limits.readers),
            buffer_bytes: buffer as u64,
            history_ms: milliseconds(limits.history),
            max_lag_ms: milliseconds(limits.max_lag),
            cut_off_ms: milliseconds(limits.cut_off),
            burst_bytes: narrow(limits.burst),
            start: start_number(start) as i32,
            session_timeout_ms: milliseconds(session_timeout),
            connect_timeout_ms: milliseconds(connect_timeout),
            max_connections: narrow(max_connections),
            max_streams: narrow(max_streams),
            udp_receive_buffer: narrow(udp.recv_buffer),
            udp_send_buffer: narrow(udp.send_buffer),
            udp_gro: i32::from(udp.gro),
            access: rill_access_mode::RILL_ACCESS_ALL as i32,
            linger_ms: milliseconds(linger),
            takeover: i32::from(takeover),
            retransmission: i32::from(retransmission),
            total_buffer_bytes: total_buffer as u64,
            max_connections_per_address: narrow(max_connections_per_address),
            access_timeout_ms: milliseconds(access_timeout),
            multicast: std::ptr::null(),
            multicast_interface: std::ptr::null(),
            multicast_ttl: 1,
            workers: narrow(workers),
            pin: i32::from(pin),
            backend: rill_backend::RILL_BACKEND_AUTO as i32,
        }
    }
}

/// The largest ring and number of readers that memory is taken for.
const MAX_RING: u32 = 1 << 20;
const MAX_READERS: u32 = 4096;
/// Threads that the engine can be asked for.
const MAX_WORKERS: u32 = 256;
/// The least that a stream's buffers may be: a group of pictures has to fit in.
const MIN_BUFFER: u64 = 1 << 20;

impl rill_engine_config {
    /// # Safety
    ///
    /// Each of its texts is NULL or one.
    pub(crate) unsafe fn to_config(self) -> Result<Config, Failure> {
        let within = |name: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Failure::argument(format!("{name} is {value}, not between {low} and {high}")))
        };
        within("config->ring_packets", self.ring_packets.into(), 1, MAX_RING.into())?;
        within("config->max_readers", self.max_readers.into(), 1, MAX_READERS.into())?;
        within("config->buffer_bytes", self.buffer_bytes, MIN_BUFFER, 1 << 40)?;
        within("config->total_buffer_bytes", self.total_buffer_bytes, MIN_BUFFER, 1 << 40)?;
        within("config->workers", self.workers.into(), 0, MAX_WORKERS.into())?;
        within("config->burst_bytes", self.burst_bytes.into(), 1, u32::MAX.into())?;
        let mut config = Config::default();
        config.limits.ring_packets = self.ring_packets as usize;
        config.limits.readers = self.max_readers as usize;
        config.limits.history = duration(self.history_ms);
        config.limits.max_lag = duration(self.max_lag_ms);
        config.limits.cut_off = duration(self.cut_off_ms);
        config.limits.burst = self.burst_bytes as usize;
        config.start = start_of(self.start, "config->start")?;
        config.buffer = self.buffer_bytes as usize;
        config.udp.recv_buffer = self.udp_receive_buffer as usize;
        config.udp.send_buffer = self.udp_send_buffer as usize;
        config.udp.gro = args::yes(self.udp_gro);
        config.session_timeout = duration(self.session_timeout_ms);
        config.max_connections = self.max_connections as usize;
        config.max_streams = self.max_streams as usize;
        config.connect_timeout = duration(self.connect_timeout_ms);
        config.linger = duration(self.linger_ms);
        config.takeover = args::yes(self.takeover);
        config.retransmission = args::yes(self.retransmission);
        config.workers = self.workers as usize;
        config.pin = args::yes(self.pin);
        config.backend = backend_of(self.backend)?;
        // SAFETY: the caller's.
        config.multicast = unsafe { self.to_multicast() }?;
        config.max_connections_per_address = self.max_connections_per_address as usize;
        config.total_buffer = self.total_buffer_bytes as usize;
        config.access_timeout = duration(self.access_timeout_ms);
        Ok(config)
    }

    /// # Safety
    ///
    /// As for [`to_config`](rill_engine_config::to_config).
    unsafe fn to_multicast(self) -> Result<Option<Multicast>, Failure> {
        if self.multicast.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's.
        let groups = unsafe { args::text(self.multicast, "config->multicast") }?;
        let groups = groups.parse().map_err(|why| {
            Failure::argument(format!("config->multicast is \"{groups}\": {why}"))
        })?;
        let ttl =
            u8::try_from(self.multicast_ttl).ok().filter(|ttl| *ttl > 0).ok_or_else(|| {
                let text = format!("config->multicast_ttl is {}, not 1 to 255", self.multicast_ttl);
                Failure::argument(text)
            })?;
        let interface = match self.multicast_interface.is_null() {
            true => None,
            false => {
                let name = "config->multicast_interface";
                // SAFETY: the caller's.
                let text = unsafe { args::text(self.multicast_interface, name) }?;
                let address = text.parse().map_err(|_| {
                    Failure::argument(format!("{name} is \"{text}\", which is no IPv4 address"))
                })?;
                Some(address)
            }
        };
        Ok(Some(Multicast { groups, ttl, interface }))
    }
}

impl rill_engine_config {
    /// Whether the program is to be asked who may play and publish.
    pub(crate) fn asks(&self) -> Result<bool, Failure> {
        const ALL: i32 = rill_access_mode::RILL_ACCESS_ALL as i32;
        const ASK: i32 = rill_access_mode::RILL_ACCESS_ASK as i32;
        match self.access {
            ALL => Ok(false),
            ASK => Ok(true),
            other => {
                let text = format!("config->access is {other}, which is no rill_access_mode");
                Err(Failure::argument(text))
            }
        }
    }
}

fn backend_of(number: i32) -> Result<Backend, Failure> {
    const AUTO: i32 = rill_backend::RILL_BACKEND_AUTO as i32;
    const MMSG: i32 = rill_backend::RILL_BACKEND_MMSG as i32;
    const URING: i32 = rill_backend::RILL_BACKEND_URING as i32;
    const MIO: i32 = rill_backend::RILL_BACKEND_MIO as i32;
    match number {
        AUTO => Ok(Backend::Auto),
        MMSG => Ok(Backend::Mmsg),
        URING => Ok(Backend::Uring),
        MIO => Ok(Backend::Mio),
        _ => {
            let text = format!("config->backend is {number}, which is no rill_backend");
            Err(Failure::argument(text))
        }
    }
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

pub(crate) fn milliseconds(value: Duration) -> u32 {
    u32::try_from(value.as_millis()).unwrap_or(u32::MAX)
}

pub(crate) fn duration(milliseconds: u32) -> Duration {
    Duration::from_millis(milliseconds.into())
}

pub(crate) fn start_number(start: Start) -> rill_start {
    match start {
        Start::KeyFrame => rill_start::RILL_START_KEY_FRAME,
        Start::Live => rill_start::RILL_START_LIVE,
    }
}

pub(crate) fn start_of(number: i32, name: &str) -> Result<Start, Failure> {
    const KEY_FRAME: i32 = rill_start::RILL_START_KEY_FRAME as i32;
    const LIVE: i32 = rill_start::RILL_START_LIVE as i32;
    match number {
        KEY_FRAME => Ok(Start::KeyFrame),
        LIVE => Ok(Start::Live),
        _ => Err(Failure::argument(format!("{name} is {number}, which is no rill_start"))),
    }
}

/// Fills a configuration with the defaults of the library. Unlike `rillcast serve`, a stream then ends with its
/// source (`linger_ms` is 0), and everybody may play and publish (RILL_ACCESS_ALL). Thread-safe.
///
/// @param config  where they go
/// @param size    sizeof(rill_engine_config), so that the library knows your version of it
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_config_init(
    config: *mut rill_engine_config,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(config, size, &rill_engine_config::default()) })
}
