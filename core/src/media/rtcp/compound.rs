//! Reading compound packets.

use rtcp_types::prelude::*;

use super::{Error, ReportBlock, SenderReport};

/// Most blocks, sources or names in one packet: the count field has five bits.
const MAX_COUNT: usize = 31;

/// Most entries taken from one NACK, each of which names up to 17 packets.
const MAX_NACK_PAIRS: usize = 60;

/// One or more RTCP packets in a datagram or interleaved frame.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    data: &'a [u8],
}

/// Reads RTCP. Only the first packet has to be whole; what follows is taken as far as it can be
/// read.
///
/// # Errors
///
/// When the first packet is not RTCP.
pub fn parse(data: &[u8]) -> Result<Compound<'_>, Error> {
    let &[first, kind, ..] = data else {
        return Err(Error::Short { needed: 4, length: data.len() });
    };
    if first >> 6 != 2 {
        return Err(Error::Version { version: first >> 6 });
    }
    if !(192..=223).contains(&kind) {
        return Err(Error::Type { kind });
    }
    let needed = packet_length(data).unwrap_or(4);
    if data.len() < needed {
        return Err(Error::Short { needed, length: data.len() });
    }
    Ok(Compound { data })
}

/// The length of the packet at the beginning of `data`, by its header.
fn packet_length(data: &[u8]) -> Option<usize> {
    let &[_, _, high, low, ..] = data else { return None };
    Some(4 + 4 * usize::from(u16::from_be_bytes([high, low])))
}

impl<'a> Compound<'a> {
    /// Its packets, in order.
    pub fn packets(&self) -> Packets<'a> {
        Packets { rest: self.data }
    }

    /// The first sender report.
    pub fn sender_report(&self) -> Option<SenderReport> {
        self.packets().find_map(|packet| match packet {
            Packet::SenderReport(report, _) => Some(report),
            _ => None,
        })
    }

    /// The sources that say goodbye, if any does.
    pub fn bye(&self) -> Option<Sources<'a>> {
        self.packets().find_map(|packet| match packet {
            Packet::Bye(sources) => Some(sources),
            _ => None,
        })
    }

    /// Whether a source says goodbye.
    pub fn has_bye(&self) -> bool {
        self.packets().any(|packet| matches!(packet, Packet::Bye(_)))
    }

    /// The report blocks of all sender and receiver reports.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.packets().flat_map(|packet| match packet {
            Packet::SenderReport(_, reports) | Packet::ReceiverReport { reports, .. } => reports,
            _ => Reports { blocks: &[] },
        })
    }

    /// The canonical name (CNAME) of a source.
    pub fn cname(&self, ssrc: u32) -> Option<String> {
        self.packets().find_map(|packet| match packet {
            Packet::Names(names) => names.cname(ssrc),
            _ => None,
        })
    }
}

/// The packets of a [`Compound`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        let length = packet_length(self.rest)?;
        if self.rest.first()? >> 6 != 2 {
            self.rest = &[];
            return None;
        }
        let Some((packet, rest)) = self.rest.split_at_checked(length) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(Packet::read(packet))
    }
}

/// Whether a compound packet asks for anything: feedback (RFC 4585), as opposed to reports. It looks at
/// the types of its packets only.
pub fn asks(mut compound: &[u8]) -> bool {
    while let [_, kind, high, low, ..] = compound {
        if matches!(kind, 205 | 206) {
            return true;
        }
        let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
        compound = compound.get(length..).unwrap_or_default();
    }
    false
}

