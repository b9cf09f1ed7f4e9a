//! What a player at this node would see: read from the node's own buffers, beside its children.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | the thread that reads |
//! | `track.rs` | packets of a track become frames |
//! | `figures.rs` | what is told once a second, and of the first frame |

mod figures;
mod track;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rillcast::engine::Engine;
use rillcast::relay::{Kind, NextPackets, Packet, PacketReader, ReaderOptions};
use rillcast_bench::omnicast::Seen;
use rillcast_omnicast::node::Node;

use figures::Counts;
pub(super) use figures::{FirstFrame, Report};
use track::Track;

/// Longest wait before it is looked whether the end is asked for.
const STEP: Duration = Duration::from_millis(50);
/// How often figures are told.
const PERIOD: Duration = Duration::from_secs(1);
/// Packets taken at once.
const BATCH: usize = 64;
/// Reports that may wait to be taken.
const REPORTS: usize = 64;

/// The thread that reads; it ends when this is dropped.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// What it tells. When nobody takes it, the newest is lost.
    pub(super) reports: Receiver<Report>,
}

impl Watch {
    /// Begins to read. Each frame becomes a line of `trace`.
    ///
    /// # Errors
    /// When the file cannot be written, or the system gives no thread.
    pub(super) fn start(node: &Node, channel: &str, trace: Option<&Path>) -> io::Result<Watch> {
        let trace = trace.map(|path| {
            let mut file = BufWriter::new(File::create(path)?);
            writeln!(file, "{}", Seen::HEAD)?;
            Ok::<_, io::Error>(file)
        });
        let (sender, reports) = sync_channel(REPORTS);
        let stop = Arc::new(AtomicBool::new(false));
        // Two clocks, read at the same moment.
        let (wall, now) = (SystemTime::now(), Instant::now());
        let since_1970 = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let watcher = Watcher {
            engine: node.engine().clone(),
            channel: channel.to_owned(),
            epoch: node.epoch(),
            epoch_wall: since_1970.saturating_sub(now - node.epoch()),
            began: wall,
            trace: trace.transpose()?,
            stop: stop.clone(),
            reports: sender,
            tracks: Vec::new(),
            first_told: false,
            counts: Counts::default(),
        };
        let thread = thread::Builder::new().name("watch".into()).spawn(move || watcher.run())?;
        Ok(Watch { stop, thread: Some(thread), reports })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Nothing else is handed over with it.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by itself.
            let _ = thread.join();
        }
    }
}

struct Watcher {
    engine: Arc<Engine>,
    channel: String,
    /// When the engine's clock read zero, on two clocks.
    epoch: Instant,
    epoch_wall: Duration,
    /// When this thread was started.
    began: SystemTime,
    trace: Option<BufWriter<File>>,
    stop: Arc<AtomicBool>,
    reports: SyncSender<Report>,
    tracks: Vec<Track>,
    /// The first frame was told of.
    first_told: bool,
    counts: Counts,
}

impl Watcher {
    fn run(mut self) {
        let mut packets = Vec::with_capacity(BATCH);
        let mut due = Instant::now() + PERIOD;
        let mut reader: Option<PacketReader> = None;
        while !self.stop.load(Ordering::Relaxed) {
            if reader.is_none() {
                reader = self.begin();
            }
            if let Some(present) = &mut reader {
                packets.clear();
                match present.next(STEP, BATCH, &mut packets) {
                    NextPackets::Packets(_) => packets.iter().for_each(|packet| self.take(packet)),
                    // What was passed over is missing by its numbers.
                    NextPackets::Lagged(_) => {}
                    NextPackets::TimedOut => self.flush(),
                    NextPackets::Ended => reader = None,
                }
            }
            if Instant::now() >= due {
                due += PERIOD;
                let lost = self.tracks.iter().map(Track::lost).sum();
                let twice = self.tracks.iter().map(Track::twice).sum();
                let figures = self.counts.take(PERIOD, lost, twice);
                self.tell(Report::Stats(figures));
                self.flush();
            }
        }
    }

    /// Waits a little for the stream.
    fn begin(&mut self) -> Option<PacketReader> {
        let options = ReaderOptions::default();
        let Ok(reader) = self.engine.packet_reader(&self.channel, STEP, options) else {
            // It may have failed at once.
            thread::sleep(Duration::from_millis(1));
            return None;
        };
        let media = &reader.session().media;
        // The stream may have ended and be there again: its numbers go on, or it is another one.
        if self.tracks.len() != media.len() {
            self.tracks =
                media.iter().map(|media| Track::new(crate::play::is_h264(media))).collect();
        }
        Some(reader)
    }

    fn take(&mut self, packet: &Packet) {
        let number = usize::from(packet.track);
        let has_video = self.tracks.iter().any(|track| track.is_h264);
        let Some(track) = self.tracks.get_mut(number) else { return };
        if packet.kind != Kind::Rtp {
            return;
        }
        let counts = track.is_h264 || !has_video;
        let Some(frame) = track.packet(number, packet.data()) else { return };
        let seen = Seen { arrival: self.epoch_wall + packet.arrival, ..frame.seen };
        if counts {
            // The age of what the server node had kept is no latency.
            let captured = frame.captured.filter(|captured| *captured >= self.began);
            let arrived = UNIX_EPOCH + seen.arrival;
            let age = captured.and_then(|captured| arrived.duration_since(captured).ok());
            self.counts.frame(packet.arrival, age);
        }
        self.counts.bytes(frame.bytes);
        if counts && !self.first_told {
            self.first_told = seen.key && seen.whole;
            if self.first_told {
                let at = self.epoch + packet.arrival;
                let lost = track.frames().saturating_sub(1);
                self.tell(Report::First { at, lost });
            }
        }
        if let Some(trace) = &mut self.trace
            && let Err(error) = writeln!(trace, "{seen}")
        {
            tracing::warn!("the trace cannot be written any more: {error}");
            self.trace = None;
        }
    }

    fn flush(&mut self) {
        if let Some(trace) = &mut self.trace {
            // The next line tells if it cannot be written.
            let _ = trace.flush();
        }
    }

    fn tell(&self, report: Report) {
        // Lost when nobody takes it.
        let _ = self.reports.try_send(report);
    }
}
