//! Fan-out of datagrams: runs of equal packets, each to every member of a group in one batch.

use std::collections::HashMap;
use std::io::IoSlice;
use std::ops::Range;

use crate::io::{Destination, Failure, MAX_DATAGRAM, MAX_SEGMENTS, Run};
use crate::ring::View;

use super::child::{Child, ChildKey, State, Target, Transport};
use super::egress::{Egress, PairId};
use super::packet::{Kind, Packet};
use super::recycle::recycle;
use super::table::Table;

/// Children that receive one track from one pair of sockets, all at the stream's own cursor.
struct Group {
    pair: PairId,
    track: u8,
    rtp: Vec<Destination>,
    rtcp: Vec<Destination>,
    members: Vec<ChildKey>,
    /// Packets sent to each member since the group was made.
    sent: u64,
    /// What `sent` was when the member came.
    joined: Vec<u64>,
}

/// All live UDP children of a stream, by track and pair of sockets.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    gather: Gather,
}

/// Memory for the lists of one batch, used again and again.
#[derive(Default)]
struct Gather {
    /// Kept empty between batches.
    slices: Vec<IoSlice<'static>>,
    /// Kept empty between batches.
    runs: Vec<Run<'static>>,
    extents: Vec<Extent>,
    failed: Vec<Failure>,
}

/// One run within the list of slices.
struct Extent {
    slices: Range<usize>,
    segment: usize,
    bytes: usize,
    /// A shorter packet has ended the run.
    ended: bool,
}

impl Gather {
    /// Sends the packets of one track and kind to the destinations; tells how many packets that were
    /// for each, and calls `refused` with the index of each destination that was refused some.
    fn send<'a>(
        &mut self,
        packets: impl Iterator<Item = &'a Packet>,
        pair: PairId,
        kind: Kind,
        to: &[Destination],
        egress: &mut dyn Egress,
        mut refused: impl FnMut(usize, u64),
    ) -> u64 {
        let mut slices: Vec<IoSlice<'a>> = std::mem::take(&mut self.slices);
        self.extents.clear();
        for packet in packets {
            let data = packet.data();
            match self.extents.last_mut() {
                Some(run) if run.takes(data.len()) => run.take(data.len()),
                _ => self.extents.push(Extent::new(slices.len(), data.len())),
            }
            slices.push(IoSlice::new(data));
        }
        let count = slices.len() as u64;
        if count > 0 {
            let mut runs: Vec<Run<'_>> = std::mem::take(&mut self.runs);
            runs.extend(self.extents.iter().map(|extent| {
                Run::new(slices.get(extent.slices.clone()).unwrap_or(&[]), extent.segment)
            }));
            egress.datagrams(pair, kind, &runs, to, &mut self.failed);
            self.runs = recycle(runs, || Run::new(&[], 0));
        }
        for failure in self.failed.drain(..) {
            refused(failure.destination, failure.segments.len() as u64);
        }
        self.slices = recycle(slices, || IoSlice::new(&[]));
        count
    }
}

impl Extent {
    fn new(first: usize, length: usize) -> Extent {
        Extent { slices: first..first + 1, segment: length, bytes: length, ended: false }
    }

    /// Whether the kernel could cut this packet off the run again: all segments are of one size,
    /// only the last may be shorter.
    fn takes(&self, length: usize) -> bool {
        !self.ended
            && length <= self.segment
            && length > 0
            && self.slices.len() < MAX_SEGMENTS
            && self.bytes + length <= MAX_DATAGRAM
    }

    fn take(&mut self, length: usize) {
        self.slices.end += 1;
        self.bytes += length;
        self.ended = length < self.segment;
    }
}

impl Groups {
    /// Makes a child live: from now on it gets what its groups get.
    pub(super) fn add(&mut self, key: ChildKey, targets: &[Option<Target>]) {
        for (track, target) in (0u8..).zip(targets) {
            let Some(Target { pair, rtp, rtcp, .. }) = target else { continue };
            let known = self.groups.iter().position(|g| g.pair == *pair && g.track == track);
            let index = known.unwrap_or_else(|| {
                self.groups.push(Group::new(*pair, track));
                self.groups.len() - 1
            });
            if let Some(group) = self.groups.get_mut(index) {
                group.rtp.push(rtp.clone());
                group.rtcp.push(rtcp.clone());
                group.members.push(key);
                group.joined.push(group.sent);
            }
        }
    }

    /// Takes a child out; returns how many packets it was sent while it was in.
    pub(super) fn remove(&mut self, key: ChildKey) -> u64 {
        let mut sent = 0;
        for group in &mut self.groups {
            let Some(index) = group.members.iter().position(|member| *member == key) else {
                continue;
            };
            sent += group.sent - group.joined.swap_remove(index);
            group.members.swap_remove(index);
            group.rtp.swap_remove(index);
            group.rtcp.swap_remove(index);
        }
        self.groups.retain(|group| !group.members.is_empty());
        sent
    }

