//! What is written down of a channel, and beginning from that.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::time::Duration;

use super::super::entry::{Entry, Term};
use super::super::member::Member;
use super::Channel;
use crate::NodeId;
use crate::proxy::pluggable::topology::NodeFacts;

/// What is written down of a channel.
#[derive(Debug)]
pub(super) struct Book {
    term: Term,
    written: HashMap<NodeId, Entry>,
    /// Nodes of which something else may have to be written.
    touched: BTreeSet<NodeId>,
}

impl Channel {
    /// Begins where another proxy server has ended: with the nodes that it has written down, at their places.
    /// They are not connected since `lost`. From now on everything is to be written down.
    pub(in super::super) fn restore(
        &mut self,
        term: Term,
        entries: Vec<(NodeId, Entry)>,
        lost: Duration,
    ) {
        let mut children: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut nodes = Vec::with_capacity(entries.len());
        let mut written = HashMap::with_capacity(entries.len());
        for (node, entry) in entries {
            let owner = Some(self.owners.hash_one(&entry.user));
            let joined_at = Duration::from_secs(entry.joined);
            let facts = NodeFacts { capacity: entry.capacity, joined_at, owner };
            if let Err(error) = self.algorithm.add(node, facts) {
                tracing::warn!("{error}");
                continue;
            }
            if let Some(server) = entry.server {
                children.entry(server).or_default().push(node);
            }
            let member = Member::restored(entry.user.clone(), entry.url.clone(), lost);
            self.members.insert(node, member);
            written.insert(node, entry);
            nodes.push(node);
        }
        // From the streaming server downwards: only who receives can serve.
        let mut next = VecDeque::from([NodeId::ROOT]);
        while let Some(server) = next.pop_front() {
            for node in children.remove(&server).unwrap_or_default() {
                // One that finds no room any more is placed when it comes.
                if self.algorithm.adopt(node, server).is_ok() {
                    next.push_back(node);
                }
            }
        }
        for node in &nodes {
            // They were added just now.
            let _ = self.algorithm.set_connected(*node, false);
        }
        self.book = Some(Book { term, written, touched: nodes.into_iter().collect() });
    }

    /// The term in which it is written down what happens; `None`: it is not.
    pub(in super::super) fn term(&self) -> Option<Term> {
        self.book.as_ref().map(|book| book.term)
    }

    /// Something else may have to be written of this node.
    pub(super) fn touch(&mut self, node: NodeId) {
        if let Some(book) = &mut self.book {
            book.touched.insert(node);
        }
    }

    /// What has to be written down; `None`: nothing more.
    pub(in super::super) fn poll_record(&mut self) -> Option<(Term, NodeId, Option<Entry>)> {
        loop {
            let node = self.book.as_mut()?.touched.pop_first()?;
            let entry = self.entry(node);
            let book = self.book.as_mut()?;
            if book.written.get(&node) == entry.as_ref() {
                continue;
            }
            match &entry {
                Some(entry) => book.written.insert(node, entry.clone()),
                None => book.written.remove(&node),
            };
            return Some((book.term, node, entry));
        }
    }

    fn entry(&self, node: NodeId) -> Option<Entry> {
        let (member, facts) = (self.members.get(&node)?, self.algorithm.facts(node)?);
        Some(Entry {
            server: self.server_of(node),
            user: member.user.clone(),
            url: member.url.clone(),
            capacity: facts.capacity,
            joined: facts.joined_at.as_secs(),
        })
    }

    /// All nodes with their users, and the sessions of those that are connected.
    pub(in super::super) fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(node, member)| (*node, member))
    }
}
