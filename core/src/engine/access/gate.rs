//! The questions that are open.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::guesses::Guesses;
use super::{Access, AccessRequest, Decision, Verdict};
use crate::io::Token;
use crate::ring::Wake;

/// Questions that may be open at once.
const MAX_OPEN: usize = 1024;

/// What became of a question.
#[derive(Debug)]
pub(in crate::engine) enum Entry {
    /// It is answered.
    Now(Verdict),
    /// It will be, under this ticket.
    Later(u64),
    /// Too many questions are open.
    Busy,
    /// Too many wrong guesses came from there: credentials are not looked at for so long.
    Blocked(Duration),
}

/// Asks the [`Access`], and keeps what is open.
pub(in crate::engine) struct Gate {
    access: Arc<dyn Access>,
    timeout: Duration,
    waker: Arc<dyn Wake>,
    next: u64,
    /// Whose question it is, and since when it is open.
    open: HashMap<u64, (Token, Duration)>,
    sender: Sender<(u64, Verdict)>,
    /// Never holds more than one verdict for each question that was asked.
    verdicts: Receiver<(u64, Verdict)>,
    /// Verdicts taken out while another was looked for.
    ready: VecDeque<(u64, Verdict)>,
    guesses: Guesses,
}

impl Gate {
    pub(in crate::engine) fn new(
        access: Arc<dyn Access>,
        timeout: Duration,
        waker: Arc<dyn Wake>,
    ) -> Gate {
        let (sender, verdicts) = channel();
        Gate {
            access,
            timeout,
            waker,
            next: 1,
            open: HashMap::new(),
            sender,
            verdicts,
            ready: VecDeque::new(),
            guesses: Guesses::default(),
        }
    }

    /// Asks. The request's `id` is set here.
    pub(in crate::engine) fn ask(
        &mut self,
        token: Token,
        mut request: AccessRequest,
        now: Duration,
    ) -> Entry {
        if self.open.len() >= MAX_OPEN {
            return Entry::Busy;
        }
        if !request.credentials.is_none()
            && let Some(wait) = self.guesses.blocked(request.peer.ip(), now)
        {
            return Entry::Blocked(wait);
        }
        let ticket = self.next;
        self.next += 1;
        request.id = ticket;
        let decision = Decision::new(ticket, self.sender.clone(), self.waker.clone());
        self.open.insert(ticket, (token, now));
        self.access.ask(request, decision);
        // Most answers are there by now.
        self.ready.extend(self.verdicts.try_iter());
        match self.ready.iter().position(|(of, _)| *of == ticket) {
            Some(at) => {
                self.open.remove(&ticket);
                self.ready.remove(at).map_or(Entry::Busy, |(_, verdict)| Entry::Now(verdict))
            }
            None => Entry::Later(ticket),
        }
    }

    /// The next verdict on a question that was open.
    pub(in crate::engine) fn next_verdict(&mut self) -> Option<(Token, u64, Verdict)> {
        // Mostly nothing is open, and this is called at every turn of the loop.
        while !self.open.is_empty() {
            let (ticket, verdict) =
                self.ready.pop_front().or_else(|| self.verdicts.try_recv().ok())?;
            if let Some((token, _)) = self.open.remove(&ticket) {
                return Some((token, ticket, verdict));
            }
        }
        None
    }

    /// A question that has been open for too long; it is closed.
    pub(in crate::engine) fn next_overdue(&mut self, now: Duration) -> Option<(Token, u64)> {
        let late = |since: Duration| now.saturating_sub(since) >= self.timeout;
        let ticket = *self.open.iter().find(|(_, (_, since))| late(*since))?.0;
        self.open.remove(&ticket).map(|(token, _)| (token, ticket))
    }

    /// Credentials from there were wrong. True when from now on none are looked at for a while.
    pub(in crate::engine) fn wrong_guess(&mut self, peer: SocketAddr, now: Duration) -> bool {
        self.guesses.wrong(peer.ip(), now)
    }
}
