//! Fan-out to interleaved connections: one write per frame and child.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::ring::View;

use super::child::{Child, ChildKey, State, Transport};
use super::egress::{ConnId, Egress, Rest, Written};
use super::packet::{Kind, PREFIX, Packet, prefix};
use super::recycle::recycle;
use super::table::Table;

/// Packets in one write at most; two slices each stay below the kernel's `IOV_MAX` of 1,024.
const BATCH: usize = 500;

/// Channels of a connection by track: RTP and RTCP, `None` for a track that was not set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(Arc<[Option<(u8, u8)>]>);

impl Layout {
    /// A layout with the given channels by track.
    pub fn new(channels: Vec<Option<(u8, u8)>>) -> Layout {
        Layout(channels.into())
    }

    /// The same layout without some of the tracks.
    pub fn without(&self, tracks: &[usize]) -> Layout {
        let kept = |(track, channels): (usize, &Option<(u8, u8)>)| {
            channels.filter(|_| !tracks.contains(&track))
        };
        Layout(self.0.iter().enumerate().map(kept).collect())
    }

    /// Whether the track is set up.
    pub fn wants(&self, track: u8) -> bool {
        self.0.get(usize::from(track)).is_some_and(Option::is_some)
    }

    /// The channel for packets of a kind, `None` for a track that was not set up.
    pub fn channel(&self, track: u8, kind: Kind) -> Option<u8> {
        let (rtp, rtcp) = (*self.0.get(usize::from(track))?)?;
        Some(if kind == Kind::Rtp { rtp } else { rtcp })
    }

    fn prefix(&self, packet: &Packet) -> Option<[u8; PREFIX]> {
        let channel = self.channel(packet.track, packet.kind)?;
        Some(prefix(channel, packet.data().len()))
    }
}

/// Slices of one batch of packets as a layout has them on the wire.
#[derive(Default)]
struct Gather {
    prefixes: Vec<[u8; PREFIX]>,
    /// Kept empty; only its memory is used again.
    slices: Vec<IoSlice<'static>>,
}

/// A batch of packets about to be written.
struct Batch<'a> {
    slices: Vec<IoSlice<'a>>,
    /// Position behind the last packet looked at.
    end: u64,
    wanted: u64,
    unwanted: u64,
    bytes: usize,
}

impl Gather {
    /// Lays out the packets of `view` in `range`: at most [`BATCH`] of them.
    fn batch<'a>(
        prefixes: &'a mut Vec<[u8; PREFIX]>,
        mut slices: Vec<IoSlice<'a>>,
        layout: &Layout,
        view: &'a View<'_, Packet>,
        range: Range<u64>,
    ) -> Batch<'a> {
        let Range { start, end } = range;
        let end = end.min(start.saturating_add(BATCH as u64));
        let packets = || (start..end).filter_map(|position| view.get(position));
        prefixes.clear();
        prefixes.extend(packets().filter_map(|packet| layout.prefix(packet)));
        let (mut wanted, mut bytes) = (0, 0);
        let wanting = packets().filter(|packet| layout.wants(packet.track));
        for (packet, prefix) in wanting.zip(prefixes.iter()) {
            match packet.framed_slice() {
                Some(framed) if packet.prefix() == prefix => slices.push(IoSlice::new(framed)),
                _ => {
                    slices.push(IoSlice::new(prefix));
                    slices.push(IoSlice::new(packet.data()));
                }
            }
            wanted += 1;
            bytes += PREFIX + packet.data().len();
        }
        Batch { slices, end, wanted, unwanted: (end - start) - wanted, bytes }
    }
}

/// Where a write of `taken` bytes from `start` on stopped: position behind the last packet that is on
/// the wire at least in part, how many packets those are, and what is left of the last one.
fn stopped(
    view: &View<'_, Packet>,
    layout: &Layout,
    start: u64,
    end: u64,
    mut taken: usize,
) -> (u64, u64, u64, Option<Rest>) {
    let (mut sent, mut unwanted) = (0, 0);
    for position in start..end {
        let Some(packet) = view.get(position) else { break };
        let Some(prefix) = layout.prefix(packet) else {
            unwanted += 1;
            continue;
        };
        if taken == 0 {
            return (position, sent, unwanted, None);
        }
        sent += 1;
        let length = PREFIX + packet.data().len();
        if taken < length {
            let rest = Rest::new(prefix, packet.clone(), taken);
            return (position + 1, sent, unwanted, Some(rest));
        }
        taken -= length;
    }
    (end, sent, unwanted, None)
}

/// Children with the same channels: the bytes for them are the same.
struct Group {
    layout: Layout,
    members: Vec<ChildKey>,
}

/// All playing TCP children of a stream.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    gather: Gather,
}

