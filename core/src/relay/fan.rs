//! Packets out: from the ring to the children. A stream has one of these on the thread where it comes in,
//! and can have more on others, each with children of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::ring::Reader;

use super::child::{Child, ChildKey, State, Transport};
use super::egress::Egress;
use super::notes::Notes;
use super::packet::Packet;
use super::table::Table;
use super::{tcp, udp};

mod children;
mod feedback;

/// A reader of a stream's ring and the children that it serves. Belongs to one thread.
///
/// Where it runs makes no difference to it: what it has to know of the tracks it finds in notes that the
/// stream keeps, and what its children ask of the source it leaves there.
pub struct Fan {
    reader: Reader<Packet>,
    /// By track.
    notes: Arc<[Arc<Notes>]>,
    /// Everything before it has gone to every live child.
    cursor: u64,
    children: Table,
    udp: udp::Groups,
    tcp: tcp::Groups,
    /// UDP children that are behind.
    pacing: Vec<ChildKey>,
    /// Children for whom there is no key frame yet, and since when they wait for one.
    awaiting: Vec<(ChildKey, Duration)>,
}

impl Fan {
    pub(super) fn new(reader: Reader<Packet>, notes: Arc<[Arc<Notes>]>) -> Fan {
        let cursor = reader.head();
        Fan {
            reader,
            notes,
            cursor,
            children: Table::default(),
            udp: udp::Groups::default(),
            tcp: tcp::Groups::default(),
            pacing: Vec::new(),
            awaiting: Vec::new(),
        }
    }

    /// Gives what is new to the live children. Tells when the oldest packet of the batch came in, if there is
    /// a child to whom it may have gone.
    pub fn fan_out(&mut self, now: Duration, egress: &mut dyn Egress) -> Option<Duration> {
        if self.children.is_empty() {
            self.cursor = self.reader.head();
            return None;
        }
        let ended = self.reader.is_ended();
        if !ended && self.reader.head() <= self.cursor {
            return None;
        }
        self.go_round();
        let Fan { reader, children, udp, tcp, cursor, .. } = self;
        let view = reader.view(*cursor);
        if view.lost() > 0 {
            // It has come round once more in the meantime.
            skip_live(children, udp, *cursor, view.start());
            *cursor = view.start();
        }
        // What is cheaper a packet goes first: those who come second wait for less.
        tcp.fan_out(children, &view, now, egress);
        udp.fan_out(children, &view, egress);
        let oldest = view.get(*cursor).map(|packet| packet.arrival);
        *cursor = view.end();
        drop(view);
        if ended {
            self.end_retransmissions(now, egress);
        }
        if oldest.is_some() {
            self.release_awaiting(now, egress);
        }
        oldest
    }

    /// Arms the reader's wake-up for the next packet; false when there is one already. One that serves
    /// nobody is not to be woken.
    pub fn park(&self) -> bool {
        self.children.is_empty() || self.reader.park(self.cursor) || self.is_over()
    }

    /// Whether the stream is over, and its last packet has gone out.
    pub fn is_over(&self) -> bool {
        // The end first, then the head: what came before the end must not be missed.
        self.reader.is_ended() && self.reader.head() <= self.cursor
    }

    /// Skips what has left the ring before it could be sent, up to the newest key frame. It does so only when
    /// the thread was kept from running for as long as the whole ring lasts.
    fn go_round(&mut self) {
        let view = self.reader.view(self.cursor);
        if view.lost() == 0 {
            return;
        }
        let first = view.start();
        drop(view);
        let key = self.reader.newest_key().filter(|key| *key >= first);
        let onward = key.unwrap_or(first);
        skip_live(&mut self.children, &mut self.udp, self.cursor, onward);
        self.cursor = onward;
    }
}

/// Moves all live children from `cursor` on to a later position: what lies between is lost to them.
fn skip_live(children: &mut Table, udp: &mut udp::Groups, cursor: u64, onward: u64) {
    let sent = udp.restart();
    for (key, child) in children.iter_mut().filter(|(_, child)| child.state == State::Live) {
        children::settle_live(child, sent.get(&key).copied().unwrap_or(0), cursor);
        child.skip_to(onward);
    }
}
