//! The stream that is relayed: H.264 in fragments, all packets of one size.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rillcast::io::{Destination, Io, Mmsg, Run, UdpOptions, UdpSocket};

use super::{Error, PAYLOAD, Plan, doing};

const RTP_HEADER: usize = 12;
/// Bytes of a packet.
const PACKET: usize = RTP_HEADER + PAYLOAD;
const PAYLOAD_TYPE: u8 = 96;
const CLOCK: u32 = 90_000;
/// A key frame each two seconds.
const KEY_INTERVAL: Duration = Duration::from_secs(2);
/// Where in a packet the time of sending stands, in nanoseconds since the measurement's epoch: behind
/// RTP header, FU indicator and FU header.
const STAMP: usize = RTP_HEADER + 2;

/// The description of the stream, for a relay that receives it at `port`.
pub(super) fn description(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=bench\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=video {port} RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK}\r\n\
         a=fmtp:{PAYLOAD_TYPE} packetization-mode=1\r\n"
    )
}

/// When the last packet of a frame was sent, since the epoch; `None` for the packets before it.
pub(super) fn sent_at(packet: &[u8]) -> Option<Duration> {
    let marked = packet.get(1)? & 0x80 != 0;
    let stamp = packet.get(STAMP..STAMP + 8)?;
    let nanoseconds = u64::from_be_bytes(stamp.try_into().ok()?);
    marked.then(|| Duration::from_nanos(nanoseconds))
}

/// Sends frames, each by one call, so that a relay gets it at once.
pub(super) struct Source {
    io: Mmsg,
    socket: UdpSocket,
    to: Destination,
    epoch: Instant,
    frame: Vec<u8>,
    sequence: u16,
    frames: u32,
    frames_per_key: u32,
    ticks: u32,
}

impl Source {
    pub(super) fn new(plan: &Plan, to: SocketAddr, epoch: Instant) -> Result<Source, Error> {
        let mut io = Mmsg::new().map_err(doing("open the sockets of the source"))?;
        let options = UdpOptions { gro: false, recv_buffer: 0, ..UdpOptions::default() };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = io.bind_udp(any, &options).map_err(doing("bind the source's socket"))?;
        Ok(Source {
            io,
            socket,
            to: Destination::new(to),
            epoch,
            frame: vec![0; plan.packets_per_frame() * PACKET],
            sequence: 0,
            frames: 0,
            frames_per_key: (KEY_INTERVAL.as_secs() as u32).saturating_mul(plan.fps).max(1),
            ticks: CLOCK / plan.fps.max(1),
        })
    }

    /// Sends the next frame; returns how many packets it has.
    pub(super) fn send(&mut self) -> Result<u64, Error> {
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
            if let [indicator, fragment, stamp @ ..] = payload {
                *indicator = 0x7c;
                *fragment = u8::from(first) << 7 | u8::from(last) << 6 | nal;
                if let Some(stamp) = stamp.get_mut(..8) {
                    stamp.copy_from_slice(&now.to_be_bytes());
                }
            }
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.frames = self.frames.wrapping_add(1);
        let slices = [IoSlice::new(&self.frame)];
        let run = Run::new(&slices, PACKET);
        let to = std::slice::from_ref(&self.to);
        let sent = self
            .io
            .fan_out(self.socket.token, &[run], to, &mut Vec::new())
            .map_err(doing("send to the relay"))?;
        Ok(sent.sent)
    }
}
