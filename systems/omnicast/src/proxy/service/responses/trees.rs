//! What is done with the topology, and telling all whom it concerns.

use std::sync::PoisonError;

use tokio::sync::oneshot;

use super::{Push, ResponseManager, Serial, Told, Trees};
use crate::NodeId;
use crate::proxy::event::Event;
use crate::proxy::service::sharing::Batch;
use crate::proxy::service::topology::{Entry, Notice, Now, Term, TopologyConfiguration};
use crate::uscp::{ErrorCode, ErrorReport};

impl ResponseManager {
    /// Does something with the topology, and tells all whom it concerns.
    ///
    /// # Errors
    /// It could not be written down: whatever came of it does not count.
    pub(super) async fn topology<T>(
        &self,
        work: impl FnOnce(&mut TopologyConfiguration, Now) -> T,
    ) -> Result<T, ErrorReport> {
        self.numbered(work).await.map(|(result, _)| result)
    }

    /// As [`topology`](Self::topology), with the number of what was decided.
    ///
    /// # Errors
    /// As [`topology`](Self::topology).
    pub(super) async fn numbered<T>(
        &self,
        work: impl FnOnce(&mut TopologyConfiguration, Now) -> T,
    ) -> Result<(T, Serial), ErrorReport> {
        let (result, serial, written) = self.decide(work);
        let written = match written {
            Some(written) => written.await.unwrap_or(false),
            None => true,
        };
        match written {
            true => Ok((result, serial)),
            false => {
                let text = "the tree cannot be changed at the moment";
                Err(ErrorReport::new(ErrorCode::Unavailable, text).after(1))
            }
        }
    }

    /// Does something with the topology. What comes of it counts when it is written down, if it has to be.
    fn decide<T>(
        &self,
        work: impl FnOnce(&mut TopologyConfiguration, Now) -> T,
    ) -> (T, Serial, Option<oneshot::Receiver<bool>>) {
        let now = self.now();
        let mut trees = self.trees();
        let Trees { topology, serial } = &mut *trees;
        *serial = serial.wrapping_add(1);
        let serial = *serial;
        let result = work(topology, now);
        let notices = std::iter::from_fn(|| topology.poll_notice());
        let told: Vec<Told> = notices.map(|notice| Told { notice, serial }).collect();
        let Some(journal) = &self.journal else {
            drop(trees);
            told.into_iter().for_each(|told| self.tell(told));
            return (result, serial, None);
        };
        let records = std::iter::from_fn(|| topology.poll_record()).collect();
        let (done, written) = oneshot::channel();
        // While nobody else decides anything: the order counts.
        journal.hand_over(Batch { records, told, done });
        drop(trees);
        (result, serial, Some(written))
    }

    /// Tells a session.
    pub(crate) fn tell(&self, Told { notice, serial }: Told) {
        let (session, push) = match notice {
            Notice::Reassign { session, connection, moved } => {
                if moved {
                    self.events.tell(Event::moved(&connection));
                }
                (session, Push::Reassign(connection, serial))
            }
            Notice::Probe { session, connection } => (session, Push::Probe(connection, serial)),
            Notice::Replaced(session) => (session, Push::Replaced),
            Notice::Closed(session) => (session, Push::Closed),
        };
        let mut sessions = self.sessions();
        let taken = sessions.get(&session).map(|sender| sender.try_send(push).is_ok());
        if taken == Some(false) {
            // It does not read what it is told. Without its sender it ends.
            sessions.remove(&session);
        }
    }

    /// The seats of this proxy server.
    pub(crate) fn seats(&self) -> Vec<(String, Term)> {
        self.trees().topology.terms()
    }

    /// Whether this proxy server still places the nodes of the channel, in that term.
    pub(crate) fn has_seat(&self, channel: &str, term: Term) -> bool {
        self.seats().iter().any(|(name, held)| name == channel && *held == term)
    }

    /// This proxy server places the nodes of the channel from now on, and finds those there.
    pub(crate) fn open(&self, channel: &str, term: Term, entries: Vec<(NodeId, Entry)>) {
        let nodes = entries.len();
        // It is not waited for: what is changed by this is told to nobody yet.
        let _ = self.decide(|topology, now| topology.open(channel, term, entries, now));
        self.events.tell(Event::ChannelOpened { channel: channel.to_owned(), nodes });
    }

    /// This proxy server does not place the nodes of the channel any more, if it still does so in that term.
    pub(crate) fn close(&self, channel: &str, term: Term, reason: &str) {
        let mut trees = self.trees();
        let Trees { topology, serial } = &mut *trees;
        if !topology.terms().iter().any(|(name, held)| name == channel && *held == term) {
            return;
        }
        topology.close(channel, None);
        let (notices, serial) = (std::iter::from_fn(|| topology.poll_notice()), *serial);
        let told: Vec<Told> = notices.map(|notice| Told { notice, serial }).collect();
        drop(trees);
        // At once: what waits to be written down does not count any more.
        told.into_iter().for_each(|told| self.tell(told));
        let (channel, reason) = (channel.to_owned(), reason.to_owned());
        self.events.tell(Event::ChannelClosed { channel, reason });
    }

    /// Another proxy server places the nodes of the channel, and is there, if it is known.
    pub(crate) fn is_elsewhere(&self, channel: &str, proxy: Option<String>) {
        let mut trees = self.trees();
        // It may have been taken meanwhile, by this one.
        if trees.topology.terms().iter().all(|(held, _)| held != channel) {
            trees.topology.close(channel, proxy);
        }
    }

    fn trees(&self) -> std::sync::MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
