//! What the engine tells: taken at once, whatever the node waits for meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;

use rillcast::engine::{self, Engine};
use tokio::sync::mpsc;

use crate::node::event::Event;

/// How many nodes and players take the stream here. Only the thread that takes the events changes it, and
/// nothing else is handed over with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Children(Arc<AtomicUsize>);

impl Children {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, count: usize) {
        self.0.store(count, Ordering::Relaxed);
    }
}

/// Takes the engine's events.
pub(super) struct EngineEvents {
    pub(super) engine: Arc<Engine>,
    pub(super) channel: String,
    pub(super) children: Children,
    /// For the user.
    pub(super) events: SyncSender<Event>,
    /// For the streaming connection: what becomes of the stream, and nothing else. There are few of these,
    /// and none is dropped.
    pub(super) forward: mpsc::Sender<engine::Event>,
}

impl EngineEvents {
    /// Works until the engine stops.
    pub(super) fn run(self) {
        while let Some(event) = self.engine.next_event(None) {
            if let Some(event) = self.sort(event)
                && self.forward.blocking_send(event).is_err()
            {
                return;
            }
        }
    }

    /// What the streaming connection has to know.
    fn sort(&self, event: engine::Event) -> Option<engine::Event> {
        use engine::Event as E;
        match event {
            E::ChildStarted { peer, .. } => {
                self.children.set(self.children.count().saturating_add(1));
                self.tell(Event::ChildStarted { peer });
                None
            }
            E::ChildEnded { peer, reason, .. } => {
                self.children.set(self.children.count().saturating_sub(1));
                self.tell(Event::ChildEnded { peer, reason });
                None
            }
            E::EventsLost { count } => {
                tracing::warn!("{count} events of the engine were lost");
                self.what_is()
            }
            event @ (E::StreamStarted { .. }
            | E::StreamResumed { .. }
            | E::StreamInterrupted { .. }
            | E::StreamEnded { .. }
            | E::PullFailed { .. }
            | E::StandbyLost { .. }
            | E::UpstreamSwitched(_)) => Some(event),
            _ => None,
        }
    }

    /// How it is with the stream, when it is not known what has become of it.
    fn what_is(&self) -> Option<engine::Event> {
        let figures = self.engine.figures().ok()?;
        let mut streams = figures.streams.into_iter();
        let path = self.channel.clone();
        Some(match streams.find(|stream| stream.path == path && !stream.ended) {
            Some(stream) => engine::Event::StreamResumed { path, from: stream.from },
            None => engine::Event::StreamEnded { path, reason: "it is not there".to_owned() },
        })
    }

    fn tell(&self, event: Event) {
        // Lost when nobody takes events.
        let _ = self.events.try_send(event);
    }
}
