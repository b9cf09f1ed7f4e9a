//! Which multicast groups the engine sends to, and which stream has which.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::super::command::StreamId;

/// The first port for RTP; a track has an even one and the next.
const FIRST_PORT: u16 = 20_000;
/// Pairs of ports that are given out.
const PORT_PAIRS: u32 = 20_000;
/// Pairs of ports from one stream to the next: more tracks than any has.
const TRACKS: u32 = 8;

/// How streams are sent to multicast groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multicast {
    /// The groups: each stream that is wanted has one for itself.
    pub groups: GroupRange,
    /// Routers that packets may pass, plus one: 1 keeps them in the local network.
    pub ttl: u8,
    /// Address of the interface to send from; `None`: the one that the route to the group has.
    pub interface: Option<Ipv4Addr>,
}

/// A range of IPv4 multicast addresses, written as in `239.1.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRange {
    network: Ipv4Addr,
    prefix: u8,
}

impl GroupRange {
    fn len(self) -> u32 {
        // A multicast network has at least four bits, so that this does not overflow.
        1 << (32 - u32::from(self.prefix))
    }

    /// The group of a number below [`len`](GroupRange::len).
    fn get(self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) | (index % self.len()))
    }
}

impl FromStr for GroupRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<GroupRange, &'static str> {
        const WANTED: &str = "a range of IPv4 multicast addresses is wanted, as in 239.1.2.0/24";
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let network: Ipv4Addr = address.parse().map_err(|_| WANTED)?;
        let prefix: u8 = prefix.parse().map_err(|_| WANTED)?;
        if !network.is_multicast() || !(4..=32).contains(&prefix) {
            return Err(WANTED);
        }
        if network.octets().starts_with(&[224, 0, 0]) {
            return Err("224.0.0.0/24 is for the routers' own messages (RFC 5771 §4)");
        }
        let range = GroupRange { network, prefix };
        match u32::from(network) & (range.len() - 1) {
            0 => Ok(range),
            _ => Err("the address has more bits than its prefix says, as 239.1.2.3/24 would have"),
        }
    }
}

impl fmt::Display for GroupRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// The groups that are given out.
#[derive(Debug, Default)]
pub(super) struct Groups {
    used: HashMap<u32, StreamId>,
    /// Where to look for a free one: one that was just given back is used again last, as some may still
    /// listen to it.
    next: u32,
}

impl Groups {
    /// Takes a free group for a stream.
    pub(super) fn take(&mut self, range: GroupRange, stream: StreamId) -> Option<u32> {
        let count = range.len();
        let tries = u32::try_from(self.used.len()).unwrap_or(u32::MAX).saturating_add(1).min(count);
        let mut candidates = (0..tries).map(|step| self.next.wrapping_add(step) % count);
        let index = candidates.find(|index| !self.used.contains_key(index))?;
        self.next = (index + 1) % count;
        self.used.insert(index, stream);
        Some(index)
    }

    pub(super) fn give_back(&mut self, index: u32) {
        self.used.remove(&index);
    }
}

/// Where a track of the stream with a group is sent: address, and ports for RTP and RTCP. Streams have
/// different ports too, as many a host mixes up groups that have the same.
pub(super) fn place(range: GroupRange, index: u32, track: usize) -> (Ipv4Addr, u16, u16) {
    let track = u32::try_from(track).unwrap_or(0);
    let pair = index.wrapping_mul(TRACKS).wrapping_add(track) % PORT_PAIRS;
    // Below 60,000.
    let rtp = FIRST_PORT + 2 * pair as u16;
    (range.get(index), rtp, rtp + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_wrong_ones_explained() {
        for text in ["239.1.2.0/24", "239.255.0.7/32", "232.0.0.0/8"] {
            assert_eq!(text.parse::<GroupRange>().unwrap().to_string(), text);
        }
        assert_eq!("239.9.9.9".parse::<GroupRange>().unwrap().len(), 1);
        for (text, wrong) in [
            ("10.0.0.0/8", "multicast"),
            ("239.1.2.0/33", "239.1.2.0/24"),
            ("ff02::1", "IPv4"),
            ("224.0.0.251", "routers"),
            ("239.1.2.3/24", "bits"),
        ] {
            let why = text.parse::<GroupRange>().expect_err(text);
            assert!(why.contains(wrong), "{text}: {why}");
        }
    }

    #[test]
    fn a_group_has_one_stream_and_is_used_again_last() {
        let range = "239.1.2.0/30".parse().unwrap();
        let mut groups = Groups::default();
        let taken: Vec<_> = (0..5).map(|stream| groups.take(range, stream)).collect();
        assert_eq!(taken, [Some(0), Some(1), Some(2), Some(3), None]);
        groups.give_back(2);
        groups.give_back(0);
        assert_eq!((groups.take(range, 7), groups.take(range, 8)), (Some(0), Some(2)));
        let one = "239.1.2.9".parse().unwrap();
        let mut groups = Groups::default();
        assert_eq!((groups.take(one, 1), groups.take(one, 2)), (Some(0), None));
    }

    #[test]
    fn no_two_tracks_share_address_and_ports() {
        let range = "239.1.2.0/24".parse().unwrap();
        let mut places = std::collections::HashSet::new();
        for index in 0..256 {
            for track in 0..8 {
                let (address, rtp, rtcp) = place(range, index, track);
                assert!(address.octets().starts_with(&[239, 1, 2]) && rtp % 2 == 0);
                assert!(rtcp == rtp + 1 && places.insert((address, rtp)));
            }
        }
    }
}
