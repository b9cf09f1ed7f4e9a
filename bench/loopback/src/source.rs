//! The stream that is relayed: H.264 in fragments, all packets of one size.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rillcast::io::{Destination, Io, Mmsg, Run, UdpOptions, UdpSocket};

use super::{Error, Load, doing};

/// Bytes of an RTP payload.
pub const PAYLOAD: usize = 1200;

const RTP_HEADER: usize = 12;
/// Bytes of a packet.
pub const PACKET: usize = RTP_HEADER + PAYLOAD;
const PAYLOAD_TYPE: u8 = 96;
/// Of a picture of 640 x 360, so that relays that look for them are content.
const PARAMETER_SETS: &str = "Z0LAHtkAoC/5cBEAAAMAAQAAAwA8DxYuSA==,aMuDyyA=";
const CLOCK: u32 = 90_000;
/// Between two moments at which streams send, at least: this thread is not woken more precisely.
const MOMENT: Duration = Duration::from_millis(1);
/// From key frame to key frame.
pub const KEY_INTERVAL: Duration = Duration::from_secs(2);
/// Where in a packet the mark stands, and behind it the time of sending, in nanoseconds since the
/// measurement's epoch: after RTP header, FU indicator, FU header and the beginning of a slice.
const MARK_AT: usize = RTP_HEADER + 3;
/// How a slice begins that is the first of its picture (H.264 §7.3.3: `first_mb_in_slice` 0, all of type I).
const SLICE: u8 = 0x88;
/// A relay that packs the stream anew leaves none at this place, and its latency is not known.
const MARK: [u8; 8] = *b"rillcast";

/// The description of the stream, for a relay that receives it at `port`.
pub fn description(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=bench\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=video {port} RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK}\r\n\
         a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets={PARAMETER_SETS}\r\n"
    )
}

/// When the last packet of a frame was sent, since the epoch; `None` for the packets before it.
pub(crate) fn sent_at(packet: &[u8]) -> Option<Duration> {
    let marked = packet.get(1)? & 0x80 != 0;
    let (mark, stamp) = packet.get(MARK_AT..MARK_AT + 16)?.split_at(MARK.len());
    let nanoseconds = u64::from_be_bytes(stamp.try_into().ok()?);
    (marked && mark == MARK).then(|| Duration::from_nanos(nanoseconds))
}

/// Writes the frames of the stream, one after the other.
pub struct Frames {
    epoch: Instant,
    frame: Vec<u8>,
    sequence: u16,
    frames: u32,
    frames_per_key: u32,
    ticks: u32,
}

impl Frames {
    /// The stream from its first frame on, whose packets tell the time since `epoch`.
    pub fn new(load: &Load, epoch: Instant) -> Frames {
        Frames {
            epoch,
            frame: vec![0; load.packets_per_frame() * PACKET],
            sequence: 0,
            frames: 0,
            frames_per_key: (KEY_INTERVAL.as_secs() as u32).saturating_mul(load.fps).max(1),
            ticks: CLOCK / load.fps.max(1),
        }
    }

    /// The last frame once more, with the time as it is now: the same picture of another stream.
    pub fn again(&mut self) -> &[u8] {
        let now = self.epoch.elapsed().as_nanos() as u64;
        for packet in self.frame.chunks_exact_mut(PACKET) {
            if let Some(stamp) =
                packet.get_mut(MARK_AT + MARK.len()..).and_then(|at| at.get_mut(..8))
            {
                stamp.copy_from_slice(&now.to_be_bytes());
            }
        }
        &self.frame
    }

