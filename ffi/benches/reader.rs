//! What it costs to read frames through the C API, beside the Rust API.
//!
//!     cargo bench -p rillcast-ffi --bench reader
//!
//! The same packets go into two engines. From the one a `FrameReader` reads, from the other a `rill_reader`, by function
//! pointers that the compiler cannot see through, as a C program calls a shared library. The frames are there before they
//! are read, so that nothing but reading is measured: processor time of this thread. They take turns, and what counts is how
//! much longer C takes than the other in the same turn: the median of that, with the quarters beside it.
//!
//! C gets a list of the access unit's pieces, start codes among them, as writev(2) takes it. The Rust program makes the same
//! list. A third side, *Rust, no list*, only goes through the pieces once, which C cannot.
//!
//! Twice: frames that are all there (the most that a reader can be asked for), and frames that come one by one to a
//! reader that waits, as in a player, where the thread sleeps and is woken for each. Both for small frames and for larger ones:
//! what C costs more is the same for each frame, however many packets it has.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use rillcast::engine::{Config, Engine, RtpSource};
use rillcast::io::thread_cpu_time;
use rillcast::media::{Payload, sdp};
use rillcast::relay::{FrameReader, Next};
use rillcast_ffi::*;
use rillcast_loopback::{Frames, Load, PACKET, Transport};

const SDP: &std::ffi::CStr = c"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n";
/// Bits a second at 30 frames: 7 packets to a frame, and 28.
const BITRATES: [u32; 2] = [2_000_000, 8_000_000];
/// Of one round: few, so that the sides of a turn find the machine alike.
const FRAMES: usize = 100;
const ROUNDS: usize = 401;
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_MS: i64 = 30_000;

type NextFrame = unsafe extern "C" fn(*mut rill_reader, i64, *mut rill_frame) -> rill_status;
type Release = unsafe extern "C" fn(*mut rill_frame) -> rill_status;

fn load(bitrate: u32) -> Load {
    Load {
        streams: 1,
        children: 0,
        stalled: 0,
        transport: Transport::Udp,
        bitrate,
        fps: 30,
        gro: false,
        duration: Duration::ZERO,
    }
}

/// One side: frames go in, and are read.
trait Side {
    fn push(&mut self, frame: &[u8]);
    /// Returns when the engine has published what was pushed.
    fn settle(&mut self);
    /// Reads one frame; returns its bytes.
    fn read(&mut self) -> usize;
}

struct Rust {
    source: RtpSource,
    reader: FrameReader,
    /// Where the pieces of a frame are listed, if they are.
    list: Option<Vec<(*const u8, usize)>>,
    engine: Engine,
}

impl Rust {
    fn new(list: bool) -> Rust {
        let engine = Engine::start(Config::default()).expect("the engine starts");
        let session = sdp::Session::parse(SDP.to_bytes()).expect("a session");
        let source = engine.rtp_source("a", session).expect("the path is free");
        let reader = engine.reader("a", PATIENCE).expect("a place for a reader");
        Rust { source, reader, list: list.then(Vec::new), engine }
    }
}

impl Side for Rust {
    fn push(&mut self, frame: &[u8]) {
        for packet in frame.chunks_exact(PACKET) {
            self.source.push(0, packet).expect("the engine runs");
        }
        self.source.flush().expect("the engine runs");
    }

    fn settle(&mut self) {
        // Commands are obeyed in order.
        self.engine.figures().expect("the engine runs");
    }

    fn read(&mut self) -> usize {
        match self.reader.next(PATIENCE) {
            Next::Frame(mut frame) => {
                let Payload::H264(unit) = &frame.data.payload else { panic!("no H.264") };
                let size = match &mut self.list {
                    Some(list) => {
                        list.clear();
                        unit.list_annex_b(list, |piece| (piece.as_ptr(), piece.len()));
                        black_box(&*list).iter().map(|(_, size)| size).sum()
                    }
                    None => unit.annex_b().map(<[u8]>::len).sum(),
                };
                self.reader.recycle(&mut frame);
                size
            }
            other => panic!("no frame: {other:?}"),
        }
    }
}

struct C {
    engine: *mut rill_engine,
    source: *mut rill_source,
    reader: *mut rill_reader,
    next: NextFrame,
    release: Release,
}

