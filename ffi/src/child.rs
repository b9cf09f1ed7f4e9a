//! Children: receivers that the program adds itself.

use std::ffi::c_char;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rillcast::engine::{ChildId, ChildOptions, Receiver};
use rillcast::relay::ChildLimits;

use crate::args::{self, Out, OutSized, Versioned};
use crate::boundary::guard_done;
use crate::config::{duration, milliseconds, rill_start, start_of};
use crate::engine::{rill_engine, running};
use crate::failure::Failure;
use crate::figures::{child_figures, rill_child_figures, stream};
use crate::status::rill_status;

/// How a child is served. Fill it by rill_child_config_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_child_config {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// Where in the stream it begins: a number of rill_start.
    pub start: i32,
    /// 1: it gets nothing before rill_child_resume().
    pub paused: i32,
    /// How far its connection may lag behind before it is skipped to the newest key frame, in ms.
    pub max_lag_ms: u32,
    /// How long its connection may take nothing at all before it is cut off, in ms.
    pub cut_off_ms: u32,
    /// Bytes sent to it in one millisecond while it is a UDP child that has just come.
    pub burst_bytes: u32,
    /// Connections: 1 when the engine reads what the peer sends (to throw it away, and to notice when it
    /// hangs up), 0 when the program does, from a duplicate of the descriptor.
    pub reading: i32,
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_child_config {
    const FIRST: usize = 32;
}

impl Default for rill_child_config {
    fn default() -> rill_child_config {
        let limits = rillcast::relay::Limits::default().of_child();
        rill_child_config {
            struct_size: size_of::<rill_child_config>(),
            start: rill_start::RILL_START_KEY_FRAME as i32,
            paused: 0,
            max_lag_ms: milliseconds(limits.max_lag),
            cut_off_ms: milliseconds(limits.cut_off),
            burst_bytes: u32::try_from(limits.burst).unwrap_or(u32::MAX),
            reading: 1,
        }
    }
}

impl rill_child_config {
    fn to_options(self) -> Result<ChildOptions, Failure> {
        if self.burst_bytes == 0 {
            return Err(Failure::argument("config->burst_bytes is 0: nothing would ever be sent"));
        }
        let limits = ChildLimits {
            max_lag: duration(self.max_lag_ms),
            cut_off: duration(self.cut_off_ms),
            burst: self.burst_bytes as usize,
        };
        let start = start_of(self.start, "config->start")?;
        Ok(ChildOptions { start, limits: Some(limits), paused: args::yes(self.paused) })
    }
}

/// The most tracks that a child may name: more channels there are not.
const MAX_TRACKS: usize = 128;

/// Fills a child's configuration with the defaults. Thread-safe.
///
/// @param config  where they go
/// @param size    sizeof(rill_child_config)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_config_init(
    config: *mut rill_child_config,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(config, size, &rill_child_config::default()) })
}

fn count_is_sane(count: usize) -> Result<(), Failure> {
    if (1..=MAX_TRACKS).contains(&count) {
        return Ok(());
    }
    Err(Failure::argument(format!("there are {count} tracks, not 1 to {MAX_TRACKS}")))
}

