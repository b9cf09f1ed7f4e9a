//! Complaints about server nodes, and for how long they count.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::NodeId;
use super::super::forest::{Node, Slot};
use super::super::policy::Policy;
use super::Placing;

/// A node of which this many complained gets no more children.
const DEMOTED: u8 = 2;
/// How long a complaint counts.
const COUNTS: Duration = Duration::from_secs(60);

/// The complaints that count: at most [`DEMOTED`] of each node.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    now: Duration,
    /// Until when, about whom; in the order of their coming, which is that of their end.
    counted: VecDeque<(Duration, NodeId)>,
}

/// Whether a node gets no more children, because of what is said of it.
pub(super) fn is_demoted(node: &Node) -> bool {
    node.complaints >= DEMOTED && !node.root
}

impl<P: Policy> Placing<P> {
    /// A node says that its server is gone, or starves it. Somebody who says so twice, or by two of his
    /// nodes, has said it once: else he could demote whom he likes.
    pub(super) fn complain(&mut self, slot: Slot, server: Slot) {
        let node = &self.forest[slot];
        let accuser = node.owner.unwrap_or(node.id.0);
        let accused = &mut self.forest[server];
        let is_said = accused.complaints > 0 && accused.accuser == accuser;
        if accused.root || accused.complaints >= DEMOTED || is_said {
            return;
        }
        accused.complaints += 1;
        accused.accuser = accuser;
        let until = self.complaints.now.saturating_add(COUNTS);
        self.complaints.counted.push_back((until, accused.id));
    }

    /// Forgets what was said too long ago.
    pub(super) fn forget_complaints(&mut self, now: Duration) {
        // A clock that goes back would bring the queue out of order.
        self.complaints.now = self.complaints.now.max(now);
        while let Some(&(until, id)) = self.complaints.counted.front() {
            if until > now {
                return;
            }
            self.complaints.counted.pop_front();
            if let Ok(slot) = self.forest.find(id) {
                let accused = &mut self.forest[slot];
                accused.complaints = accused.complaints.saturating_sub(1);
                self.settle(slot);
            }
        }
    }

    /// A node leaves, and with it what was said of it.
    pub(super) fn drop_complaints(&mut self, slot: Slot) {
        let node = &self.forest[slot];
        if node.complaints > 0 {
            let left = node.id;
            self.complaints.counted.retain(|(_, id)| *id != left);
        }
    }
}
