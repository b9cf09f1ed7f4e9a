//! Whether segmentation offload works on the ways that packets take.

use std::io;
use std::net::SocketAddr;

use crate::io::Gso;

/// Ways that have to refuse segmentation, none ever having accepted it, before it is given up for
/// all.
const REFUSALS: u32 = 8;

/// What is known of segmentation offload.
#[derive(Debug, Default)]
pub(in crate::io) struct Offload {
    /// Given up, or never there, and why.
    pub(in crate::io) off: Option<String>,
    /// It has worked at least once.
    pub(in crate::io) accepted: bool,
    /// Destinations that refused it.
    refusals: u32,
    last: Option<(SocketAddr, i32)>,
}

impl Offload {
    pub(in crate::io) fn refused(&mut self, by: SocketAddr, error: &io::Error) {
        self.refusals = self.refusals.saturating_add(1);
        self.last = error.raw_os_error().map(|code| (by, code));
        if !self.accepted && self.refusals >= REFUSALS {
            self.off = self.reason();
        }
    }

    fn reason(&self) -> Option<String> {
        let (by, code) = self.last?;
        let error = io::Error::from_raw_os_error(code);
        Some(format!("the way to {} refuses UDP_SEGMENT: {error}", by.ip()))
    }

    pub(in crate::io) fn state(&self) -> Gso {
        let refused_by_all = || if self.accepted { None } else { self.reason() };
        match self.off.clone().or_else(refused_by_all) {
            Some(reason) => Gso::Off(reason),
            None => Gso::On,
        }
    }
}

/// Errors by which a kernel, or the device that a route leads to, refuses to segment: no checksum
/// offload (EIO), or segments larger than the path's MTU (EINVAL, EMSGSIZE since Linux 6.14).
pub(in crate::io) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP)
    )
}
