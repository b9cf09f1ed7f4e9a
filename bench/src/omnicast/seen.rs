//! What a node has received, frame by frame: the lines of `rillcast node --trace`.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

/// A frame (access unit) of one track, as it came. Written as a line: track, RTP timestamp, number of its
/// first packet, how many packets, 1 if decoding can begin with it, 1 if nothing is missing, how many packets came
/// again since the line before, microseconds since 1970, and the MD5 of all its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Index of the track in the session description.
    pub track: usize,
    /// RTP timestamp.
    pub time: u32,
    /// Sequence number of its first packet.
    pub first: u16,
    /// How many packets.
    pub packets: u32,
    /// Decoding can begin with it.
    pub key: bool,
    /// No packet is missing in it, nor right before it.
    pub whole: bool,
    /// Packets of the track that came a second time since the line before.
    pub twice: u64,
    /// When its last packet came in, since 1970.
    pub arrival: Duration,
    /// MD5 of its packets, RTP headers included: nodes hand on the very same.
    pub digest: u128,
}

impl Seen {
    /// What stands above the lines.
    pub const HEAD: &str = "# track rtp-time first-number packets key whole twice arrival-µs md5";

    /// The sequence number of the packet behind its last one.
    pub fn next(&self) -> u16 {
        // Numbers wrap.
        self.first.wrapping_add(self.packets as u16)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { track, time, first, packets, key, whole, twice, arrival, digest } = self;
        let (key, whole, arrival) = (u8::from(*key), u8::from(*whole), arrival.as_micros());
        write!(f, "{track} {time} {first} {packets} {key} {whole} {twice} {arrival} {digest:032x}")
    }
}

/// A line that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFrame;

impl fmt::Display for NoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no line of a trace")
    }
}

impl std::error::Error for NoFrame {}

impl From<ParseIntError> for NoFrame {
    fn from(_: ParseIntError) -> NoFrame {
        NoFrame
    }
}

impl FromStr for Seen {
    type Err = NoFrame;

    fn from_str(line: &str) -> Result<Seen, NoFrame> {
        let mut fields = line.split(' ');
        let mut next = || fields.next().ok_or(NoFrame);
        Ok(Seen {
            track: next()?.parse()?,
            time: next()?.parse()?,
            first: next()?.parse()?,
            packets: next()?.parse()?,
            key: next()? == "1",
            whole: next()? == "1",
            twice: next()?.parse()?,
            arrival: Duration::from_micros(next()?.parse()?),
            digest: u128::from_str_radix(next()?, 16)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let seen = Seen {
            track: 1,
            time: u32::MAX,
            first: 65_534,
            packets: 3,
            key: true,
            whole: false,
            twice: 2,
            arrival: Duration::from_micros(1_700_000_000_123_456),
            digest: 0xabc,
        };
        assert_eq!(seen.to_string().parse(), Ok(seen));
        assert_eq!(seen.next(), 1);
        for line in ["", Seen::HEAD, "1 2 3", "1 2 70000 1 1 1 1 0"] {
            assert_eq!(line.parse::<Seen>(), Err(NoFrame), "{line}");
        }
    }
}