/// Sends the stream at `path` to a UDP address. It is served in the same batches as all other children.
/// Thread-safe.
///
/// @param engine  a running engine
/// @param path    the stream's path
/// @param config  how to serve it; NULL for the defaults
/// @param rtp     for each track "IP:PORT" or "[IPv6]:PORT" for RTP, or NULL when it is not wanted
/// @param rtcp    for each track the address for RTCP; NULL, or an element that is NULL, for the port
///                above that of RTP
/// @param tracks  number of elements of `rtp`, and of `rtcp` when that is not NULL
/// @param child   the number of the child, never 0 and never used again in this engine
/// @return RILL_OK; RILL_ERROR_ARGUMENT for an address that is none; RILL_ERROR_NO_STREAM;
///         RILL_ERROR_SDP when it wants no track; RILL_ERROR_TOO_MANY; RILL_ERROR_SYSTEM;
///         RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_add_udp(
    engine: *mut rill_engine,
    path: *const c_char,
    config: *const rill_child_config,
    rtp: *const *const c_char,
    rtcp: *const *const c_char,
    tracks: usize,
    child: *mut u64,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(child, "child") }?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        // SAFETY: the caller's.
        let config = unsafe { args::config(config, rill_child_config::default(), "config") }?;
        count_is_sane(tracks)?;
        // SAFETY: the caller's.
        let rtp = unsafe { args::slice(rtp, tracks, "rtp") }?;
        let rtcp = match rtcp.is_null() {
            true => &[],
            // SAFETY: the caller's.
            false => unsafe { args::slice(rtcp, tracks, "rtcp") }?,
        };
        let mut addresses = Vec::with_capacity(tracks);
        for (track, rtp) in rtp.iter().enumerate() {
            // SAFETY: the caller's, both.
            let rtp = unsafe { address(*rtp, "an address of rtp") }?;
            let rtcp = rtcp.get(track).copied().unwrap_or(std::ptr::null());
            // SAFETY: the caller's.
            let rtcp = unsafe { address(rtcp, "an address of rtcp") }?;
            addresses.push(match rtp {
                Some(rtp) => Some((rtp, rtcp.map_or_else(|| above(rtp), Ok)?)),
                None => None,
            });
        }
        let options = config.to_options()?;
        let child = running(engine)?.add_child(path, Receiver::Udp(addresses), options)?;
        out.set(child.0);
        Ok(())
    })
}

/// # Safety
///
/// NULL, or a text.
unsafe fn address(pointer: *const c_char, name: &str) -> Result<Option<SocketAddr>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's.
    let text = unsafe { args::text(pointer, name) }?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 && !address.ip().is_unspecified() => Ok(Some(address)),
        _ => {
            let text = format!("{text} is no address to send to, such as 192.0.2.7:5004");
            Err(Failure::argument(text))
        }
    }
}

fn above(rtp: SocketAddr) -> Result<SocketAddr, Failure> {
    let port = rtp.port().checked_add(1);
    let port = port.ok_or_else(|| Failure::argument(format!("{rtp} leaves no port for RTCP")))?;
    Ok(SocketAddr::new(rtp.ip(), port))
}

/// Sends the stream at `path`, interleaved (RFC 2326 section 10.12), into a connected TCP or Unix stream
/// socket. On success the descriptor is the library's, which makes it close-on-exec and closes it with
/// the child; on failure it stays yours. Thread-safe.
///
/// @param engine    a running engine
/// @param path      the stream's path
/// @param config    how to serve it; NULL for the defaults
/// @param fd        the socket
/// @param channels  for each track its channels for RTP and RTCP one after the other, or two times 255
///                  when it is not wanted; NULL for 0 and 1, 2 and 3 ...
/// @param tracks    number of tracks; `channels` has twice as many elements
/// @param child     the number of the child, never 0 and never used again in this engine
/// @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_SDP when it wants no track; RILL_ERROR_SYSTEM when it
///         is no connected stream socket; RILL_ERROR_TOO_MANY; RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_add_fd(
    engine: *mut rill_engine,
    path: *const c_char,
    config: *const rill_child_config,
    fd: i32,
    channels: *const u8,
    tracks: usize,
    child: *mut u64,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(child, "child") }?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        // SAFETY: the caller's.
        let config = unsafe { args::config(config, rill_child_config::default(), "config") }?;
        count_is_sane(tracks)?;
        let channels = match channels.is_null() {
            true => (0..=u8::MAX).take(2 * tracks).collect(),
            // SAFETY: the caller's.
            false => unsafe { args::slice(channels, 2 * tracks, "channels") }?.to_vec(),
        };
        let (pairs, _) = channels.as_chunks::<2>();
        let channels = pairs
            .iter()
            .map(|[rtp, rtcp]| (*rtp != u8::MAX || *rtcp != u8::MAX).then_some((*rtp, *rtcp)));
        let channels = channels.collect();
        let options = config.to_options()?;
        let engine = running(engine)?;
        // The engine gets a duplicate, so that the caller's stays his when it fails.
        let socket = duplicate(fd)?;
        let reading = args::yes(config.reading);
        let receiver = Receiver::Connection { socket, channels, reading };
        let child = engine.add_child(path, receiver, options)?;
        // SAFETY: the caller has given the descriptor away, and nobody else closes it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        out.set(child.0);
        Ok(())
    })
}

