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
    /// How many were lost since that was told, and in all.
    lost: u64,
    all_lost: u64,
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
    /// Adds an event. When the queue is full, nobody listens, and it is lost, which is counted and told
    /// behind those that were not. The account of a stream, which is told once and nowhere else, takes the
    /// place of another event.
    pub(super) fn tell(&self, event: Event) {
        let mut state = self.0.lock();
        if state.lost > 0 && state.events.len() + 2 <= EVENTS {
            let lost = state.take_lost();
            state.events.extend(lost);
        }
        if state.events.len() >= EVENTS {
            state.lost += 1;
            state.all_lost += 1;
            let place = is_account(&event)
                .then(|| state.events.iter().position(|other| !is_account(other)))
                .flatten();
            let Some(place) = place else { return };
            state.events.remove(place);
        }
        state.events.push_back(event);
        self.0.changed.notify_one();
    }

    /// How many events were lost so far.
    pub(super) fn lost_so_far(&self) -> u64 {
        self.0.lock().all_lost
    }
}

fn is_account(event: &Event) -> bool {
    matches!(event, Event::StreamClosed(_))
}

impl State {
    /// Tells once of those that were lost.
    fn take_lost(&mut self) -> Option<Event> {
        let count = std::mem::take(&mut self.lost);
        (count > 0).then_some(Event::EventsLost { count })
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
            if let Some(event) = state.events.pop_front().or_else(|| state.take_lost()) {
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
        assert_eq!(taker.take(None), Some(Event::EventsLost { count: 5 }));
        assert_eq!(taker.take(None), None, "no more will come");
    }

    #[test]
    fn what_was_lost_is_told_where_it_is_missing() {
        let (teller, taker) = event_queue();
        (0..EVENTS as u32 + 3).for_each(|n| teller.tell(event(n)));
        (0..5).for_each(|n| assert_eq!(taker.take(None), Some(event(n))));
        teller.tell(event(9000));
        assert_eq!(teller.lost_so_far(), 3);
        (5..EVENTS as u32).for_each(|n| assert_eq!(taker.take(None), Some(event(n))));
        assert_eq!(taker.take(None), Some(Event::EventsLost { count: 3 }));
        assert_eq!(taker.take(None), Some(event(9000)));
    }

    #[test]
    fn the_account_of_a_stream_is_not_lost_while_there_is_anything_else() {
        let (teller, taker) = event_queue();
        let account = || Event::StreamClosed(Box::default());
        (0..EVENTS as u32).for_each(|n| teller.tell(event(n)));
        (0..EVENTS + 2).for_each(|_| teller.tell(account()));
        (0..EVENTS).for_each(|_| assert_eq!(taker.take(None), Some(account())));
        assert_eq!(taker.take(None), Some(Event::EventsLost { count: EVENTS as u64 + 2 }));
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