    /// As [`sent`](Groups::sent), and counts anew.
    pub(super) fn restart(&mut self) -> HashMap<ChildKey, u64> {
        let sent = self.sent();
        for group in &mut self.groups {
            group.joined.fill(group.sent);
        }
        sent
    }

    /// How many packets each live child was sent since it is live.
    pub(super) fn sent(&self) -> HashMap<ChildKey, u64> {
        let mut sent = HashMap::new();
        for group in &self.groups {
            for (key, joined) in group.members.iter().zip(&group.joined) {
                *sent.entry(*key).or_default() += group.sent - joined;
            }
        }
        sent
    }

    /// Gives every live child the packets of `view`.
    pub(super) fn fan_out(
        &mut self,
        children: &mut Table,
        view: &View<'_, Packet>,
        egress: &mut dyn Egress,
    ) {
        let Groups { groups, gather } = self;
        for group in groups {
            for kind in [Kind::Rtp, Kind::Rtcp] {
                let packets = view
                    .iter()
                    .map(|(_, packet)| packet)
                    .filter(|packet| packet.track == group.track && packet.kind == kind);
                let to = if kind == Kind::Rtp { &group.rtp } else { &group.rtcp };
                let members = &group.members;
                let count = gather.send(packets, group.pair, kind, to, egress, |index, refused| {
                    let child = members.get(index).and_then(|key| children.get_mut(*key));
                    if let Some(child) = child {
                        child.refused += refused;
                    }
                });
                group.sent += count;
            }
        }
    }

    /// Gives a child that is behind at most `budget` bytes of what it lacks up to `until`.
    pub(super) fn catch_up(
        &mut self,
        child: &mut Child,
        view: &View<'_, Packet>,
        until: u64,
        budget: usize,
        egress: &mut dyn Egress,
    ) {
        let Transport::Udp { ref targets } = child.transport else { return };
        let mut end = child.cursor;
        let (mut bytes, mut sent, mut refused) = (0, 0, 0);
        while let Some(packet) = view.get(end).filter(|_| end < until && bytes < budget) {
            if child.transport.wants(packet.track) {
                bytes += packet.data().len();
            }
            end += 1;
        }
        for (track, target) in (0u8..).zip(targets) {
            let Some(Target { pair, rtp, rtcp, .. }) = target else { continue };
            for (kind, to) in [(Kind::Rtp, rtp), (Kind::Rtcp, rtcp)] {
                let packets = (child.cursor..end)
                    .filter_map(|position| view.get(position))
                    .filter(|packet| packet.track == track && packet.kind == kind);
                let to = std::slice::from_ref(to);
                sent += self.gather.send(packets, *pair, kind, to, egress, |_, n| refused += n);
            }
        }
        child.unwanted += (end - child.cursor) - sent;
        child.attempted += sent;
        child.refused += refused;
        child.cursor = end;
        if end >= until {
            child.state = State::Live;
        }
    }

    /// Sends one child a report besides those of the stream.
    pub(super) fn report(&mut self, child: &mut Child, report: &Packet, egress: &mut dyn Egress) {
        self.send_extra(child, report, egress);
    }

    /// Sends one child a packet of the stream once more, as it was or, where that was agreed, in a
    /// stream of its own.
    pub(super) fn send_again(
        &mut self,
        child: &mut Child,
        packet: &Packet,
        egress: &mut dyn Egress,
    ) {
        let number = usize::from(packet.track);
        let Some(Some(agreed)) = child.retransmissions.get_mut(number) else {
            child.resent += self.send_extra(child, packet, egress);
            return;
        };
        let Transport::Udp { ref targets } = child.transport else { return };
        let Some(Some(target)) = targets.get(number) else { return };
        let Some(repacked) = agreed.repack(packet.data()) else { return };
        let to = std::slice::from_ref(&target.rtp);
        let slices = repacked.slices();
        let failed = &mut self.gather.failed;
        egress.datagrams(target.pair, Kind::Rtp, &[Run::new(&slices, 0)], to, failed);
        child.resent += 1;
        child.offered += 1;
        child.attempted += 1;
        child.refused += failed.drain(..).len() as u64;
    }

    /// Sends one child a packet that the stream does not offer it; returns how many that was.
    fn send_extra(&mut self, child: &mut Child, packet: &Packet, egress: &mut dyn Egress) -> u64 {
        let Transport::Udp { ref targets } = child.transport else { return 0 };
        let Some(Some(target)) = targets.get(usize::from(packet.track)) else { return 0 };
        let to = if packet.kind == Kind::Rtp { &target.rtp } else { &target.rtcp };
        let to = std::slice::from_ref(to);
        let mut refused = 0;
        let packets = std::iter::once(packet);
        let sent =
            self.gather.send(packets, target.pair, packet.kind, to, egress, |_, n| refused += n);
        child.offered += sent;
        child.attempted += sent;
        child.refused += refused;
        sent
    }
}

impl Group {
    fn new(pair: PairId, track: u8) -> Group {
        Group {
            pair,
            track,
            rtp: Vec::new(),
            rtcp: Vec::new(),
            members: Vec::new(),
            sent: 0,
            joined: Vec::new(),
        }
    }
}
