//! What is asked of those who feed streams: packets that are missing, key frames.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use crate::io::{Run, Token};
use crate::relay::{ChildKey, Kind, PREFIX, prefix};
use crate::sync::{AtomicBool, Ordering};

use super::command::StreamId;
use super::egress::Sockets;
use super::media::Live;
use super::supply::Supply;
use super::worker::Worker;

/// Who feeds a stream, as far as it can be asked for something.
#[derive(Clone, Debug, Default)]
pub(super) enum Feeder {
    /// Nobody, as far as is known.
    #[default]
    Nobody,
    /// Whoever sends to the sockets of the stream's own.
    Sockets,
    /// The peer of an RTSP connection.
    Connection(Token),
    /// This process.
    Program(Arc<Supply>),
}

impl Feeder {
    /// Whether it is the peer of this connection.
    pub(super) fn is_connection(&self, token: Token) -> bool {
        matches!(self, Feeder::Connection(fed) if *fed == token)
    }
}

/// Key frames that the engine wishes for, by track, told to a source in this process.
#[derive(Debug)]
pub(super) struct KeyFrameWishes {
    tracks: Box<[AtomicBool]>,
}

impl KeyFrameWishes {
    pub(super) fn new(tracks: usize) -> KeyFrameWishes {
        KeyFrameWishes { tracks: (0..tracks).map(|_| AtomicBool::new(false)).collect() }
    }

    fn wish(&self, track: u8) {
        if let Some(wished) = self.tracks.get(usize::from(track)) {
            // A flag that stands for itself: nothing is read or written because of it.
            wished.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there was a wish since this was last asked.
    pub(super) fn take(&self, track: usize) -> bool {
        let wished = self.tracks.get(track);
        wished.is_some_and(|wished| {
            wished.load(Ordering::Relaxed) && wished.swap(false, Ordering::Relaxed)
        })
    }
}

impl Worker {
    /// Asks the source of a stream for what it lacks now.
    pub(super) fn ask_source(&mut self, id: StreamId, now: Duration) {
        let Some(live) = self.streams.get(&id) else { return };
        match live.feeder.clone() {
            Feeder::Nobody if live.is_stood_in() => self.ask_stand_in(id, now),
            Feeder::Nobody | Feeder::Sockets => self.ask_by_datagram(id, now),
            Feeder::Connection(token) => {
                self.ask_by_datagram(id, now);
                self.ask_interleaved(id, token, now);
            }
            Feeder::Program(supply) => self.ask_program(id, &supply.wishes, now),
        }
        if let Some(live) = self.streams.get_mut(&id) {
            live.stream.forgo_key_frames(now);
        }
    }

    /// As [`ask_source`](Worker::ask_source), if there is a key frame to ask for.
    pub(super) fn ask_for_key_frame(&mut self, id: StreamId, now: Duration) {
        if self.streams.get(&id).is_some_and(|live| live.stream.wants_key_frame(now)) {
            self.ask_source(id, now);
        }
    }

    /// Asks for the key frames that could not be asked for at once, because others had been shortly
    /// before.
    pub(super) fn ask_for_key_frames(&mut self, now: Duration) {
        let wants = |(id, live): (&StreamId, &mut Live)| {
            live.stream.hear_wishes();
            live.stream.wants_key_frame(now).then_some(*id)
        };
        for id in self.streams.iter_mut().filter_map(wants).collect::<Vec<_>>() {
            self.ask_source(id, now);
        }
    }

    fn ask_by_datagram(&mut self, id: StreamId, now: Duration) {
        let Worker { io, ingests, streams, reporter, .. } = self;
        let Some(live) = streams.get_mut(&id) else { return };
        for (socket, ingest) in ingests.iter().filter(|(_, ingest)| ingest.stream == id) {
            let Some(to) = ingest.reports_to else { continue };
            let Some(request) = live.stream.request(ingest.track, *reporter, now) else { continue };
            let slices = [IoSlice::new(&request)];
            let sent = io.fan_out(*socket, &[Run::new(&slices, 0)], &[to.into()], &mut Vec::new());
            if let Err(error) = sent {
                tracing::debug!(%error, "the source of a stream could not be asked");
            }
        }
    }

    fn ask_interleaved(&mut self, id: StreamId, token: Token, now: Duration) {
        let Worker { connections, streams, reporter, .. } = self;
        let Some(live) = streams.get_mut(&id) else { return };
        let feeds = connections.get(&token).and_then(|connection| connection.role.feeds());
        let Some((_, inlets)) = feeds.filter(|(fed, _)| *fed == id) else { return };
        let reports = inlets.channels.iter().filter(|(_, _, kind)| *kind == Kind::Rtcp);
        let frames: Vec<Vec<u8>> = reports
            .filter_map(|(channel, track, _)| {
                let request = live.stream.request(*track, *reporter, now)?;
                let mut frame = Vec::with_capacity(PREFIX + request.len());
                frame.extend(prefix(*channel, request.len()));
                frame.extend(request);
                Some(frame)
            })
            .collect();
        frames.into_iter().for_each(|frame| self.send(token, frame));
    }

    fn ask_program(&mut self, id: StreamId, wishes: &KeyFrameWishes, now: Duration) {
        let Some(live) = self.streams.get_mut(&id) else { return };
        for track in (0u8..).take(live.stream.tracks().len()) {
            if live.stream.request_key_frame(track, now) {
                wishes.wish(track);
            }
        }
    }

    fn ask_stand_in(&mut self, id: StreamId, now: Duration) {
        let Some(live) = self.streams.get_mut(&id) else { return };
        let mut tracks = (0u8..).take(live.stream.tracks().len());
        let wanted = tracks.any(|track| live.stream.request_key_frame(track, now));
        let source = self.stand_ins.iter().find(|(_, fed)| *fed == id).map(|(source, _)| *source);
        if let Some(source) = source.filter(|_| wanted)
            && let Some(live) = self.streams.get_mut(&source)
        {
            live.stream.wish_key_frames();
            self.ask_for_key_frame(source, now);
        }
    }

    /// What a child says in a report: it may ask for something.
    pub(super) fn hear_child(&mut self, id: StreamId, key: ChildKey, report: &[u8]) {
        if self.hear_distant(id, key, report) {
            return;
        }
        let now = self.io.now();
        let Worker { io, connections, pairs, streams, .. } = self;
        if let Some(live) = streams.get_mut(&id) {
            let sockets = &mut Sockets { io: &mut **io, connections, pairs };
            live.stream.hear(key, report, now, sockets);
        }
        self.ask_for_key_frame(id, now);
    }
}
