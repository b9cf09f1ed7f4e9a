//! Receivers that have had the stream from somebody else, and go on with it here where they have stopped; and the
//! other way round: a stream whose source changes for another that has the very same packets.

use crate::media::{rtp, sdp};
use crate::ring::View;

use super::super::child::ChildKey;
use super::super::packet::{Kind, Packet};
use super::super::track::Overlap;
use super::{Incompatible, PlayPoint, Start, Stream};

/// How many packets of a track that the receiver has are looked at before no packet that it lacks is expected
/// before them any more: late ones stand behind those that have overtaken them.
const SLACK: u16 = 16;
/// A packet that was sent so many seconds later cannot be an older one, whatever its number says.
const SAME_ROUND: u32 = 5;

/// What a child gets that has told what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Position in the ring at which it begins; `None` where it has to wait for a key frame, or is being sent
    /// to already.
    pub begin: Option<u64>,
    /// Where that is, as it is told.
    pub start: PlayPoint,
    /// Packets that it lacks and that are there; `None` when what it lacks is there no more, and it begins at
    /// the newest key frame.
    pub replayed: Option<u64>,
}

/// What a receiver has are not packets of this stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherPackets;

impl Stream {
    /// As [`play`](Stream::play), for a child that has had the stream elsewhere: it begins behind the packets
    /// named, one for each track of which it has any. It is sent no packet that stands before all that it
    /// lacks, but may be sent some that it has. `None` when there is no such child.
    ///
    /// # Errors
    ///
    /// When the packets named are not of this stream.
    pub fn play_from(
        &mut self,
        key: ChildKey,
        marks: &[(usize, rtp::Mark)],
    ) -> Result<Option<Continuation>, OtherPackets> {
        if !self.keys_taken.contains(key) {
            return Ok(None);
        }
        if !self.fan.can_begin(key) {
            // It is being sent to: to look through the ring for it would be in vain.
            let start = self.play_point(self.shown);
            return Ok(Some(Continuation { begin: None, start, replayed: Some(0) }));
        }
        let wanted = |track| self.fan.wants(key, track);
        let wanted: Vec<bool> = (0u8..).take(self.tracks.len()).map(wanted).collect();
        let continuation = self.continuation(marks, &wanted)?;
        self.fan.play(key, continuation.begin);
        Ok(Some(continuation))
    }

    /// Where a receiver that has had the stream elsewhere begins here: behind the packets named, of the tracks
    /// that it wants.
    ///
    /// # Errors
    ///
    /// As [`play_from`](Stream::play_from).
    pub fn continuation(
        &mut self,
        marks: &[(usize, rtp::Mark)],
        wanted: &[bool],
    ) -> Result<Continuation, OtherPackets> {
        let mut searches = Vec::with_capacity(marks.len());
        for (number, mark) in marks {
            let Some(track) = self.tracks.get(*number) else { return Err(OtherPackets) };
            match track.ssrc() {
                Some(ssrc) if ssrc != mark.ssrc => return Err(OtherPackets),
                Some(_) if wanted.get(*number).is_some_and(|wanted| *wanted) => {
                    searches.push(Search::new(*number, *mark, track.clock_rate()));
                }
                Some(_) | None => {}
            }
        }
        let view = self.fan.view(0);
        look_back(&view, self.shown, &mut searches)?;
        drop(view);
        let whole = searches.iter().all(Search::reaches);
        let first = searches.iter().filter_map(|search| search.first).min();
        let lacked = searches.iter().map(|search| search.lacked).sum();
        if !whole {
            let (begin, start) = self.start(Start::KeyFrame);
            return Ok(Continuation { begin, start, replayed: None });
        }
        let position = first.unwrap_or(self.shown);
        let start = self.play_point(position);
        Ok(Continuation { begin: Some(position), start, replayed: Some(lacked) })
    }

    /// The newest packet of each track that has any, as the source has numbered it: by these another source
    /// that has the same packets can go on.
    pub fn marks(&self) -> Vec<(usize, rtp::Mark)> {
        let mark = |(number, track): (usize, &super::Track)| Some((number, track.mark()?));
        self.tracks.iter().enumerate().filter_map(mark).collect()
    }

    /// Whether a source described like this could have the same packets.
    ///
    /// # Errors
    ///
    /// When its tracks are not the same, or are coded otherwise.
    pub fn fits(&self, session: &sdp::Session) -> Result<(), Incompatible> {
        self.check(session)
    }

    /// From now on another source that has the same packets feeds, at first perhaps beside the present one, and
    /// repeats some of what is here: that is counted, and packets that wait for missing ones wait longer.
    pub fn begin_overlap(&mut self) {
        self.tracks.iter_mut().for_each(super::Track::begin_overlap);
    }

    /// The source that has said BYE was not the one that feeds from now on.
    pub fn forget_leave(&mut self) {
        self.tracks.iter_mut().for_each(super::Track::forget_leave);
    }

    /// The sources do not overlap any more. Returns what was repeated, and what was missing between them.
    pub fn end_overlap(&mut self) -> Overlap {
        self.tracks.iter_mut().map(super::Track::end_overlap).sum()
    }
}

/// Goes through the ring from its newest packet that has been fanned out, as far as the searches need it.
fn look_back(
    view: &View<'_, Packet>,
    cursor: u64,
    searches: &mut [Search],
) -> Result<(), OtherPackets> {
    let there = view.iter().rev().filter(|(position, _)| *position < cursor);
    for (position, packet) in there.filter(|(_, packet)| packet.kind == Kind::Rtp) {
        if searches.iter().all(Search::is_over) {
            break;
        }
        let search = searches.iter_mut().find(|search| search.track == usize::from(packet.track));
        if let Some(search) = search.filter(|search| !search.is_over())
            && let Ok(header) = rtp::parse(packet.data())
        {
            search.look(position, &header)?;
        }
    }
    Ok(())
}

/// A search in the ring, backwards, for what a receiver lacks of one track.
struct Search {
    track: usize,
    mark: rtp::Mark,
    clock_rate: u32,
    /// Where the first packet stands that it lacks, as far as the search has come.
    first: Option<u64>,
    /// Packets that it lacks.
    lacked: u64,
    /// The very next packet is there.
    adjoins: bool,
    /// Packets that it has.
    known: u16,
    /// It has had nothing for so long that numbers mean nothing any more.
    outdated: bool,
}

impl Search {
    fn new(track: usize, mark: rtp::Mark, clock_rate: u32) -> Search {
        let (first, lacked, adjoins, known, outdated) = (None, 0, false, 0, false);
        Search { track, mark, clock_rate, first, lacked, adjoins, known, outdated }
    }

    fn look(&mut self, position: u64, header: &rtp::Header) -> Result<(), OtherPackets> {
        let ahead = header.sequence.wrapping_sub(self.mark.sequence) as i16;
        let later = header.timestamp.wrapping_sub(self.mark.timestamp) as i32;
        let round = i32::try_from(self.clock_rate.saturating_mul(SAME_ROUND)).unwrap_or(i32::MAX);
        if ahead > 0 {
            self.first = Some(position);
            self.lacked += 1;
            self.adjoins |= ahead == 1;
        } else if later > round {
            self.outdated = true;
        } else if ahead == 0 && later != 0 {
            return Err(OtherPackets);
        } else {
            self.known += 1;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.outdated || self.known >= SLACK
    }

    /// Whether nothing that the receiver lacks has left the ring.
    fn reaches(&self) -> bool {
        !self.outdated && (self.known > 0 || self.adjoins || self.lacked == 0)
    }
}
