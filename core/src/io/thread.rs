//! Where the thread that waits for sockets runs.

use std::io;

#[cfg(target_os = "linux")]
mod affinity;

/// Keeps the calling thread on one CPU: the `number`th of those that the process may use, beginning anew
/// when there are fewer.
///
/// # Errors
///
/// When the system does not let it; [`io::ErrorKind::Unsupported`] elsewhere than on Linux.
pub fn pin_thread(number: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return affinity::pin(number);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = number;
        Err(io::Error::new(io::ErrorKind::Unsupported, "threads are kept on a CPU on Linux only"))
    }
}
