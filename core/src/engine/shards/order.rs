//! What goes to and fro between the engine's thread and one that fans out.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, TrySendError};
use std::time::Duration;

use crate::io::UdpOptions;
use crate::relay::{ChildFigures, ChildKey, ChildLimits, ConnId, Fan, PairId, Transport};
use crate::ring::Wake;
use crate::stats::{ChildLedger, Histogram};

use super::super::command::StreamId;
use super::super::wire::Backlog;
use super::ShardId;

/// What a fan-out thread is to do. Orders are obeyed in the order in which they were given, and none fails
/// that is about something which has gone in the meantime.
pub(in crate::engine) enum Order {
    /// A stream has come.
    Stream(StreamId, Box<Fan>),
    /// A stream has no children any more, and none will come.
    Forget(StreamId),
    /// About a child of a stream.
    Child(StreamId, ChildKey, ChildOrder),
    /// A pair of UDP sockets is needed.
    Pair { local: IpAddr, options: UdpOptions, reply: Sender<io::Result<(PairId, (u16, u16))>> },
    /// What is written to a connection is written here from now on, by this socket. One that is encrypted is read
    /// here, too.
    Wire(ConnId, OwnedFd, Backlog),
    /// RTSP messages for a connection.
    Write(ConnId, Vec<u8>),
    /// A connection is closed when all is written.
    CloseAfterFlush(ConnId),
    /// A connection is over.
    Close(ConnId),
    /// Figures are wanted.
    Figures,
    /// Everything is over.
    Stop,
}

/// What becomes of a child.
pub(in crate::engine) enum ChildOrder {
    Add(Box<NewChild>),
    /// It begins at this position, or at the next key frame.
    Play(Option<u64>),
    Pause,
    DropTracks(Vec<usize>),
    /// It has sent a report.
    Hear(Vec<u8>),
    Remove,
}

/// A child that is to be served.
pub(in crate::engine) struct NewChild {
    pub(super) transport: Transport,
    pub(super) limits: ChildLimits,
    pub(super) tag: u64,
    /// The connection that its reports keep alive, and where these come from.
    pub(super) reporters: Option<(ConnId, Vec<SocketAddr>)>,
}

/// What a fan-out thread tells.
pub(in crate::engine) enum Report {
    /// The receiver behind a connection has given a sign of life.
    Heard(ConnId),
    /// What has come by an encrypted connection.
    Input(ConnId, Vec<u8>),
    /// A connection is broken, or to be given up, and not written to any more.
    Broken(ConnId, String),
    /// The thread has let go of a connection that was to be closed.
    Closed(ConnId),
    /// A child of a stream that is over has everything.
    Drained(StreamId, ChildKey),
    /// A child is gone.
    Left(StreamId, ChildKey, ChildLedger),
    /// A stream was forgotten; how long its batches stayed.
    Forgotten(StreamId, Box<Histogram>),
    Figures(Box<ShardFigures>),
    /// Something that the user should know.
    Warning(String),
    /// The thread cannot go on.
    Failed(io::Error),
}

/// What one thread has counted.
#[derive(Default)]
pub(in crate::engine) struct ShardFigures {
    pub(in crate::engine) streams: Vec<(StreamId, Vec<ChildFigures>, Histogram)>,
    /// Packets sent to children that have left since.
    pub(in crate::engine) sent_before: u64,
    /// Time that its thread has run.
    pub(in crate::engine) cpu: Duration,
}

/// A thread's way to tell. Nothing waits here: what the engine's thread has no room for is kept, and the
/// thread reads nothing of connections that would make it more.
pub(super) struct Reports {
    shard: ShardId,
    queue: SyncSender<(ShardId, Report)>,
    waker: Arc<dyn Wake>,
    kept: VecDeque<Report>,
    told: bool,
    /// The engine's thread had no room at the last attempt.
    full: bool,
}

impl Reports {
    pub(super) fn new(
        shard: ShardId,
        queue: SyncSender<(ShardId, Report)>,
        waker: Arc<dyn Wake>,
    ) -> Reports {
        Reports { shard, queue, waker, kept: VecDeque::new(), told: false, full: false }
    }

    pub(super) fn tell(&mut self, report: Report) {
        self.kept.push_back(report);
    }

    /// Hands over what there is room for, and wakes the engine's thread once. False when that one is gone.
    pub(super) fn flush(&mut self) -> bool {
        self.full = false;
        while let Some(report) = self.kept.pop_front() {
            match self.queue.try_send((self.shard, report)) {
                Ok(()) => self.told = true,
                Err(TrySendError::Full((_, report))) => {
                    self.kept.push_front(report);
                    self.full = true;
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        if std::mem::take(&mut self.told) {
            self.waker.wake();
        }
        true
    }

    /// Hands over everything, however long it takes the engine's thread.
    pub(super) fn finish(mut self) {
        while let Some(report) = self.kept.pop_front() {
            // The engine's thread takes what comes until the queue is closed, or is gone.
            if self.queue.send((self.shard, report)).is_err() {
                return;
            }
        }
    }

    /// Whether something waits for room.
    pub(super) fn are_kept(&self) -> bool {
        self.full
    }
}
