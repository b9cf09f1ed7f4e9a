//! Figures of all threads together: each is asked for its own, and nobody waits for it.

use super::super::command::Reply;
use super::super::figures::{Figures, WorkerFigures};
use super::super::worker::Worker;
use super::{Order, ShardFigures, ShardId};

/// Somebody who waits for figures, and what is there of them.
pub(in crate::engine) struct Gathering {
    reply: Reply<Figures>,
    /// By thread.
    parts: Vec<Option<ShardFigures>>,
}

impl Worker {
    /// Tells somebody everything that is counted, when all threads have told what they have.
    pub(in crate::engine) fn tell_figures(&mut self, reply: Reply<Figures>) {
        let parts = (0..self.shards.count()).map(|_| None).collect::<Vec<_>>();
        if parts.is_empty() {
            // A caller that has gone away does not want its answer.
            let _ = reply.send(Ok(self.figures(Vec::new())));
            return;
        }
        self.gatherings.push_back(Gathering { reply, parts });
        self.shards.order_all(|| Order::Figures);
    }

    /// One thread's part, for the first who has not got it yet.
    pub(super) fn gather(&mut self, shard: ShardId, figures: ShardFigures) {
        let lacks = |gathering: &&mut Gathering| {
            gathering.parts.get(shard).is_some_and(|part| part.is_none())
        };
        let mut gatherings = self.gatherings.iter_mut();
        if let Some(part) =
            gatherings.find(lacks).and_then(|gathering| gathering.parts.get_mut(shard))
        {
            *part = Some(figures);
        }
        let whole = |gathering: &Gathering| gathering.parts.iter().all(Option::is_some);
        while self.gatherings.front().is_some_and(whole)
            && let Some(Gathering { reply, parts }) = self.gatherings.pop_front()
        {
            let _ = reply.send(Ok(self.figures(parts.into_iter().flatten().collect())));
        }
    }
}

impl ShardFigures {
    /// What is told of the thread itself.
    pub(in crate::engine) fn of_worker(&self) -> WorkerFigures {
        let children = self.streams.iter().flat_map(|(_, children, _)| children);
        let sent: u64 = children.clone().map(|child| child.ledger.sent).sum();
        WorkerFigures {
            children: children.count(),
            packets: self.sent_before + sent,
            cpu: self.cpu,
        }
    }
}
