//! Which library this is, and what it can do.

use std::ffi::{CStr, c_char};

use crate::args;
use crate::boundary::guard_value;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// What [`rill_has_feature`] knows.
const FEATURES: [&CStr; 14] = [
    c"rtsp-server",
    c"access-queue",
    c"rtsp-pull",
    c"rtsp-push",
    c"rtp-sockets",
    c"rtp-source",
    c"media-source",
    c"children",
    c"frame-reader",
    c"packet-reader",
    c"standbys",
    c"retransmission",
    c"multicast",
    c"bench",
];

/// The version of the library in use, such as "0.1.0"; compare it with RILL_VERSION, that of the
/// header. The text is static. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn rill_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// The name of feature number `index`, or NULL when there are no more: "rtsp-server", "access-queue",
/// "rtsp-pull", "rtsp-push", "rtp-sockets", "rtp-source", "media-source", "children", "frame-reader",
/// "packet-reader", "standbys", "retransmission", "multicast", "bench". The text is static. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn rill_feature(index: usize) -> *const c_char {
    FEATURES.get(index).map_or(std::ptr::null(), |name| name.as_ptr())
}

/// 1 when the library in use has the feature of this name, else 0. Thread-safe.
///
/// @param name  a feature's name, see rill_feature()
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_has_feature(name: *const c_char) -> i32 {
    guard_value(0, || {
        // SAFETY: the caller's: NULL or a text.
        let Ok(name) = (unsafe { args::text(name, "name") }) else { return 0 };
        let known = FEATURES.iter().any(|feature| feature.to_bytes() == name.as_bytes());
        i32::from(known)
    })
}
