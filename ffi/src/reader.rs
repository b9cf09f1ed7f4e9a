//! Readers: whole frames, or packets, for a program that shows, keeps or forwards them.

use std::ffi::c_char;
use std::os::fd::AsRawFd;

use crate::args::{self, Out};
use crate::boundary::{guard, guard_done};
use crate::engine::{rill_engine, running};
use crate::frame::rill_frame;
use crate::handle;
use crate::status::rill_status;
use reading::{Found, Reader};

mod description;
mod reading;
mod settings;

pub use description::*;
pub use settings::*;

/// A reader of one stream: a handle, not to be followed.
///
/// For one thread at a time; which one may change. A reader that another thread is using answers
/// RILL_ERROR_BUSY. It never slows the engine or other readers down.
pub struct rill_reader {
    _private: (),
}

/// Makes a reader of the stream at `path`; waits for the stream to come as long as `config` says.
/// Thread-safe.
///
/// @param engine  a running engine
/// @param path    the stream's path
/// @param config  how to read; NULL for the defaults
/// @param out     the reader; to be freed by rill_reader_free()
/// @return RILL_OK; RILL_ERROR_NO_STREAM when it did not come in time (of a stream that is pulled,
///         RILL_EVENT_PULL_FAILED tells why); RILL_ERROR_NO_TRACK;
///         RILL_ERROR_TOO_MANY when the stream has no place for another reader; RILL_ERROR_STOPPED
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_new(
    engine: *mut rill_engine,
    path: *const c_char,
    config: *const rill_reader_config,
    out: *mut *mut rill_reader,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        // SAFETY: the caller's.
        let path = unsafe { args::text(path, "path") }?;
        // SAFETY: the caller's.
        let config = unsafe { args::config(config, rill_reader_config::default(), "config") }?;
        let engine = running(engine)?;
        out.set(handle::pointer(Reader::open(&engine, path, &config)?));
        Ok(())
    })
}

/// Frees a reader. Frames that were read from it stay valid until they are released. Thread-safe: a
/// thread that waits in rill_reader_next() comes back within 100 ms, with RILL_ERROR_HANDLE.
///
/// @param reader  the reader; NULL does nothing
/// @return RILL_OK; RILL_ERROR_HANDLE when it was freed before
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_free(reader: *mut rill_reader) -> rill_status {
    guard_done(|| {
        if reader.is_null() {
            return Ok(());
        }
        Reader::take_back(reader)
    })
}

/// The next frame, or run of packets. For one thread at a time.
///
/// RILL_LAGGED is no error: the reader goes on at the newest key frame, and so should the program, with a decoder that
/// was flushed. A frame that `out` held before is not given back: release it first.
///
/// @param timeout_ms  how long to wait, in ms; 0 does not wait, a negative number waits for ever
/// @param out         the frame; to be given back by rill_frame_release(). Not written but with RILL_OK,
///                    and with RILL_LAGGED, when `lost` is set and nothing has to be given back
/// @return RILL_OK; RILL_AGAIN when nothing came in time; RILL_LAGGED; RILL_END;
///         RILL_ERROR_FRAMES_HELD; RILL_ERROR_BUSY
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_next(
    reader: *mut rill_reader,
    timeout_ms: i64,
    out: *mut rill_frame,
) -> rill_status {
    guard(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        Ok(match Reader::at_desk(reader, |reader, desk| reader.next(desk, timeout_ms, &out))? {
            Found::Frame => rill_status::RILL_OK,
            Found::Lagged(packets) => {
                let lost = u32::try_from(packets).unwrap_or(u32::MAX);
                out.set(rill_frame { lost, ..rill_frame::EMPTY });
                rill_status::RILL_LAGGED
            }
            Found::TimedOut => rill_status::RILL_AGAIN,
            Found::Ended => rill_status::RILL_END,
        })
    })
}

/// A file descriptor that is readable while rill_reader_next() may have something, for epoll, poll or
/// any event loop: when it is, call that with no patience until it returns RILL_AGAIN. It stays readable
/// after the end. Do not read or close it: it is the reader's, and closed when that is freed. For one
/// thread at a time.
///
/// @param fd  the descriptor
/// @return RILL_OK; RILL_ERROR_SYSTEM when the process is out of descriptors; RILL_ERROR_BUSY
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_fd(reader: *mut rill_reader, fd: *mut i32) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(fd, "fd") }?;
        out.set(Reader::at_desk(reader, |reader, desk| {
            let fd = reader.bell.open()?.as_raw_fd();
            reader.arm(&desk.reading);
            Ok(fd)
        })?);
        Ok(())
    })
}
