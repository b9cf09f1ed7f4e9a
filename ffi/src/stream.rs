//! Streams that come and go by network.

use std::ffi::c_char;

use rillcast::engine::{Sources, Transport, Upstream};
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
/// RILL_EVENT_STREAM_STARTED or RILL_EVENT_PULL_FAILED tells how it went; it is not tried again. The host's name is
/// looked up during the call. Thread-safe.
///
/// @param path       the stream's path, such as "cam"
/// @param url        rtsp://HOST/PATH; user, password and port may be in it
/// @param transport  a number of rill_transport
/// @return RILL_OK; RILL_ERROR_URL; RILL_ERROR_PATH_TAKEN; RILL_ERROR_STOPPED
#[must_use]
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

/// As rill_engine_pull(), from a server for which others stand by: each has a connection with all set up, and
/// does not play. When the one that feeds the stream is gone or silent, one of them goes on from the last packet
/// that is here: players and readers lose nothing, get nothing twice and notice nothing
/// (RILL_EVENT_UPSTREAM_SWITCHED). Servers that were lost are tried again. When none is left the stream waits as
/// long as rill_engine_config.linger_ms says.
///
/// A server stands by only if it has the very packets of the first: the same tracks from the same source (SSRC), as
/// relays of one stream do, and two cameras do not. RILL_EVENT_STANDBY_LOST tells of one that has not. Thread-safe.
///
/// @param path       the stream's path
/// @param urls       where it can be had: first who is to feed it, then up to 7 who stand by
/// @param count      number of URLs, 1 to 8
/// @param transport  a number of rill_transport, for all of them
/// @return RILL_OK; RILL_ERROR_ARGUMENT; RILL_ERROR_URL; RILL_ERROR_PATH_TAKEN; RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_pull_from(
    engine: *mut rill_engine,
    path: *const c_char,
    urls: *const *const c_char,
    count: usize,
    transport: i32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        // SAFETY: the caller's.
        let sources = unsafe { sources(urls, count, transport) }?;
        Ok(engine.pull_from(path, &sources)?)
    })
}

/// From now on a stream that is pulled comes from these servers. When the first of them is another than the one
/// that feeds it now, the stream goes over to it as soon as it plays, and only then leaves the present one: nothing
/// is lost. Until then, and when it does not come about, all stays as it is. Thread-safe.
///
/// @param path       the stream's path
/// @param urls       as for rill_engine_pull_from()
/// @param count      as there
/// @param transport  as there
/// @return RILL_OK; RILL_ERROR_NO_STREAM when nothing is pulled at the path; RILL_ERROR_ARGUMENT; RILL_ERROR_URL;
///         RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_set_upstreams(
    engine: *mut rill_engine,
    path: *const c_char,
    urls: *const *const c_char,
    count: usize,
    transport: i32,
) -> rill_status {
    guard_done(|| {
        let engine = running(engine)?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        // SAFETY: the caller's.
        let sources = unsafe { sources(urls, count, transport) }?;
        Ok(engine.set_upstreams(path, &sources)?)
    })
}

/// # Safety
///
/// `urls`: NULL, or as many texts, each of which may be NULL.
unsafe fn sources(
    urls: *const *const c_char,
    count: usize,
    transport: i32,
) -> Result<Sources, Failure> {
    const MOST: usize = 1 + Sources::MAX_STANDBYS;
    if !(1..=MOST).contains(&count) {
        return Err(Failure::argument(format!("there are {count} URLs, not 1 to {MOST}")));
    }
    let transport = transport_of(transport)?;
    // SAFETY: the caller's.
    let urls = unsafe { args::slice(urls, count, "urls") }?;
    let upstream = |url: &*const c_char| {
        // SAFETY: the caller's.
        let url = unsafe { args::text(*url, "a URL") }?;
        Ok::<_, Failure>(Upstream::new(url).over(transport))
    };
    let mut upstreams = urls.iter().map(upstream);
    let parent = upstreams.next().unwrap_or_else(|| Err(Failure::argument("there is no URL")))?;
    Ok(Sources { parent, standbys: upstreams.collect::<Result<_, _>>()? })
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
#[must_use]
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
#[must_use]
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
#[must_use]
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
/// what is left and then RILL_END, and its publisher is sent away. A rill_source that fed it stays a handle to be
/// freed; what is pushed into it from then on is thrown away, with RILL_OK. RILL_EVENT_STREAM_ENDED tells of it, and
/// a new source may take the path at once: free the one before. Thread-safe.
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