fn duplicate(fd: i32) -> Result<OwnedFd, Failure> {
    if fd < 0 {
        return Err(Failure::argument(format!("fd is {fd}, which is no descriptor")));
    }
    // SAFETY: not -1. Should it not be open, duplicating it fails.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    // SAFETY: fcntl(2) takes no pointer here: F_DUPFD_CLOEXEC, the least number that it may give.
    let fd = unsafe { libc::fcntl(borrowed.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
    if fd < 0 {
        return Err(Failure::system("take the descriptor", &std::io::Error::last_os_error()));
    }
    // SAFETY: the call above has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Stops sending to a child, until it is resumed. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_NO_CHILD; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_pause(engine: *mut rill_engine, child: u64) -> rill_status {
    guard_done(|| Ok(running(engine)?.pause_child(ChildId(child))?))
}

/// Sends to a paused child again. Does nothing to one that plays. Thread-safe.
///
/// @param start  where it goes on: a number of rill_start
/// @return RILL_OK; RILL_ERROR_NO_CHILD; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_resume(
    engine: *mut rill_engine,
    child: u64,
    start: i32,
) -> rill_status {
    guard_done(|| Ok(running(engine)?.resume_child(ChildId(child), start_of(start, "start")?)?))
}

/// Writes bytes between two packets into a child's connection: the answer to an RTSP request that the
/// program has read from a duplicate of its descriptor, say. They are copied. Thread-safe.
///
/// @param data  the bytes
/// @param size  how many, at most 65,536
/// @return RILL_OK; RILL_ERROR_NO_CHILD when there is none, or it has no connection; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_write(
    engine: *mut rill_engine,
    child: u64,
    data: *const u8,
    size: usize,
) -> rill_status {
    const MOST: usize = 64 << 10;
    guard_done(|| {
        if size > MOST {
            return Err(Failure::argument(format!("{size} bytes are more than {MOST}")));
        }
        // SAFETY: the caller's.
        let bytes = unsafe { args::slice(data, size, "data") }?;
        Ok(running(engine)?.write_to_child(ChildId(child), bytes.to_vec())?)
    })
}

/// Removes a child; its connection is shut down and closed. No event tells it. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_NO_CHILD when it was removed, or left, before; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_remove(engine: *mut rill_engine, child: u64) -> rill_status {
    guard_done(|| Ok(running(engine)?.remove_child(ChildId(child))?))
}

/// Figures of all children of the stream at `path`, players that came by RTSP among them. Thread-safe.
///
/// @param out       an array, all of whose elements were initialised alike; may be NULL when `capacity`
///                  is 0
/// @param capacity  elements that it has room for
/// @param count     how many children there are, which may be more
/// @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_list(
    engine: *mut rill_engine,
    path: *const c_char,
    out: *mut rill_child_figures,
    capacity: usize,
    count: *mut usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let count = unsafe { Out::claim(count, "count") }?;
        // SAFETY: the caller's.
        let children = unsafe { stream(engine, path) }?.children;
        // SAFETY: the caller's.
        unsafe { args::fill(out, capacity, children.iter().map(child_figures)) }?;
        count.set(children.len());
        Ok(())
    })
}

/// Figures of one child. Thread-safe.
///
/// @param child  its number
/// @return RILL_OK; RILL_ERROR_NO_CHILD; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_child_get_figures(
    engine: *mut rill_engine,
    child: u64,
    out: *mut rill_child_figures,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        let streams = running(engine)?.figures()?.streams;
        let mut children = streams.iter().flat_map(|stream| &stream.children);
        let found = children.find(|figures| figures.tag == child && child != 0);
        let found = found.ok_or(rillcast::engine::Error::NoChild(ChildId(child)))?;
        out.set(&child_figures(found));
        Ok(())
    })
}
