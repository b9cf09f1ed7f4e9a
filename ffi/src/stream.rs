//! Streams that come and go by network.

use std::ffi::c_char;

use rillcast::engine::Transport;
use rillcast::media::sdp;

use crate::args;
use crate::boundary::guard_done;
use crate::config::{duration, rill_transport};
use crate::engine::{rill_engine, running};
use crate::failure::Failure;
use crate::status::rill_status;

fn transport_of(number: i32) -> Result<Transport, Failure> {
    const AUTO: i32 = rill_transport::RILL_TRANSPORT_AUTO as i32;
    const UDP: i32 = rill_transport::RILL_TRANSPORT_UDP as i32;
    const TCP: i32 = rill_transport::RILL_TRANSPORT_TCP as i32;
    match number {
        AUTO => Ok(Transport::Auto),
        UDP => Ok(Transport::Udp),
        TCP => Ok(Transport::Tcp),
        _ => Err(Failure::argument(format!("transport is {number}, which is no rill_transport"))),
    }
}

/// Plays an RTSP URL and makes what comes the stream at `path`. Returns when the attempt has begun;
/// RILL_EVENT_STREAM_STARTED or RILL_EVENT_PULL_FAILED tells how it went. The host's name is looked up
/// during the call. Thread-safe.
///
/// @param path       the stream's path, such as "cam"
/// @param url        rtsp://HOST/PATH; user, password and port may be in it
/// @param transport  a number of rill_transport
/// @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_PATH_TAKEN; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_pull(
    engine: *mut rill_engine,
    path: *const c_char,
    url: *const c_char,
    transport: i32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, url) = unsafe { (args::text(path, "path")?, args::text(url, "url")?) };
        Ok(engine.pull(path, url, transport_of(transport)?)?)
    })
}

/// Plays an RTSP URL while somebody wants the stream at `path`: from the first player's request for it on,
/// which waits until the stream is there, until it has had no player, push or child for `grace_ms`. Readers
/// of this program are not counted. A server that fails is not asked again at once; RILL_EVENT_PULL_FAILED
/// tells of it. Takes the place of one that the path had before; a stream that is there goes on. Thread-safe.
///
/// @param path       the stream's path
/// @param url        rtsp://HOST/PATH; user, password and port may be in it. The host's name is looked up
///                   when it is wanted
/// @param transport  a number of rill_transport
/// @param grace_ms   how long the stream stays without players, in ms
/// @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_pull_on_demand(
    engine: *mut rill_engine,
    path: *const c_char,
    url: *const c_char,
    transport: i32,
    grace_ms: u32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, url) = unsafe { (args::text(path, "path")?, args::text(url, "url")?) };
        Ok(engine.pull_on_demand(path, url, transport_of(transport)?, duration(grace_ms))?)
    })
}

/// The path is no longer fetched on demand. A stream that is there stays until its source ends, or
/// rill_engine_end_stream() ends it. Thread-safe.
///
/// @param path  the stream's path
/// @return RILL_OK; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_forget_on_demand(
    engine: *mut rill_engine,
    path: *const c_char,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's.
        Ok(engine.forget_on_demand(unsafe { args::text(path, "path") }?)?)
    })
}

/// From now on the stream at `source` stands in at `path` while it has no source of its own: before the first
/// comes, and after it has gone. Players of `path` stay; a publisher, a source of this program or plain RTP takes
/// over at its next key frame. Both have to have the same tracks, coded alike, or the players are sent away. Thread-safe.
///
/// @param path    the path that is to have a stream at all times
/// @param source  the path of the stream that stands in; NULL: none does any more
/// @return RILL_OK; RILL_ERROR_ARGUMENT when `path` would stand in for itself; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_set_fallback(
    engine: *mut rill_engine,
    path: *const c_char,
    source: *const c_char,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        let source = match source.is_null() {
            true => None,
            // SAFETY: the caller's.
            false => Some(unsafe { args::text(source, "source") }?),
        };
        Ok(engine.set_fallback(path, source)?)
    })
}

/// Publishes the stream at `path`, now or as soon as it comes, to an RTSP URL (RECORD). Returns when
/// this is noted; RILL_EVENT_PUSH_STARTED or RILL_EVENT_PUSH_ENDED tells how it went. Thread-safe.
///
/// @param path       the stream's path
/// @param url        rtsp://HOST/PATH; user, password and port may be in it
/// @param transport  a number of rill_transport
/// @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_push(
    engine: *mut rill_engine,
    path: *const c_char,
    url: *const c_char,
    transport: i32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, url) = unsafe { (args::text(path, "path")?, args::text(url, "url")?) };
        Ok(engine.push(path, url, transport_of(transport)?)?)
    })
}

/// Receives plain RTP at the ports that a session description names, and makes it the stream at `path`.
/// Thread-safe.
///
/// @param path  the stream's path
/// @param sdp   the session description (SDP) of the sender
/// @return RILL_OK; RILL_ERROR_SDP; RILL_ERROR_PATH_TAKEN; RILL_ERROR_SYSTEM when a port cannot be bound
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_ingest_rtp(
    engine: *mut rill_engine,
    path: *const c_char,
    sdp: *const c_char,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's, both.
        let (path, sdp) = unsafe { (args::text(path, "path")?, args::text(sdp, "sdp")?) };
        Ok(engine.ingest_rtp(path, session(sdp)?)?)
    })
}

/// Ends the stream at `path`, wherever it comes from: its players are told that it is over, its readers get
/// what is left and then RILL_END, and its publisher is sent away. Thread-safe.
///
/// @param path  the stream's path
/// @return RILL_OK; RILL_ERROR_NO_STREAM; RILL_ERROR_STOPPED
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_end_stream(
    engine: *mut rill_engine,
    path: *const c_char,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's.
        Ok(engine.end(unsafe { args::text(path, "path") }?)?)
    })
}

/// A session description, parsed.
pub(crate) fn session(text: &str) -> Result<sdp::Session, Failure> {
    sdp::Session::parse(text.as_bytes()).map_err(|error| {
        let text = format!("session description: {error}");
        Failure::new(rill_status::RILL_ERROR_SDP, text)
    })
}
