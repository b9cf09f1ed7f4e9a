//! The answer to a question of access.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::Challenge;
use crate::ring::Wake;

/// What was decided.
#[derive(Debug)]
pub(in crate::engine) enum Verdict {
    Allow(Option<Pass>),
    Deny,
    Challenge(Challenge),
    Unavailable,
}

/// What somebody who is let in holds for as long as he may stay; it is dropped then.
pub(in crate::engine) type Pass = Box<dyn fmt::Debug + Send>;

/// By which an [`Access`](super::Access) answers, at once or later, from any thread. One that is
/// dropped without an answer denies. Answers never block; an answer to a client that has gone away
/// is dropped.
pub struct Decision {
    ticket: u64,
    /// Taken by the answer.
    verdicts: Option<Sender<(u64, Verdict)>>,
    waker: Arc<dyn Wake>,
}

impl Decision {
    pub(super) fn new(
        ticket: u64,
        verdicts: Sender<(u64, Verdict)>,
        waker: Arc<dyn Wake>,
    ) -> Decision {
        Decision { ticket, verdicts: Some(verdicts), waker }
    }

    /// Yes.
    pub fn allow(mut self) {
        self.say(Verdict::Allow(None));
    }

    /// Yes. The engine drops `pass` when the connection has ended, or at once when that had ended before: so whoever lets in can
    /// count who is in. It is dropped on the engine's thread: that must not block.
    pub fn allow_while(mut self, pass: impl fmt::Debug + Send + 'static) {
        self.say(Verdict::Allow(Some(Box::new(pass))));
    }

    /// No, whoever it is: 403.
    pub fn deny(mut self) {
        self.say(Verdict::Deny);
    }

    /// Not without (other) credentials: 401. Credentials that came count as a wrong guess.
    pub fn challenge(mut self, challenge: Challenge) {
        self.say(Verdict::Challenge(challenge));
    }

    /// It cannot be decided now: 503.
    pub fn unavailable(mut self) {
        self.say(Verdict::Unavailable);
    }

    fn say(&mut self, verdict: Verdict) {
        let Some(verdicts) = self.verdicts.take() else { return };
        // An error means that the engine has stopped.
        if verdicts.send((self.ticket, verdict)).is_ok() {
            self.waker.wake();
        }
    }
}

impl Drop for Decision {
    fn drop(&mut self) {
        self.say(Verdict::Deny);
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decision({})", self.ticket)
    }
}