impl C {
    fn new() -> C {
        let (mut engine, mut source, mut reader) =
            (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: texts and outputs are as the header wants them.
        unsafe {
            assert_eq!(rill_engine_new(std::ptr::null(), &mut engine), rill_status::RILL_OK);
            assert_eq!(rill_engine_start(engine), rill_status::RILL_OK);
            let made = rill_source_new_rtp(engine, c"a".as_ptr(), SDP.as_ptr(), &mut source);
            assert_eq!(made, rill_status::RILL_OK);
            let made = rill_reader_new(engine, c"a".as_ptr(), std::ptr::null(), &mut reader);
            assert_eq!(made, rill_status::RILL_OK);
        }
        let next: NextFrame = black_box(rill_reader_next);
        let release: Release = black_box(rill_frame_release);
        C { engine, source, reader, next, release }
    }
}

impl Side for C {
    fn push(&mut self, frame: &[u8]) {
        let spans: Vec<rill_span> = frame
            .chunks_exact(PACKET)
            .map(|packet| rill_span { data: packet.as_ptr(), size: packet.len() })
            .collect();
        // SAFETY: the spans are of packets that live until the call returns.
        let pushed =
            unsafe { rill_source_push_rtp_batch(self.source, 0, spans.as_ptr(), spans.len()) };
        assert_eq!(pushed, rill_status::RILL_OK);
    }

    fn settle(&mut self) {
        // SAFETY: plain numbers, all of which may be 0.
        let mut figures: rill_engine_figures = unsafe { std::mem::zeroed() };
        let size = size_of::<rill_engine_figures>();
        // SAFETY: a struct of this size, and a running engine.
        let told = unsafe {
            rill_engine_figures_init(&mut figures, size);
            rill_engine_get_figures(self.engine, &mut figures)
        };
        assert_eq!(told, rill_status::RILL_OK);
    }

    fn read(&mut self) -> usize {
        let mut frame = MaybeUninit::uninit();
        // SAFETY: a reader of this thread, and room for a frame.
        let status = unsafe { (self.next)(self.reader, PATIENCE_MS, frame.as_mut_ptr()) };
        assert_eq!(status, rill_status::RILL_OK);
        // SAFETY: written, as the call has succeeded.
        let mut frame = unsafe { frame.assume_init() };
        // SAFETY: as many spans as it says, valid until it is released.
        let spans = unsafe { std::slice::from_raw_parts(frame.spans, frame.span_count) };
        let size = spans.iter().map(|span| span.size).sum();
        // SAFETY: the frame was lent just now.
        unsafe { (self.release)(&mut frame) };
        size
    }
}

impl Drop for C {
    fn drop(&mut self) {
        // SAFETY: handles that were made by `new`, each freed once.
        unsafe {
            rill_reader_free(self.reader);
            rill_source_free(self.source);
            rill_engine_free(self.engine);
        }
    }
}

/// Nanoseconds of this thread for reading one frame. `waiting`: each comes when the one before was read.
fn round(side: &mut dyn Side, frames: &[Vec<u8>], waiting: bool) -> f64 {
    let mut spent = Duration::ZERO;
    if waiting {
        for frame in frames {
            side.push(frame);
            let start = thread_cpu_time();
            black_box(side.read());
            spent += thread_cpu_time() - start;
        }
    } else {
        frames.iter().for_each(|frame| side.push(frame));
        side.settle();
        let start = thread_cpu_time();
        for _ in frames {
            black_box(side.read());
        }
        spent = thread_cpu_time() - start;
    }
    spent.as_nanos() as f64 / frames.len() as f64
}

/// The value below which this part of all lie.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get((values.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN)
}

fn main() {
    // Fewer for a profiler.
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    for bitrate in BITRATES {
        let mut sides: [(&str, Box<dyn Side>); 3] = [
            ("C", Box::new(C::new())),
            ("Rust", Box::new(Rust::new(true))),
            ("Rust, no list", Box::new(Rust::new(false))),
        ];
        let load = load(bitrate);
        let mut stream = Frames::new(&load, Instant::now());
        for (name, waiting) in [("all there", false), ("one by one", true)] {
            let name = format!("{} packets, {name}", load.packets_per_frame());
            let mut spent = [const { Vec::new() }; 3];
            for number in 0..=rounds {
                let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| stream.write().to_vec()).collect();
                for ((_, side), spent) in sides.iter_mut().zip(&mut spent) {
                    let time = round(&mut **side, &frames, waiting);
                    // The first is for lists to find their sizes.
                    if number > 0 {
                        spent.push(time);
                    }
                }
            }
            tell(&name, sides.each_ref().map(|(side, _)| *side), spent);
        }
    }
}

/// Prints what the sides took, the first one beside each.
fn tell(name: &str, sides: [&str; 3], spent: [Vec<f64>; 3]) {
    let [by_c, ..] = spent.clone();
    for (side, mut spent) in sides.into_iter().zip(spent) {
        let mut ratios: Vec<f64> = by_c.iter().zip(&spent).map(|(c, other)| c / other).collect();
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| quantile(&mut ratios, part));
        let time = quantile(&mut spent, 0.5);
        println!(
            "frames of {name}: {side} {time:.0} ns each; C/{side} {middle:.3} ({low:.3} to {high:.3})"
        );
    }
}
