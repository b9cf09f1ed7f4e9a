//! What is told of a stream that has gone over from one server to another.

use std::fmt;
use std::time::Duration;

/// Why a stream goes over from one server to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The connection to the one that fed is closed or broken.
    Closed,
    /// It has said BYE.
    Left,
    /// It was silent for longer than the stream's own rhythm explains, while the other was not.
    Silent,
    /// The program wanted it ([`Engine::set_upstreams`](crate::engine::Engine::set_upstreams)).
    Moved,
    /// Nobody fed the stream.
    Returned,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Closed => "closed",
            Why::Left => "left",
            Why::Silent => "silent",
            Why::Moved => "moved",
            Why::Returned => "returned",
        })
    }
}

/// A stream that has gone over from one server to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// Path of the stream.
    pub path: String,
    /// Where it came from.
    pub from: String,
    /// Where it comes from now.
    pub to: String,
    /// Why.
    pub why: Why,
    /// Why, as a sentence for people.
    pub reason: String,
    /// The longest time in the change without a packet that was not here yet.
    pub gap: Duration,
    /// Packets that the new server had already when it was asked, and that were not here.
    pub replayed: u64,
    /// Packets that came from both, and were dropped here.
    pub duplicates: u64,
    /// Packets that came from neither: numbers that are left out between the two.
    pub missing: u64,
    /// The new server no longer had what was missing, so that it has begun with a key frame.
    pub gone: bool,
}

impl fmt::Display for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Switched { path, from, to, reason, gap, replayed, duplicates, missing, .. } = self;
        write!(
            f,
            "stream {path} comes from {to}, no longer from {from}: {reason}; pause {:.1} ms, {replayed} \
             packets replayed, {duplicates} twice, {missing} missing",
            gap.as_secs_f64() * 1e3
        )?;
        if self.gone { f.write_str(" (the new server has them no more)") } else { Ok(()) }
    }
}
