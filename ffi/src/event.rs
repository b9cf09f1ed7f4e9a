//! What the engine tells: a queue to be polled.

use std::ffi::{CString, c_char};
use std::os::fd::AsRawFd;
use std::sync::{Arc, TryLockError};
use std::time::{Duration, Instant};

use rillcast::engine::{Event, Switched};
use rillcast::ring::Wake;

use crate::args::{self, Out};
use crate::boundary::{guard, guard_done};
use crate::engine::{Engine, rill_engine};
use crate::failure::Failure;
use crate::handle::Table;
use crate::status::rill_status;

/// What an event tells.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_event_kind {
    /// Something that this version of the API has no number for; `text` says what.
    RILL_EVENT_OTHER = 0,
    /// A stream is there: it can be played. `peer`: where it comes from.
    RILL_EVENT_STREAM_STARTED = 1,
    /// A stream is over. `text`: why.
    RILL_EVENT_STREAM_ENDED = 2,
    /// A player began. `peer`: its address; `text`: "udp", "multicast" or "tcp".
    RILL_EVENT_CHILD_STARTED = 3,
    /// A player is gone (`peer`: its address), or a child that the program had added (`child`). `text`:
    /// why.
    RILL_EVENT_CHILD_ENDED = 4,
    /// The server that a stream is pushed to takes it. `peer`: its URL.
    RILL_EVENT_PUSH_STARTED = 5,
    /// A push did not come about, or ended. `peer`: its URL; `text`: why.
    RILL_EVENT_PUSH_ENDED = 6,
    /// A pull did not come about. `peer`: its URL; `text`: why.
    RILL_EVENT_PULL_FAILED = 7,
    /// Something that the operator should mend. `text`: what, with the command that does.
    RILL_EVENT_WARNING = 8,
    /// The last child of a stream that is over has gone. `text`: the stream's account.
    RILL_EVENT_STREAM_CLOSED = 9,
    /// Somebody wanted to publish and was refused. `peer`: its address; `text`: why.
    RILL_EVENT_PUBLISHER_REFUSED = 10,
    /// The source of a stream is gone; its players wait for it to come back. `text`: why.
    RILL_EVENT_STREAM_INTERRUPTED = 11,
    /// A stream goes on. `peer`: where it comes from now.
    RILL_EVENT_STREAM_RESUMED = 12,
    /// A server stands by for a stream that is pulled. `peer`: its URL.
    RILL_EVENT_STANDBY_READY = 13,
    /// A server does not stand by for a stream, or no longer. `peer`: its URL; `text`: why.
    RILL_EVENT_STANDBY_LOST = 14,
    /// A stream comes from another server than before; its players have not noticed. `peer`: the URL it comes from
    /// now; `text`: the account of it; `gap_ns` and `missing`.
    RILL_EVENT_UPSTREAM_SWITCHED = 15,
    /// Nobody took events in time, and some were lost. `text`: how many.
    RILL_EVENT_EVENTS_LOST = 16,
}

/// Something that happened. The texts are UTF-8, never NULL, and valid until rill_event_release().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_event {
    /// A number of rill_event_kind.
    pub kind: i32,
    /// 0.
    pub reserved_kind: i32,
    /// Path of the stream that it is about; "" when it is about none.
    pub path: *const c_char,
    /// Who is at the other end; see rill_event_kind.
    pub peer: *const c_char,
    /// A sentence for people; see rill_event_kind.
    pub text: *const c_char,
    /// Number of the child that it is about, if the program had added it; else 0.
    pub child: u64,
    /// The library's.
    pub owner: u64,
    /// RILL_EVENT_UPSTREAM_SWITCHED: the longest time in the change without a new packet, in ns.
    pub gap_ns: u64,
    /// RILL_EVENT_UPSTREAM_SWITCHED: packets that came from neither server. 0: nothing was lost.
    pub missing: u64,
    /// 0.
    pub reserved: u64,
}

impl rill_event {
    const EMPTY: rill_event = rill_event {
        kind: 0,
        reserved_kind: 0,
        path: std::ptr::null(),
        peer: std::ptr::null(),
        text: std::ptr::null(),
        child: 0,
        owner: 0,
        gap_ns: 0,
        missing: 0,
        reserved: 0,
    };
}

static EVENTS: Table<Texts> = Table::new(0x52, "event");

