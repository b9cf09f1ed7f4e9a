//! Nodes that measure their uplink by what they send here: few at once, so that they do not measure each other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::node::pluggable::uplink_test::PIECES;
use crate::uscp::{ErrorCode, ErrorReport};

/// Nodes that do so at once.
const AT_ONCE: usize = 4;
/// How long each may take.
const TIME: Duration = Duration::from_secs(10);
/// How long it has to wait until it may do so again.
const REST: Duration = Duration::from_secs(600);

/// Those that may measure at the moment.
#[derive(Debug)]
pub(super) struct UplinkTests(Arc<Semaphore>);

impl Default for UplinkTests {
    fn default() -> UplinkTests {
        UplinkTests(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// What a session measures.
#[derive(Debug, Default)]
pub(super) struct UplinkTest {
    /// While it does.
    turn: Option<Turn>,
    /// When it may do so again.
    rested: Option<Instant>,
}

#[derive(Debug)]
struct Turn {
    _place: OwnedSemaphorePermit,
    /// Pieces that may still come.
    left: u32,
    due: Instant,
}

impl UplinkTest {
    /// A piece has come.
    ///
    /// # Errors
    /// What the node is told when it may not measure now.
    pub(super) fn piece(&mut self, tests: &UplinkTests, now: Instant) -> Result<(), ErrorReport> {
        if self.turn.is_none() {
            if let Some(rested) = self.rested.filter(|rested| *rested > now) {
                let wait = rested.duration_since(now).as_secs().saturating_add(1);
                let report =
                    ErrorReport::new(ErrorCode::TooManyRequests, "you have measured already");
                return Err(report.after(u32::try_from(wait).unwrap_or(u32::MAX)));
            }
            let Ok(place) = tests.0.clone().try_acquire_owned() else {
                let report = ErrorReport::new(ErrorCode::Unavailable, "others are measuring");
                return Err(report.after(10));
            };
            self.rested = Some(now + REST);
            self.turn = Some(Turn { _place: place, left: PIECES, due: now + TIME });
        }
        let over = self.turn.as_mut().is_none_or(|turn| {
            turn.left = turn.left.saturating_sub(1);
            turn.left == 0
        });
        if over {
            self.turn = None;
        }
        Ok(())
    }

    /// When its turn is over at last.
    pub(super) fn due(&self) -> Option<Instant> {
        self.turn.as_ref().map(|turn| turn.due)
    }

    /// Its turn is over.
    pub(super) fn end(&mut self) {
        self.turn = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<(), ErrorReport>) -> (ErrorCode, Option<u32>) {
        let report = result.unwrap_err();
        (report.code, report.retry_after)
    }

    #[test]
    fn few_at_once_and_each_has_its_pieces() {
        let (tests, now) = (UplinkTests::default(), Instant::now());
        let mut sessions: Vec<UplinkTest> = (0..=AT_ONCE).map(|_| UplinkTest::default()).collect();
        let (late, sessions) = sessions.split_last_mut().unwrap();
        for session in &mut *sessions {
            assert_eq!(session.piece(&tests, now), Ok(()));
        }
        assert_eq!(refused(late.piece(&tests, now)), (ErrorCode::Unavailable, Some(10)));
        for _ in 1..PIECES {
            assert_eq!(sessions[0].piece(&tests, now), Ok(()));
        }
        // It has had its turn, and leaves it to others.
        assert_eq!(refused(sessions[0].piece(&tests, now)).0, ErrorCode::TooManyRequests);
        assert_eq!(late.piece(&tests, now), Ok(()));
        // So does one whose time is over, or whose session.
        assert_eq!(refused(sessions[0].piece(&tests, now + REST)).0, ErrorCode::Unavailable);
        assert_eq!(sessions[1].due(), Some(now + TIME));
        sessions[1].end();
        assert_eq!(sessions[0].piece(&tests, now + REST), Ok(()));
    }
}