/// One RTCP packet.
#[derive(Clone, Debug)]
pub enum Packet<'a> {
    /// SR: what a sender says of itself and of what it receives.
    SenderReport(SenderReport, Reports<'a>),
    /// RR: what a receiver says.
    ReceiverReport {
        /// The receiver.
        ssrc: u32,
        /// What it receives.
        reports: Reports<'a>,
    },
    /// SDES: names of sources.
    Names(Names<'a>),
    /// BYE: sources that leave.
    Bye(Sources<'a>),
    /// Generic NACK (RFC 4585 §6.2.1): packets to be sent again.
    Nack {
        /// Who asks.
        sender: u32,
        /// The source asked.
        media: u32,
        /// The sequence numbers.
        lost: Lost<'a>,
    },
    /// PLI (RFC 4585 §6.3.1): a key frame is asked for.
    PictureLoss {
        /// Who asks.
        sender: u32,
        /// The source asked.
        media: u32,
    },
    /// FIR (RFC 5104 §4.3.1): a key frame is asked for. One such packet can ask several sources.
    FullIntraRequest {
        /// Who asks.
        sender: u32,
        /// The first source asked.
        media: u32,
    },
    /// Another type, or one that cannot be read.
    Other {
        /// The packet type.
        kind: u8,
    },
}

impl<'a> Packet<'a> {
    /// Reads a packet of the length that its header says.
    fn read(packet: &'a [u8]) -> Packet<'a> {
        let kind = packet.get(1).copied().unwrap_or(0);
        Self::read_known(kind, packet).unwrap_or(Packet::Other { kind })
    }

    fn read_known(kind: u8, packet: &'a [u8]) -> Option<Packet<'a>> {
        let count = usize::from(packet.first()? & 0x1f);
        Some(match kind {
            rtcp_types::SenderReport::PACKET_TYPE => {
                let report = rtcp_types::SenderReport::parse(packet).ok()?;
                let information = SenderReport {
                    ssrc: report.ssrc(),
                    ntp: report.ntp_timestamp(),
                    rtp: report.rtp_timestamp(),
                    packets: report.packet_count(),
                    octets: report.octet_count(),
                };
                Packet::SenderReport(information, Reports::new(packet.get(28..)?, count))
            }
            rtcp_types::ReceiverReport::PACKET_TYPE => {
                let report = rtcp_types::ReceiverReport::parse(packet).ok()?;
                let reports = Reports::new(packet.get(8..)?, count);
                Packet::ReceiverReport { ssrc: report.ssrc(), reports }
            }
            rtcp_types::Sdes::PACKET_TYPE => Packet::Names(Names { packet }),
            rtcp_types::Bye::PACKET_TYPE => {
                let sources = packet.get(4..)?.as_chunks::<4>().0;
                Packet::Bye(Sources { sources: sources.get(..count).unwrap_or(sources) })
            }
            rtcp_types::TransportFeedback::PACKET_TYPE if count == 1 => {
                let feedback = rtcp_types::TransportFeedback::parse(packet).ok()?;
                let pairs = packet.get(12..)?.as_chunks::<4>().0;
                let pairs = pairs.get(..MAX_NACK_PAIRS).unwrap_or(pairs);
                let lost = Lost { pairs, following: 0 };
                let (sender, media) = (feedback.sender_ssrc(), feedback.media_ssrc());
                Packet::Nack { sender, media, lost }
            }
            rtcp_types::PayloadFeedback::PACKET_TYPE if matches!(count, 1 | 4) => {
                let feedback = rtcp_types::PayloadFeedback::parse(packet).ok()?;
                let sender = feedback.sender_ssrc();
                if count == 1 {
                    return Some(Packet::PictureLoss { sender, media: feedback.media_ssrc() });
                }
                let fir = feedback.parse_fci::<rtcp_types::Fir<'_>>().ok()?;
                let media = fir.entries().next()?.ssrc();
                Packet::FullIntraRequest { sender, media }
            }
            _ => return None,
        })
    }
}

/// Report blocks of one packet; an iterator.
#[derive(Clone, Debug)]
pub struct Reports<'a> {
    blocks: &'a [[u8; 24]],
}

impl<'a> Reports<'a> {
    fn new(data: &'a [u8], count: usize) -> Reports<'a> {
        let blocks = data.as_chunks::<24>().0;
        Reports { blocks: blocks.get(..count).unwrap_or(blocks) }
    }
}

impl Iterator for Reports<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.blocks.split_first()?;
        self.blocks = rest;
        rtcp_types::ReportBlock::parse(block).ok().map(|block| ReportBlock::read(&block))
    }
}

/// The sources of a BYE; an iterator.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    sources: &'a [[u8; 4]],
}

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (source, rest) = self.sources.split_first()?;
        self.sources = rest;
        Some(u32::from_be_bytes(*source))
    }
}

/// The sequence numbers of a NACK, at most 1020 of them; an iterator.
#[derive(Clone, Debug)]
pub struct Lost<'a> {
    /// Packet id and bit mask of the 16 packets that follow.
    pairs: &'a [[u8; 4]],
    /// Which of the 17 of the first pair comes next.
    following: u16,
}

impl Iterator for Lost<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        while let Some((&[p0, p1, m0, m1], rest)) = self.pairs.split_first() {
            let (id, mask) = (u16::from_be_bytes([p0, p1]), u16::from_be_bytes([m0, m1]));
            while self.following <= 16 {
                let step = self.following;
                self.following += 1;
                if step == 0 || mask >> (step - 1) & 1 == 1 {
                    return Some(id.wrapping_add(step));
                }
            }
            self.following = 0;
            self.pairs = rest;
        }
        None
    }
}

/// Names of sources (SDES).
#[derive(Clone, Debug)]
pub struct Names<'a> {
    packet: &'a [u8],
}

impl Names<'_> {
    /// The canonical name of a source; bytes that are not UTF-8 are replaced.
    pub fn cname(&self, ssrc: u32) -> Option<String> {
        let sdes = rtcp_types::Sdes::parse(self.packet).ok()?;
        let chunk = sdes.chunks().take(MAX_COUNT).find(|chunk| chunk.ssrc() == ssrc)?;
        let item = chunk.items().find(|item| item.type_() == rtcp_types::SdesItem::CNAME)?;
        Some(String::from_utf8_lossy(item.value()).into_owned())
    }
}
