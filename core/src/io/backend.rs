//! Which backend is used.

use std::io;

use super::{Io, Mmsg};

/// A backend to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The best that is there.
    #[default]
    Auto,
    /// epoll, recvmmsg and sendmmsg with GRO and GSO: [`Mmsg`].
    Mmsg,
}

/// A backend that was opened.
pub struct Opened {
    /// The backend, without sockets.
    pub io: Box<dyn Io>,
    /// Why it is this one, in words.
    pub reason: String,
}

/// Opens a backend. It may be moved to another thread before its first [`wait`](Io::wait), and then
/// belongs to the thread that calls it.
///
/// # Errors
///
/// When it is not there, or the process is out of descriptors.
pub fn open(backend: Backend) -> io::Result<Opened> {
    let reason = match backend {
        Backend::Auto => "it sends with the fewest system calls",
        Backend::Mmsg => "it was asked for",
    };
    Ok(Opened { io: Box::new(Mmsg::new()?), reason: reason.into() })
}
