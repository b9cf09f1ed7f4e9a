//! RTP by hand: H.264 that no decoder will see, packetised as a test needs it.

use std::net::UdpSocket;

use rustix::net::sockopt;

/// Parameter sets of a 320x240 picture, as SDP carries them.
const PARAMETER_SETS: &str = "Z2QAFKzZQUH7ARAAAAMAEAAAAwMg8UKZYA==,aOvssiw=";

/// The same as NAL units.
const SPS: [u8; 25] = [
    0x67, 0x64, 0x00, 0x14, 0xac, 0xd9, 0x41, 0x41, 0xfb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
    0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
];
const PPS: [u8; 5] = [0x68, 0xeb, 0xec, 0xb2, 0x2c];

const IDR: u8 = 0x65;
const OTHER_SLICE: u8 = 0x41;
const PAYLOAD: usize = 1_200;
/// What a socket of a player is asked to hold, in bytes.
const SOCKET_BUFFER: usize = 4 << 20;

/// An SDP of one H.264 track that comes to `port` (0 where RTSP negotiates it).
pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=by hand\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 packetization-mode=1;profile-level-id=640014;sprop-parameter-sets={PARAMETER_SETS}\r\n\
         a=control:streamid=0\r\n"
    )
}

/// Makes the packets of one H.264 track, 25 frames a second.
#[derive(Debug)]
pub struct Source {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Source {
    /// A track that begins shortly before sequence number and timestamp wrap around.
    pub fn new() -> Source {
        Source::of(0x5eed_cafe)
    }

    /// The same with another SSRC. (A source that comes back under its old one, with a clock that is
    /// near, is taken to go on with its old numbers.)
    pub fn of(ssrc: u32) -> Source {
        Source { ssrc, sequence: 65_500, timestamp: u32::MAX - 40_000 }
    }

    /// The packets of an IDR picture: parameter sets, then `packets` packets of one slice.
    pub fn key_frame(&mut self, packets: usize) -> Vec<Vec<u8>> {
        let mut sets = vec![0x78]; // STAP-A
        for set in [&SPS[..], &PPS[..]] {
            sets.extend((set.len() as u16).to_be_bytes());
            sets.extend(set);
        }
        let mut frame = vec![self.packet(false, &sets)];
        frame.extend(self.slice(IDR, packets));
        self.next_frame();
        frame
    }

    /// The packets of a picture that refers to others: `packets` packets of one slice.
    pub fn frame(&mut self, packets: usize) -> Vec<Vec<u8>> {
        let frame = self.slice(OTHER_SLICE, packets);
        self.next_frame();
        frame
    }

    /// A picture of one packet with this payload, whatever it is.
    pub fn any(&mut self, payload: &[u8]) -> Vec<u8> {
        let packet = self.packet(true, payload);
        self.next_frame();
        packet
    }

    fn next_frame(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(3_600);
    }

    /// One slice in fragments (FU-A), the last of which ends the picture.
    fn slice(&mut self, nal_header: u8, packets: usize) -> Vec<Vec<u8>> {
        let last = packets.max(2) - 1;
        (0..=last)
            .map(|index| {
                let start = if index == 0 { 0x80 } else { 0 };
                let end = if index == last { 0x40 } else { 0 };
                let mut payload = vec![nal_header & 0xe0 | 28, start | end | nal_header & 0x1f];
                payload.resize(PAYLOAD, 0x9a);
                self.packet(index == last, &payload)
            })
            .collect()
    }

    fn packet(&mut self, marker: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, u8::from(marker) << 7 | 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }
}

impl Default for Source {
    fn default() -> Source {
        Source::new()
    }
}

/// The sequence number of a packet.
///
/// # Panics
/// When it is too short to be RTP.
pub fn sequence(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

/// The timestamp of a packet.
///
/// # Panics
/// When it is too short to be RTP.
pub fn timestamp(packet: &[u8]) -> u32 {
    u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]])
}

/// Whether a packet is the first one of a [`Source::key_frame`].
pub fn begins_key_frame(packet: &[u8]) -> bool {
    packet.get(12) == Some(&0x78)
}

/// Two free UDP ports on loopback, the first one even, bound until dropped. What comes to the first one while
/// the test is not running, for a second or more, is kept for it.
///
/// # Panics
/// When there are none.
pub fn port_pair() -> (UdpSocket, UdpSocket) {
    for _ in 0..1_000 {
        let first = UdpSocket::bind("127.0.0.1:0").expect("a free UDP port");
        let port = first.local_addr().expect("the port").port();
        if port.is_multiple_of(2)
            && let Ok(second) = UdpSocket::bind(("127.0.0.1", port + 1))
        {
            keep_much(&first);
            return (first, second);
        }
    }
    panic!("no two free UDP ports beside each other");
}

/// Gives a socket as large a buffer as one may: root is not bound by `net.core.rmem_max`.
fn keep_much(socket: &UdpSocket) {
    let forced = sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER);
    forced
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER))
        .expect("a size");
}

/// A receiver report without blocks: the sign of life of a UDP player.
pub const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

/// Whether a compound RTCP packet says goodbye.
pub fn is_bye(mut packet: &[u8]) -> bool {
    while packet.len() >= 4 {
        if packet[1] == 203 {
            return true;
        }
        let length = 4 * (usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1);
        packet = packet.get(length..).unwrap_or_default();
    }
    false
}
