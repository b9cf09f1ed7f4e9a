//! Beginning and ending to place the nodes of a channel, among proxy servers that share its tree.

use std::collections::HashMap;

use super::channel::Channel;
use super::entry::{Entry, Record, Term};
use super::{Notice, Now, Settings, TopologyConfiguration};
use crate::NodeId;
use crate::uscp::{ErrorCode, ErrorReport};

impl TopologyConfiguration {
    /// Begins without any channel: others may place their nodes.
    pub fn shared(self) -> TopologyConfiguration {
        let elsewhere = self.channels.into_keys().map(|channel| (channel, None)).collect();
        TopologyConfiguration { channels: HashMap::new(), elsewhere, ..self }
    }

    /// It is for this proxy server to place the nodes of a channel from now on; those that there are have
    /// some time to come here.
    pub fn open(&mut self, name: &str, term: Term, entries: Vec<(NodeId, Entry)>, now: Now) {
        let Settings { settling, grace, topology, bounds, .. } = self.settings;
        let settings = self.settings.channels.iter().find(|channel| channel.name == name);
        let Some(settings) = settings.filter(|_| !self.channels.contains_key(name)) else { return };
        let mut channel = Channel::new(settings, topology, bounds);
        // A node that is in another channel meanwhile is not in this one any more.
        let here = |node: &NodeId| !self.places.contains_key(node);
        let (entries, moved): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(node, _)| here(node));
        if !moved.is_empty() {
            tracing::warn!("{} nodes of {name} are in other channels already", moved.len());
        }
        channel.restore(term, entries, now.time.saturating_add(settling).saturating_sub(grace));
        for (node, member) in channel.members() {
            self.places.insert(node, name.to_owned());
            *self.users.entry(member.user.clone()).or_default() += 1;
        }
        self.channels.insert(name.to_owned(), channel);
        self.elsewhere.remove(name);
        self.gather(name, None, now);
    }

    /// It is for another proxy server to place the nodes of a channel, which is there, if it is known.
    pub fn close(&mut self, name: &str, proxy: Option<String>) {
        if let Some(channel) = self.channels.remove(name) {
            for (node, member) in channel.members() {
                self.forget(node, &member.user);
                self.notices.extend(member.session().map(Notice::Closed));
            }
        }
        self.elsewhere.insert(name.to_owned(), proxy);
    }

    /// Whether it is not for another proxy server to place the nodes of a channel.
    ///
    /// # Errors
    /// What a node is told otherwise.
    pub fn is_here(&self, name: &str) -> Result<(), ErrorReport> {
        let Some(proxy) = self.elsewhere.get(name) else { return Ok(()) };
        let text = "another proxy server places the nodes of this channel";
        let report = ErrorReport::new(ErrorCode::Elsewhere, text).after(1);
        Err(ErrorReport { proxy: proxy.clone(), ..report })
    }

    /// The channels that are written down here, and in which terms.
    pub fn terms(&self) -> Vec<(String, Term)> {
        let terms = self.channels.iter();
        terms.filter_map(|(name, channel)| Some((name.clone(), channel.term()?))).collect()
    }

    /// What has to be written down before anybody is told what a call has brought about.
    pub fn poll_record(&mut self) -> Option<Record> {
        self.channels.iter_mut().find_map(|(name, channel)| {
            let (term, node, entry) = channel.poll_record()?;
            Some(Record { channel: name.clone(), term, node, entry })
        })
    }
}
