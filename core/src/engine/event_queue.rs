//! The queue in which events wait for the engine's owner.
//!
//! Unlike a channel of the standard library it may have many takers: one that waits without limit
//! keeps no other from taking, or from giving up in time.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::event::Event;

/// Events that wait to be taken at most.
const EVENTS: usize = 1024;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    /// The teller is gone: no more will come.
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the engine's thread.
pub(super) struct Teller(Arc<Shared>);

/// The end of the engine's owner.
pub(super) struct Taker(Arc<Shared>);

pub(super) fn event_queue() -> (Teller, Taker) {
    let shared = Arc::new(Shared::default());
    (Teller(shared.clone()), Taker(shared))
}

impl Teller {
    /// Adds an event. It is lost when the queue is full: then nobody listens.
    pub(super) fn tell(&self, event: Event) {
        let mut state = self.0.lock();
        if state.events.len() < EVENTS {
            state.events.push_back(event);
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.changed.notify_all();
    }
}

impl Taker {
    /// The next event; `None` when there was none within `timeout` (`None` waits for ever) or no more
    /// will come.
    pub(super) fn take(&self, timeout: Option<Duration>) -> Option<Event> {
        // A time too far away to be told is as good as none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.0.lock();
        loop {
            if let Some(event) = state.events.pop_front() {
                return Some(event);
            }
            if state.over {
                return None;
            }
            state = match deadline {
                None => self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.0.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u32) -> Event {
        Event::Warning(n.to_string())
    }

    #[test]
    fn events_come_in_order_and_the_newest_are_lost() {
        let (teller, taker) = event_queue();
        (0..EVENTS as u32 + 5).for_each(|n| teller.tell(event(n)));
        drop(teller);
        for n in 0..EVENTS as u32 {
            assert_eq!(taker.take(Some(Duration::MAX)), Some(event(n)));
        }
        assert_eq!(taker.take(None), None, "no more will come");
    }

    #[test]
    fn one_who_waits_for_ever_keeps_no_other_from_giving_up() {
        let (teller, taker) = event_queue();
        std::thread::scope(|scope| {
            let (begun, begins) = std::sync::mpsc::channel();
            let waiting = &taker;
            let patient = scope.spawn(move || {
                begun.send(()).expect("the other thread");
                waiting.take(None)
            });
            begins.recv().expect("it begins");
            assert_eq!(taker.take(Some(Duration::from_millis(10))), None);
            teller.tell(event(7));
            assert_eq!(patient.join().expect("no panic"), Some(event(7)));
        });
    }
}
