//! The one callback: log lines.

use std::ffi::{CString, c_char, c_void};
use std::fmt::{self, Write};
use std::sync::{PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::boundary::{guard_done, in_log_callback, log_callback};
use crate::failure::Failure;
use crate::status::rill_status;

/// How much a log line matters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_log_level {
    /// Nothing at all; only for rill_log_set().
    RILL_LOG_OFF = 0,
    /// Something cannot work.
    RILL_LOG_ERROR = 1,
    /// Something should be mended.
    RILL_LOG_WARN = 2,
    /// What happened: streams and children that come and go.
    RILL_LOG_INFO = 3,
    /// What helps to find a fault.
    RILL_LOG_DEBUG = 4,
    /// Everything.
    RILL_LOG_TRACE = 5,
}

/// Takes a log line: its level (a number of rill_log_level), the part of the library that it comes
/// from, and its text, both valid during the call only.
///
/// It is called on threads of the library and on those that call it, several at a time. It must be
/// quick, must not throw, and must not call the library: calls from within it return
/// RILL_ERROR_BUSY.
pub type rill_log_callback = Option<
    unsafe extern "C" fn(user: *mut c_void, level: i32, target: *const c_char, text: *const c_char),
>;

#[derive(Clone, Copy)]
struct Sink {
    level: i32,
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char, *const c_char),
    user: *mut c_void,
}

// SAFETY: the callback is called from any thread, as `rill_log_set` demands of it and of `user`.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Option<Sink>> = RwLock::new(None);
static INSTALLED: RwLock<bool> = RwLock::new(false);

/// Sends log lines up to `level` to a callback. There is one for the whole process; this takes the
/// place of the former one. When it returns, the former one is not running and will not be called any
/// more.
///
/// Thread-safe, but not to be called from the callback.
///
/// @param level     a number of rill_log_level
/// @param callback  what takes the lines; NULL turns logging off
/// @param user      handed to the callback as it is
/// @return RILL_OK; RILL_ERROR_ARGUMENT for a level that is none; RILL_ERROR_UNSUPPORTED when the
///         library is linked into a Rust program that logs in a way of its own
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_log_set(
    level: i32,
    callback: rill_log_callback,
    user: *mut c_void,
) -> rill_status {
    guard_done(|| {
        if !(0..=rill_log_level::RILL_LOG_TRACE as i32).contains(&level) {
            return Err(Failure::argument(format!("{level} is no log level")));
        }
        let mut installed = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
        if !*installed && callback.is_some() {
            tracing::subscriber::set_global_default(Logger).map_err(|_| {
                let text = "the program this library is part of logs in a way of its own";
                Failure::new(rill_status::RILL_ERROR_UNSUPPORTED, text)
            })?;
            *installed = true;
        }
        let sink = callback.map(|callback| Sink { level, callback, user });
        // Waits for callbacks that are running.
        *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
        Ok(())
    })
}

struct Logger;

fn number(level: Level) -> i32 {
    let level = match level {
        Level::ERROR => rill_log_level::RILL_LOG_ERROR,
        Level::WARN => rill_log_level::RILL_LOG_WARN,
        Level::INFO => rill_log_level::RILL_LOG_INFO,
        Level::DEBUG => rill_log_level::RILL_LOG_DEBUG,
        Level::TRACE => rill_log_level::RILL_LOG_TRACE,
    };
    level as i32
}

impl Subscriber for Logger {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The level can change at any time. Nothing is logged per packet.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What a callback logs itself (it must not, but a panic's text may) is not sent to it.
        if !metadata.is_event() || in_log_callback() {
            return false;
        }
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
        sink.is_some_and(|sink| number(*metadata.level()) <= sink.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let target = CString::new(event.metadata().target()).unwrap_or_default();
        let mut text = line.0.into_bytes();
        text.retain(|byte| *byte != 0);
        let text = CString::new(text).unwrap_or_default();
        let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Sink { callback, user, .. }) = *sink else { return };
        let level = number(*event.metadata().level());
        // SAFETY: the user's function, called as `rill_log_callback` says.
        log_callback(|| unsafe { callback(user, level, target.as_ptr(), text.as_ptr()) });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        // `enabled` takes no spans, so none is made; the number only has to be one.
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The text of an event: its message, then its fields as `name=value`.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
