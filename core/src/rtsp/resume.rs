//! The `X-Rillcast-Resume` and `X-Rillcast-Via` headers of PLAY: how a receiver goes over from one server to
//! another that has the very same packets, and how servers tell that they would feed each other in a circle.
//! Both are Rillcast's own; a server or client that does not know them passes them over (RFC 2326 §12).
//!
//! ```text
//! PLAY rtsp://b/live RTSP/1.0
//! X-Rillcast-Resume: track=0;ssrc=1C3F00A2;seq=4711;rtptime=90000,track=1;ssrc=…
//!
//! RTSP/1.0 200 OK
//! X-Rillcast-Resume: replayed=37
//! X-Rillcast-Via: 00f1e2d3c4b5a697,8899aabbccddeeff
//! ```

use std::fmt;

use super::limits::MAX_TRACKS;
use crate::media::rtp::Mark;

/// Name of the header by which a receiver tells what it has, and a server what it does about it.
pub const RESUME: &str = "X-Rillcast-Resume";
/// Name of the header that tells through which servers the stream has come.
pub const VIA: &str = "X-Rillcast-Via";
/// Servers in the [`VIA`] header at most: no tree is that deep.
const MAX_VIA: usize = 64;

/// The newest packet that a receiver has of each track, by the track's number in the SDP, from 0. Tracks of which
/// it has nothing are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Tracks and packets.
    pub marks: Vec<(usize, Mark)>,
}

impl Resume {
    /// Reads the header of a request. Entries that are not whole are passed over.
    pub fn parse(value: &str) -> Resume {
        let marks = value.split(',').take(MAX_TRACKS).filter_map(entry).collect();
        Resume { marks }
    }
}

fn entry(text: &str) -> Option<(usize, Mark)> {
    let (mut track, mut ssrc, mut sequence, mut timestamp) = (None, None, None, None);
    for parameter in text.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let value = value.trim();
        match name.trim() {
            "track" => track = value.parse().ok(),
            "ssrc" => ssrc = u32::from_str_radix(value, 16).ok(),
            "seq" => sequence = value.parse().ok(),
            "rtptime" => timestamp = value.parse().ok(),
            _ => {}
        }
    }
    Some((track?, Mark { ssrc: ssrc?, sequence: sequence?, timestamp: timestamp? }))
}

impl fmt::Display for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (track, Mark { ssrc, sequence, timestamp })) in self.marks.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}track={track};ssrc={ssrc:08X};seq={sequence};rtptime={timestamp}")?;
        }
        Ok(())
    }
}

/// What a server does for a receiver that has told what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It sends everything behind that: so many packets are there already.
    Replayed(u64),
    /// What follows is there no more: it begins with the newest key frame.
    Gone,
}

impl Resumed {
    /// Reads the header of a response.
    pub fn parse(value: &str) -> Option<Resumed> {
        match value.trim().split_once('=') {
            None if value.trim() == "gone" => Some(Resumed::Gone),
            Some(("replayed", packets)) => packets.parse().ok().map(Resumed::Replayed),
            _ => None,
        }
    }
}

impl fmt::Display for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resumed::Replayed(packets) => write!(f, "replayed={packets}"),
            Resumed::Gone => f.write_str("gone"),
        }
    }
}

/// The servers through which a stream has come, the nearest first: a random number for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Via(Vec<u64>);

impl Via {
    /// Reads the header of a response.
    pub fn parse(value: &str) -> Via {
        let number = |text: &str| u64::from_str_radix(text.trim(), 16).ok();
        Via(value.split(',').take(MAX_VIA).filter_map(number).collect())
    }

    /// Whether no server has told of itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The way that is one server longer.
    pub fn through(&self, server: u64) -> Via {
        Via([server].into_iter().chain(self.0.iter().copied()).take(MAX_VIA).collect())
    }

    /// Whether the stream has come through this server.
    pub fn contains(&self, server: u64) -> bool {
        self.0.contains(&server)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, server) in self.0.iter().enumerate() {
            write!(f, "{}{server:016x}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_whole_is_passed_over() {
        let mark = Mark { ssrc: 0x1c3f_00a2, sequence: 4711, timestamp: 9 };
        let whole = "track=1; ssrc=1C3F00A2 ;seq=4711;rtptime=9;x=y";
        for (text, marks) in [
            (whole.to_owned(), vec![(1, mark)]),
            (format!("track=0;ssrc=1,{whole}"), vec![(1, mark)]),
            (format!("track=0;ssrc=1;seq=65536;rtptime=1,{whole},"), vec![(1, mark)]),
            ("".into(), vec![]),
            ("replayed=3".into(), vec![]),
        ] {
            assert_eq!(Resume::parse(&text).marks, marks, "{text}");
        }
        for text in ["", "replayed", "replayed=x", "replayed=-1", "other"] {
            assert_eq!(Resumed::parse(text), None, "{text}");
        }
        let many = "track=0;ssrc=1;seq=1;rtptime=1,".repeat(MAX_TRACKS * 2);
        assert_eq!(Resume::parse(&many).marks.len(), MAX_TRACKS);
        assert_eq!(Via::parse(&"1,".repeat(1000)).0.len(), MAX_VIA);
    }

    #[test]
    fn the_way_of_a_stream_grows_by_each_server() {
        let via = Via::default().through(1).through(0xffff_ffff_ffff_fff2);
        assert_eq!(via.to_string(), "fffffffffffffff2,0000000000000001");
        assert!(via.contains(1) && !via.contains(2));
        assert_eq!(Via::parse(&via.to_string()), via);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(marks in prop::collection::vec(
            (0usize..8, any::<u32>(), any::<u16>(), any::<u32>()), 0..8), packets: u64
        ) {
            let mark = |(track, ssrc, sequence, timestamp)| (track, Mark { ssrc, sequence, timestamp });
            let resume = Resume { marks: marks.into_iter().map(mark).collect() };
            prop_assert_eq!(Resume::parse(&resume.to_string()), resume);
            for resumed in [Resumed::Replayed(packets), Resumed::Gone] {
                prop_assert_eq!(Resumed::parse(&resumed.to_string()), Some(resumed));
            }
        }
    }
}