    /// The next frame: packets of [`PACKET`] bytes, one after the other.
    pub fn write(&mut self) -> &[u8] {
        let key = self.frames.is_multiple_of(self.frames_per_key);
        let timestamp = self.frames.wrapping_mul(self.ticks);
        let now = self.epoch.elapsed().as_nanos() as u64;
        let packets = self.frame.len() / PACKET;
        for (index, packet) in self.frame.chunks_exact_mut(PACKET).enumerate() {
            let (first, last) = (index == 0, index + 1 == packets);
            let (header, payload) = packet.split_at_mut(RTP_HEADER);
            let [version, kind, sequence @ .., _, _, _, _, _, _, _, _] = header else { continue };
            *version = 0x80;
            *kind = PAYLOAD_TYPE | u8::from(last) << 7;
            sequence.copy_from_slice(&self.sequence.to_be_bytes());
            if let Some(field) = header.get_mut(4..8) {
                field.copy_from_slice(&timestamp.to_be_bytes());
            }
            if let Some(field) = header.get_mut(8..12) {
                field.copy_from_slice(&[0x52, 0x49, 0x4c, 0x4c]);
            }
            // FU-A (RFC 6184 §5.8) of a slice: of an IDR picture, or another.
            let nal = if key { 5 } else { 1 };
            if let [indicator, fragment, slice, rest @ ..] = payload {
                *indicator = 0x7c;
                *fragment = u8::from(first) << 7 | u8::from(last) << 6 | nal;
                *slice = SLICE;
                if let Some((mark, rest)) = rest.split_at_mut_checked(MARK.len()) {
                    mark.copy_from_slice(&MARK);
                    if let Some(stamp) = rest.get_mut(..8) {
                        stamp.copy_from_slice(&now.to_be_bytes());
                    }
                }
            }
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.frames = self.frames.wrapping_add(1);
        &self.frame
    }
}

/// The sources of all streams: each sends its frames from a socket of its own, a frame by one call, so that a
/// relay gets it at once.
pub struct Source {
    frames: Frames,
    io: Mmsg,
    streams: Vec<(UdpSocket, Destination)>,
    /// How many streams send at the same moment.
    together: usize,
}

impl Source {
    /// Sources that send to `to`, one stream to each address, and write into their packets the time since `epoch`.
    ///
    /// # Errors
    ///
    /// When the system refuses a socket.
    pub fn new(load: &Load, to: &[SocketAddr], epoch: Instant) -> Result<Source, Error> {
        let mut io = Mmsg::new().map_err(doing("open the sockets of the source"))?;
        let options = UdpOptions { gro: false, recv_buffer: 0, ..UdpOptions::default() };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut open = |to: &SocketAddr| {
            let socket = io.bind_udp(any, &options).map_err(doing("bind a source's socket"))?;
            Ok((socket, Destination::new(*to)))
        };
        let streams = to.iter().map(&mut open).collect::<Result<Vec<_>, Error>>()?;
        let moments = (load.interval().as_micros() / MOMENT.as_micros()).max(1) as usize;
        let together = streams.len().div_ceil(moments).max(1);
        Ok(Source { frames: Frames::new(load, epoch), io, streams, together })
    }

    /// Moments of a frame's time at which some of the streams send. Sources do not know of each other: those of
    /// many streams are spread over it.
    pub fn moments(&self) -> usize {
        self.streams.len().div_ceil(self.together)
    }

    /// Sends the next frame of the streams whose moment it is, the first being 0; returns how many packets that
    /// were.
    ///
    /// # Errors
    ///
    /// When the system refuses to send.
    pub fn send(&mut self, moment: usize) -> Result<u64, Error> {
        let Source { frames, io, streams, together } = self;
        let mut packets = 0;
        for (number, (socket, to)) in
            streams.iter().enumerate().skip(moment.saturating_mul(*together)).take(*together)
        {
            let frame = if number == 0 { frames.write() } else { frames.again() };
            let slices = [IoSlice::new(frame)];
            let run = Run::new(&slices, PACKET);
            let to = std::slice::from_ref(to);
            let sent = io
                .fan_out(socket.token, &[run], to, &mut Vec::new())
                .map_err(doing("send to the relay"))?;
            packets += sent.sent;
        }
        Ok(packets)
    }
}

/// The source of one stream, which sends by itself until it is stopped.
pub struct Flowing {
    stop: Sender<()>,
    thread: JoinHandle<Result<Source, Error>>,
}

impl Flowing {
    /// Sends a frame every `interval` from now on.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(mut source: Source, interval: Duration) -> Result<Flowing, Error> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("source".into())
            .spawn(move || {
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    source.send(0)?;
                }
                Ok(source)
            })
            .map_err(doing("start the source's thread"))?;
        Ok(Flowing { stop, thread })
    }

    /// Stops it, and gives the source back.
    ///
    /// # Errors
    ///
    /// When it could not send.
    pub fn stop(self) -> Result<Source, Error> {
        drop(self.stop);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(Error::Other("the source's thread had panicked")))
    }
}
