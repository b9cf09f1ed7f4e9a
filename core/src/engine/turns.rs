//! How much of one turn of the engine's thread the messages of RTSP connections get.
//!
//! A connection may bring thousands of requests at once, and thousands of connections may. Media, timers and the
//! program's commands come round once in each turn: so a turn looks at so many messages only, and at few of each
//! connection. Of those that have more nothing is read until it is their turn again; they queue up for that.

use std::collections::VecDeque;

use crate::io::Token;

use super::worker::Worker;

/// Messages of all connections in one turn: a millisecond or two of work.
const IN_TURN: usize = 64;
/// Of these for connections that have waited since an earlier turn: newcomers leave them that much.
const OWED: usize = IN_TURN / 2;
/// Messages of one connection at a time.
const IN_SHARE: usize = 8;

/// What one connection may still bring now.
pub(super) struct Share(usize);

impl Default for Share {
    fn default() -> Share {
        Share(IN_SHARE)
    }
}

/// What all together may still bring now, and who waits for the next turn.
#[derive(Default)]
pub(super) struct Turn {
    left: usize,
    waiting: VecDeque<Token>,
}

impl Turn {
    /// Takes a message's place in this turn, if both have one left.
    pub(super) fn take(&mut self, share: &mut Share) -> bool {
        let (Some(left), Some(of_share)) = (self.left.checked_sub(1), share.0.checked_sub(1))
        else {
            return false;
        };
        (self.left, share.0) = (left, of_share);
        true
    }

    /// Whether somebody waits for the next turn.
    pub(super) fn is_owed(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Worker {
    /// A new turn: those that wait since an earlier one go first.
    pub(super) fn begin_turn(&mut self) {
        self.turn.left = IN_TURN;
        for _ in 0..self.turn.waiting.len() {
            if self.turn.left <= OWED {
                return;
            }
            let Some(token) = self.turn.waiting.pop_front() else { return };
            let connection = self.connections.get_mut(&token);
            if let Some(connection) = connection.filter(|connection| connection.closing.is_none()) {
                connection.postponed = false;
                self.resume_reading(token);
            }
        }
    }

    /// Leaves the rest of a connection's input for a later turn.
    pub(super) fn postpone(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if std::mem::replace(&mut connection.postponed, true) {
            return;
        }
        let read_elsewhere = connection.wire.is_read_elsewhere();
        self.turn.waiting.push_back(token);
        if !read_elsewhere && let Err(error) = self.io.set_reading(token, false) {
            self.lose(token, &format!("the connection is broken: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_shares_and_an_end() {
        let mut turn = Turn { left: 2 * IN_SHARE, waiting: VecDeque::new() };
        for _ in 0..2 {
            let mut share = Share::default();
            assert!((0..IN_SHARE).all(|_| turn.take(&mut share)));
            assert!(!turn.take(&mut share));
        }
        assert!(!turn.take(&mut Share::default()));
    }
}