impl Groups {
    pub(super) fn add(&mut self, key: ChildKey, layout: &Layout) {
        if self.groups.iter().any(|group| group.members.contains(&key)) {
            return;
        }
        match self.groups.iter_mut().find(|group| group.layout == *layout) {
            Some(group) => group.members.push(key),
            None => self.groups.push(Group { layout: layout.clone(), members: vec![key] }),
        }
    }

    pub(super) fn remove(&mut self, key: ChildKey) {
        for group in &mut self.groups {
            group.members.retain(|member| *member != key);
        }
        self.groups.retain(|group| !group.members.is_empty());
    }

    /// Gives every live child the packets of `view`, which begins at the stream's cursor.
    pub(super) fn fan_out(
        &mut self,
        children: &mut Table,
        view: &View<'_, Packet>,
        now: Duration,
        egress: &mut dyn Egress,
    ) {
        let Groups { groups, gather } = self;
        for group in groups {
            let slices = std::mem::take(&mut gather.slices);
            let range = view.start()..view.end();
            let batch = Gather::batch(&mut gather.prefixes, slices, &group.layout, view, range);
            for key in &group.members {
                let Some(child) = children.get_mut(*key) else { continue };
                let Transport::Tcp { conn, .. } = child.transport else { continue };
                if child.state != State::Live {
                    continue;
                }
                write(child, conn, &group.layout, view, &batch, now, egress);
            }
            gather.slices = recycle(batch.slices, || IoSlice::new(&[]));
        }
        if view.end() - view.start() > BATCH as u64 {
            self.catch_up_all(children, view, now, egress);
        }
    }

    /// Goes on with those whom one batch did not bring up to date.
    fn catch_up_all(
        &mut self,
        children: &mut Table,
        view: &View<'_, Packet>,
        now: Duration,
        egress: &mut dyn Egress,
    ) {
        for (_, child) in children.iter_mut() {
            if child.state == State::Behind && !child.blocked {
                self.catch_up(child, view, view.end(), now, egress);
            }
        }
    }

    /// Gives one child that is behind what its connection can take.
    pub(super) fn catch_up(
        &mut self,
        child: &mut Child,
        view: &View<'_, Packet>,
        until: u64,
        now: Duration,
        egress: &mut dyn Egress,
    ) {
        let Transport::Tcp { conn, ref layout } = child.transport else { return };
        let layout = layout.clone();
        while child.cursor < until && !child.blocked {
            let slices = std::mem::take(&mut self.gather.slices);
            let range = child.cursor..until;
            let batch = Gather::batch(&mut self.gather.prefixes, slices, &layout, view, range);
            write(child, conn, &layout, view, &batch, now, egress);
            self.gather.slices = recycle(batch.slices, || IoSlice::new(&[]));
        }
        if !child.blocked && child.cursor >= until {
            child.state = State::Live;
            child.progress = now;
        }
    }
}

/// Sends one report to one child, ahead of what its cursor points at.
pub(super) fn report(child: &mut Child, report: &Packet, egress: &mut dyn Egress) {
    let Transport::Tcp { conn, ref layout } = child.transport else { return };
    let Some(prefix) = layout.prefix(report).filter(|_| !child.blocked) else { return };
    let slices = [IoSlice::new(&prefix), IoSlice::new(report.data())];
    let taken = match egress.interleaved(conn, &slices) {
        Written::Bytes(taken) if taken > 0 => taken,
        Written::Bytes(_) | Written::Blocked | Written::Closed => {
            child.blocked = true;
            return;
        }
    };
    child.offered += 1;
    child.attempted += 1;
    if taken < PREFIX + report.data().len() {
        child.blocked = true;
        egress.keep(conn, Rest::new(prefix, report.clone(), taken));
    }
}

/// Writes a batch that begins at the child's cursor, and moves the cursor.
fn write(
    child: &mut Child,
    conn: ConnId,
    layout: &Layout,
    view: &View<'_, Packet>,
    batch: &Batch<'_>,
    now: Duration,
    egress: &mut dyn Egress,
) {
    let taken = if batch.slices.is_empty() {
        batch.bytes
    } else {
        match egress.interleaved(conn, &batch.slices) {
            Written::Bytes(taken) => taken,
            Written::Blocked => 0,
            Written::Closed => {
                child.state = State::Behind;
                child.blocked = true;
                return;
            }
        }
    };
    if taken == batch.bytes {
        child.cursor = batch.end;
        child.attempted += batch.wanted;
        child.unwanted += batch.unwanted;
        child.progress = now;
        if batch.end < view.end() {
            child.state = State::Behind;
        }
        return;
    }
    child.state = State::Behind;
    child.blocked = true;
    if taken > 0 {
        child.progress = now;
    }
    let (cursor, sent, unwanted, rest) = stopped(view, layout, child.cursor, batch.end, taken);
    child.cursor = cursor;
    child.attempted += sent;
    child.unwanted += unwanted;
    if let Some(rest) = rest {
        egress.keep(conn, rest);
    }
}
