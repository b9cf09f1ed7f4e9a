//! The one way in: nothing unwinds into C, and every error leaves a text.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{self, Failure};
use crate::status::rill_status;

thread_local! {
    static IN_LOG_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Whether there was ever a log callback. As long as there was none, no thread can be in one, and none is asked.
static LOGS: AtomicBool = AtomicBool::new(false);

/// Does the work of a call. An error becomes its status, and its text the thread's last one; a panic
/// becomes [`rill_status::RILL_ERROR_INTERNAL`].
///
/// After a panic the objects involved may be half changed, but they are memory-safe: locks that were
/// held are taken again regardless of poison, and all of them protect plain data.
#[inline]
pub(crate) fn guard(call: impl FnOnce() -> Result<rill_status, Failure>) -> rill_status {
    // Relaxed: a thread that is in a callback has set it itself.
    if LOGS.load(Ordering::Relaxed) && in_log_callback() {
        return refused();
    }
    // What comes out of `catch_unwind` fits in registers.
    let call = || call().unwrap_or_else(told);
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| told(internal(&*panic)))
}

/// An error's status; its text is kept for who asks.
#[cold]
fn told(failure: Failure) -> rill_status {
    failure::remember(failure.text);
    failure.status
}

#[cold]
fn refused() -> rill_status {
    told(Failure::new(rill_status::RILL_ERROR_BUSY, "a log callback must not call the library"))
}

/// As [`guard`], for a call that gives nothing but success.
#[inline]
pub(crate) fn guard_done(call: impl FnOnce() -> Result<(), Failure>) -> rill_status {
    guard(|| call().map(|()| rill_status::RILL_OK))
}

/// As [`guard`], for a call that returns a value and cannot fail; `otherwise` after a panic.
pub(crate) fn guard_value<T>(otherwise: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(otherwise)
}

/// Runs a log callback; calls that it makes into the library are refused.
pub(crate) fn log_callback(call: impl FnOnce()) {
    LOGS.store(true, Ordering::Relaxed);
    // Fails only while the thread is being torn down.
    let _ = IN_LOG_CALLBACK.try_with(|flag| flag.set(true));
    call();
    let _ = IN_LOG_CALLBACK.try_with(|flag| flag.set(false));
}

pub(crate) fn in_log_callback() -> bool {
    IN_LOG_CALLBACK.try_with(Cell::get).unwrap_or(false)
}

#[cold]
fn internal(panic: &(dyn Any + Send)) -> Failure {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    let text = format!("a fault inside the library, please report it: {said}");
    Failure::new(rill_status::RILL_ERROR_INTERNAL, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_panic_becomes_a_status_with_its_text() {
        let status = guard(|| panic!("deliberate, {}", 1));
        assert_eq!(status, rill_status::RILL_ERROR_INTERNAL);
        // SAFETY: the text is this thread's and nothing replaces it meanwhile.
        let text = unsafe { CStr::from_ptr(failure::last()) }.to_str().expect("text");
        assert!(text.contains("deliberate, 1"), "{text}");
    }

    #[test]
    fn calls_from_a_log_callback_are_refused() {
        let mut status = rill_status::RILL_OK;
        log_callback(|| status = guard(|| Ok(rill_status::RILL_OK)));
        assert_eq!(status, rill_status::RILL_ERROR_BUSY);
        assert_eq!(guard(|| Ok(rill_status::RILL_END)), rill_status::RILL_END);
    }
}
