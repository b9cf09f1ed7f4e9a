//! Writing compound packets.

use rtcp_types::prelude::*;
use rtcp_types::{
    Bye, Compound, CompoundBuilder, Nack, PayloadFeedback, Pli, ReceiverReport,
    ReceiverReportBuilder, Sdes, SdesBuilder, SdesChunk, SdesItem, TransportFeedback,
};

use super::{ReportBlock, SenderReport};

/// Most report blocks in one packet.
const MAX_BLOCKS: usize = 31;

/// Most bytes of an SDES item.
const MAX_NAME: usize = 255;

/// A sender report with `blocks` (the first 31 of them) and the sender's canonical name.
pub fn sender_report(report: &SenderReport, blocks: &[ReportBlock], cname: &str) -> Vec<u8> {
    let mut builder = rtcp_types::SenderReport::builder(report.ssrc)
        .ntp_timestamp(report.ntp)
        .rtp_timestamp(report.rtp)
        .packet_count(report.packets)
        .octet_count(report.octets);
    for block in blocks.iter().take(MAX_BLOCKS) {
        builder = builder.add_report_block(block.builder());
    }
    write(Compound::builder().add_packet(builder).add_packet(name(report.ssrc, cname)))
}

/// A receiver report of `ssrc` with `blocks` (the first 31 of them) and its canonical name.
pub fn receiver_report(ssrc: u32, blocks: &[ReportBlock], cname: &str) -> Vec<u8> {
    let report = report(ssrc, blocks);
    write(Compound::builder().add_packet(report).add_packet(name(ssrc, cname)))
}

/// The end of a source.
pub fn bye(ssrc: u32) -> Vec<u8> {
    let bye = Bye::builder().add_source(ssrc);
    write(Compound::builder().add_packet(report(ssrc, &[])).add_packet(bye))
}

/// What a source can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback<'a> {
    /// To send packets again (generic NACK, RFC 4585 §6.2.1).
    Nack {
        /// The source.
        media: u32,
        /// Sequence numbers of the packets.
        lost: &'a [u16],
    },
    /// A key frame (PLI, RFC 4585 §6.3.1).
    Pli {
        /// The source.
        media: u32,
    },
}

/// Asks for all of `wanted`. `sender` and `cname` are those of who asks.
pub fn feedback(sender: u32, cname: &str, wanted: &[Feedback<'_>]) -> Vec<u8> {
    let compound =
        Compound::builder().add_packet(report(sender, &[])).add_packet(name(sender, cname));
    let ask = |compound: CompoundBuilder<'static>, wanted: &Feedback<'_>| match *wanted {
        Feedback::Nack { media, lost } => {
            let nack = lost.iter().fold(Nack::builder(), |nack, &lost| nack.add_rtp_sequence(lost));
            let feedback = TransportFeedback::builder_owned(nack);
            compound.add_packet(feedback.sender_ssrc(sender).media_ssrc(media))
        }
        Feedback::Pli { media } => {
            let feedback = PayloadFeedback::builder_owned(Pli::builder());
            compound.add_packet(feedback.sender_ssrc(sender).media_ssrc(media))
        }
    };
    write(wanted.iter().fold(compound, ask))
}

fn report(ssrc: u32, blocks: &[ReportBlock]) -> ReceiverReportBuilder {
    let blocks = blocks.iter().take(MAX_BLOCKS);
    blocks.fold(ReceiverReport::builder(ssrc), |report, block| {
        report.add_report_block(block.builder())
    })
}

fn name(ssrc: u32, cname: &str) -> SdesBuilder<'static> {
    let cname = cname.get(..cname.floor_char_boundary(MAX_NAME)).unwrap_or_default();
    let item = SdesItem::builder(SdesItem::CNAME, cname);
    Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item_owned(item))
}

/// All fields are within their bounds here, so that the size can always be told.
fn write(compound: CompoundBuilder<'_>) -> Vec<u8> {
    let mut out = vec![0; compound.calculate_size().unwrap_or(0)];
    let written = compound.write_into(&mut out).unwrap_or(0);
    out.truncate(written);
    out
}
