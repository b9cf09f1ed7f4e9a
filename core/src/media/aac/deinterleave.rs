//! Access units of interleaved packets back into the order of their timestamps (RFC 3640 3.2.3.2).

use super::depacketizer::AccessUnit;
use std::collections::BTreeMap;

/// Most access units held back.
const MAX_WAITING: usize = 256;

#[derive(Debug)]
pub(super) struct Deinterleaver<P> {
    /// By timestamp, extended so that it does not wrap.
    waiting: BTreeMap<i64, AccessUnit<P>>,
    /// Ticks that an access unit may come before its turn.
    displacement: i64,
    duration: i64,
    newest: Option<i64>,
    released: Option<i64>,
}

/// An access unit whose turn has gone by, or one that is there already.
#[derive(Debug)]
pub(super) struct TooLate;

impl<P> Deinterleaver<P> {
    pub(super) fn new(displacement: u32, duration: u32) -> Deinterleaver<P> {
        Deinterleaver {
            waiting: BTreeMap::new(),
            displacement: i64::from(displacement),
            duration: i64::from(duration),
            newest: None,
            released: None,
        }
    }

    pub(super) fn push(&mut self, unit: AccessUnit<P>) -> Result<(), TooLate> {
        let time = match self.newest {
            Some(newest) => newest + i64::from(unit.timestamp.wrapping_sub(newest as u32) as i32),
            None => i64::from(unit.timestamp),
        };
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        if self.released.is_some_and(|released| time <= released) {
            return Err(TooLate);
        }
        match self.waiting.insert(time, unit) {
            Some(_) => Err(TooLate),
            None => Ok(()),
        }
    }

    /// The next access unit that no earlier one can precede any more; with `all` the next.
    pub(super) fn pop(&mut self, all: bool) -> Option<AccessUnit<P>> {
        let (&first, _) = self.waiting.first_key_value()?;
        let is_next = self.released.is_some_and(|released| first - released <= self.duration);
        let is_due = self.newest.is_some_and(|newest| newest - first >= self.displacement);
        if !(all || is_next || is_due || self.waiting.len() > MAX_WAITING) {
            return None;
        }
        self.released = Some(first);
        self.waiting.remove(&first)
    }

    /// Forgets the times: the stream starts anew.
    pub(super) fn restart(&mut self) {
        self.newest = None;
        self.released = None;
    }
}