struct Texts {
    child: u64,
    gap: Duration,
    missing: u64,
    path: CString,
    peer: CString,
    text: CString,
}

impl Texts {
    fn new(path: String, peer: String, text: String) -> Texts {
        let c = |text: String| {
            let mut bytes = text.into_bytes();
            bytes.retain(|byte| *byte != 0);
            CString::new(bytes).unwrap_or_default()
        };
        let (path, peer, text) = (c(path), c(peer), c(text));
        Texts { child: 0, gap: Duration::ZERO, missing: 0, path, peer, text }
    }
}

fn translate(event: Event) -> (rill_event_kind, Texts) {
    use rill_event_kind as kind;
    let none = String::new;
    match event {
        Event::StreamStarted { path, from } => {
            (kind::RILL_EVENT_STREAM_STARTED, Texts::new(path, from, none()))
        }
        Event::StreamEnded { path, reason } => {
            (kind::RILL_EVENT_STREAM_ENDED, Texts::new(path, none(), reason))
        }
        Event::ChildStarted { path, peer, transport } => {
            (kind::RILL_EVENT_CHILD_STARTED, Texts::new(path, peer, transport.into()))
        }
        Event::ChildEnded { path, peer, reason } => {
            (kind::RILL_EVENT_CHILD_ENDED, Texts::new(path, peer, reason))
        }
        Event::AddedChildEnded { path, child, reason } => {
            let texts = Texts { child: child.0, ..Texts::new(path, none(), reason) };
            (kind::RILL_EVENT_CHILD_ENDED, texts)
        }
        Event::PushStarted { path, url } => {
            (kind::RILL_EVENT_PUSH_STARTED, Texts::new(path, url, none()))
        }
        Event::PushEnded { path, url, reason } => {
            (kind::RILL_EVENT_PUSH_ENDED, Texts::new(path, url, reason))
        }
        Event::PullFailed { path, url, reason } => {
            (kind::RILL_EVENT_PULL_FAILED, Texts::new(path, url, reason))
        }
        Event::StreamClosed(stream) => {
            let path = stream.path.clone();
            let account = Event::StreamClosed(stream).to_string();
            (kind::RILL_EVENT_STREAM_CLOSED, Texts::new(path, none(), account))
        }
        Event::PublisherRefused { path, peer, reason } => {
            (kind::RILL_EVENT_PUBLISHER_REFUSED, Texts::new(path, peer, reason))
        }
        Event::StreamInterrupted { path, reason } => {
            (kind::RILL_EVENT_STREAM_INTERRUPTED, Texts::new(path, none(), reason))
        }
        Event::StreamResumed { path, from } => {
            (kind::RILL_EVENT_STREAM_RESUMED, Texts::new(path, from, none()))
        }
        Event::StandbyReady { path, url } => {
            (kind::RILL_EVENT_STANDBY_READY, Texts::new(path, url, none()))
        }
        Event::StandbyLost { path, url, reason } => {
            (kind::RILL_EVENT_STANDBY_LOST, Texts::new(path, url, reason))
        }
        Event::UpstreamSwitched(switched) => {
            let account = switched.to_string();
            let Switched { path, to, gap, missing, .. } = *switched;
            let texts = Texts { gap, missing, ..Texts::new(path, to, account) };
            (kind::RILL_EVENT_UPSTREAM_SWITCHED, texts)
        }
        lost @ Event::EventsLost { .. } => {
            let text = lost.to_string();
            (kind::RILL_EVENT_EVENTS_LOST, Texts::new(none(), none(), text))
        }
        Event::Warning(text) => (kind::RILL_EVENT_WARNING, Texts::new(none(), none(), text)),
        // The enum may grow.
        other => (kind::RILL_EVENT_OTHER, Texts::new(none(), none(), other.to_string())),
    }
}

/// How long one look at the queue may wait, so that a thread that asks for ever sees that the engine
/// was freed, or begun anew.
const SLICE: Duration = Duration::from_millis(100);

