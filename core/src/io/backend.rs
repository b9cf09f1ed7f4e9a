//! Which backend is used.

use std::str::FromStr;
use std::{fmt, io};

use super::Io;

/// A backend to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The best that is there.
    #[default]
    Auto,
    /// epoll, recvmmsg and sendmmsg with GRO and GSO: [`Mmsg`](super::Mmsg), for Linux.
    Mmsg,
    /// io_uring: [`Uring`](super::Uring), for Linux 6.1 and newer that allows it.
    Uring,
    /// A system call per datagram, no offload: [`Mio`](super::Mio), for sandboxes and old kernels.
    Mio,
}

impl Backend {
    /// All that can be asked for.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Uring, Self::Mmsg, Self::Mio];

    /// Its name, as [`Io::name`] has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Uring => "uring",
            Self::Mmsg => "mmsg",
            Self::Mio => "mio",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|backend| backend.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no backend {text}; there are {names}")
        })
    }
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
/// When the one that was asked for is not there, which the error explains; for [`Backend::Auto`]
/// when none is.
pub fn open(backend: Backend) -> io::Result<Opened> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{backend}: {error}"));
    if backend != Backend::Auto {
        let io = only(backend).map_err(named)?;
        return Ok(Opened { io, reason: "it was asked for".into() });
    }
    match only(Backend::Mmsg) {
        Ok(io) => Ok(Opened { io, reason: "it sends many packets by one system call".into() }),
        Err(error) => {
            let io = only(Backend::Mio).map_err(named)?;
            Ok(Opened { io, reason: format!("mmsg is not there: {error}") })
        }
    }
}

#[cfg(feature = "linux")]
fn only(backend: Backend) -> io::Result<Box<dyn Io>> {
    match backend {
        Backend::Auto | Backend::Mmsg => Ok(Box::new(super::Mmsg::new()?)),
        Backend::Uring => Ok(Box::new(super::Uring::new()?)),
        Backend::Mio => Ok(Box::new(super::Mio::new()?)),
    }
}

#[cfg(not(feature = "linux"))]
fn only(backend: Backend) -> io::Result<Box<dyn Io>> {
    match backend {
        Backend::Mio => Ok(Box::new(super::Mio::new()?)),
        Backend::Auto | Backend::Uring | Backend::Mmsg => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this program was built without the backends for Linux",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_comes() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse(), Ok(backend));
            match open(backend) {
                Ok(opened) => {
                    assert!(backend == Backend::Auto || opened.io.name() == backend.name());
                    assert!(!opened.reason.is_empty());
                }
                Err(error) => {
                    assert!(error.to_string().starts_with(backend.name()), "{error}");
                    // Every system has epoll; not all allow io_uring.
                    assert!(backend == Backend::Uring || cfg!(not(feature = "linux")), "{error}");
                }
            }
        }
    }
}
