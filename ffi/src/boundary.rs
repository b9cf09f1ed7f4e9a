//! The one way in: nothing unwinds into C, and every error leaves a text.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::failure::{self, Failure};
use crate::status::rill_status;

thread_local! {
    static IN_LOG_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Does the work of a call. An error becomes its status, and its text the thread's last one; a panic
/// becomes [`rill_status::RILL_ERROR_INTERNAL`].
///
/// After a panic the objects involved may be half changed, but they are memory-safe: locks that were
/// held are taken again regardless of poison, and all of them protect plain data.
pub(crate) fn guard(call: impl FnOnce() -> Result<rill_status, Failure>) -> rill_status {
    let result = if in_log_callback() {
        let text = "a log callback must not call the library";
        Err(Failure::new(rill_status::RILL_ERROR_BUSY, text))
    } else {
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(internal(&*panic)))
    };
    match result {
        Ok(status) => status,
        Err(failure) => {
            failure::remember(failure.text);
            failure.status
        }
    }
}

/// As [`guard`], for a call that gives nothing but success.
pub(crate) fn guard_done(call: impl FnOnce() -> Result<(), Failure>) -> rill_status {
    guard(|| call().map(|()| rill_status::RILL_OK))
}

/// As [`guard`], for a call that returns a value and cannot fail; `otherwise` after a panic.
pub(crate) fn guard_value<T>(otherwise: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(otherwise)
}

/// Runs a log callback; calls that it makes into the library are refused.
pub(crate) fn log_callback(call: impl FnOnce()) {
    // Fails only while the thread is being torn down.
    let _ = IN_LOG_CALLBACK.try_with(|flag| flag.set(true));
    call();
    let _ = IN_LOG_CALLBACK.try_with(|flag| flag.set(false));
}

pub(crate) fn in_log_callback() -> bool {
    IN_LOG_CALLBACK.try_with(Cell::get).unwrap_or(false)
}

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