/// Takes the next event, in the order in which they happened. The engine keeps 1,024. When nobody takes them the
/// newest are lost (an account, RILL_EVENT_STREAM_CLOSED, takes the place of another), and an event
/// RILL_EVENT_EVENTS_LOST says how many.
///
/// For one thread at a time; which one may change.
///
/// @param timeout_ms  how long to wait for one, in ms; 0 does not wait, a negative number waits for ever
/// @param out         the event; to be given back by rill_event_release()
/// @return RILL_OK; RILL_AGAIN when there was none; RILL_END when the engine has stopped and no event is
///         left; RILL_ERROR_BUSY when another thread is waiting for one; RILL_ERROR_STOPPED before
///         rill_engine_start()
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_next_event(
    engine: *mut rill_engine,
    timeout_ms: i64,
    out: *mut rill_event,
) -> rill_status {
    guard(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        let engine_object = Engine::of(engine)?;
        let _taker = match engine_object.taker.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Failure::busy("the queue of events")),
        };
        let patience = args::patience(timeout_ms);
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        loop {
            let core = match engine_object.core() {
                Ok(core) => core,
                Err(_) if engine_object.was_started() => {
                    let Some(event) = engine_object.left_over() else {
                        return Ok(rill_status::RILL_END);
                    };
                    out.set(hand_over(event)?);
                    return Ok(rill_status::RILL_OK);
                }
                Err(failure) => return Err(failure),
            };
            if let Some(fd) = engine_object.bell.fd() {
                fd.reset();
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let slice = match patience {
                Some(_) => left.unwrap_or(SLICE).min(SLICE),
                None => SLICE,
            };
            if let Some(event) = core.next_event(Some(slice)) {
                // There may be more: the descriptor stays readable until one finds none.
                engine_object.bell.wake();
                out.set(hand_over(event)?);
                return Ok(rill_status::RILL_OK);
            }
            if !core.is_running() {
                // Stopped by another thread, for which `core()` waits; or it has ended by itself.
                let event = match engine_object.core() {
                    Ok(core) if core.is_running() => continue,
                    Ok(core) => core.next_event(Some(Duration::ZERO)),
                    Err(_) => engine_object.left_over(),
                };
                let Some(event) = event else { return Ok(rill_status::RILL_END) };
                out.set(hand_over(event)?);
                return Ok(rill_status::RILL_OK);
            }
            if left.is_some_and(|left| left <= slice) {
                // The descriptor is for questions, too.
                if engine_object.asked.as_ref().is_some_and(|asked| !asked.is_empty()) {
                    engine_object.bell.wake();
                }
                return Ok(rill_status::RILL_AGAIN);
            }
            // The handle may have been freed by another thread meanwhile.
            Engine::of(engine)?;
        }
    })
}

fn hand_over(event: Event) -> Result<rill_event, Failure> {
    let (kind, texts) = translate(event);
    let texts = Arc::new(texts);
    let mut event = rill_event {
        kind: kind as i32,
        child: texts.child,
        gap_ns: u64::try_from(texts.gap.as_nanos()).unwrap_or(u64::MAX),
        missing: texts.missing,
        path: texts.path.as_ptr(),
        peer: texts.peer.as_ptr(),
        text: texts.text.as_ptr(),
        ..rill_event::EMPTY
    };
    event.owner = EVENTS.insert(texts)?;
    Ok(event)
}

/// Gives an event back and zeroes the struct, so that a second release does nothing. Thread-safe.
///
/// @return RILL_OK; RILL_ERROR_HANDLE when it was released before, by a copy of the struct
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_event_release(event: *mut rill_event) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's: NULL or an event that was handed over.
        let out = unsafe { Out::claim(event, "event") }?;
        // SAFETY: claimed just now; the struct is plain data.
        let owner = unsafe { (*event).owner };
        out.set(rill_event::EMPTY);
        if owner != 0 {
            EVENTS.remove(owner)?;
        }
        Ok(())
    })
}

/// A file descriptor that is readable while there may be events, for epoll, poll or any event loop:
/// when it is, call rill_engine_next_event() with no patience until it returns RILL_AGAIN. Do not read
/// or close it: it is the engine's, and closed when that is freed. Thread-safe.
///
/// @param fd  the descriptor
/// @return RILL_OK; RILL_ERROR_SYSTEM when the process is out of descriptors
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_engine_event_fd(
    engine: *mut rill_engine,
    fd: *mut i32,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(fd, "fd") }?;
        let engine = Engine::of(engine)?;
        let fd = engine.bell.open()?;
        // What came before anybody asked has to be seen.
        fd.wake();
        out.set(fd.as_raw_fd());
        Ok(())
    })
}
