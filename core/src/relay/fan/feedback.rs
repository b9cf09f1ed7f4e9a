//! What children ask for: packets that they have lost, key frames.

use std::time::Duration;

use crate::media::{rtcp, rtp};
use crate::ring::Span;

use super::super::packet::Kind;
use super::{ChildKey, Egress, Fan, Packet, State, Transport};

impl Fan {
    /// What a child reports: the packets that it asks for over UDP are sent again (RFC 4585 §6.2.1), as
    /// far as they are still there and it has not asked for too much, as they were or as its
    /// [target](super::super::Target::retransmission) says; a key frame (PLI, §6.3.1; FIR,
    /// RFC 5104 §4.3.1) is asked for at the source: see
    /// [`Stream::wants_key_frame`](super::super::Stream::wants_key_frame).
    pub fn hear(&mut self, key: ChildKey, report: &[u8], now: Duration, egress: &mut dyn Egress) {
        let Ok(compound) = rtcp::parse(report) else { return };
        for packet in compound.packets() {
            match packet {
                rtcp::Packet::Nack { media, lost, .. } => {
                    self.send_again(key, media, lost, now, egress);
                }
                rtcp::Packet::PictureLoss { media, .. }
                | rtcp::Packet::FullIntraRequest { media, .. } => self.wish_key_frame(key, media),
                _ => {}
            }
        }
    }

    /// A child cannot go on without a key frame of a track.
    fn wish_key_frame(&mut self, key: ChildKey, ssrc: u32) {
        let Some(child) = self.children.get(key).filter(|child| child.state != State::Paused)
        else {
            return;
        };
        let tracks = (0u8..).zip(&*self.notes);
        let wanted = tracks.filter(|(number, _)| child.transport.wants(*number));
        for (_, notes) in wanted.filter(|(_, notes)| notes.ssrc() == Some(ssrc)) {
            notes.wish();
        }
    }

    fn send_again(
        &mut self,
        key: ChildKey,
        ssrc: u32,
        lost: impl Iterator<Item = u16>,
        now: Duration,
        egress: &mut dyn Egress,
    ) {
        let Some(child) = self.children.get_mut(key) else { return };
        let mut tracks = (0u8..).zip(&*self.notes);
        let Some((number, notes)) = tracks.find(|(_, notes)| notes.ssrc() == Some(ssrc)) else {
            return;
        };
        let datagrams = matches!(child.transport, Transport::Udp { .. });
        if !datagrams || !matches!(child.state, State::Behind | State::Live) {
            return;
        }
        for sequence in lost {
            let Some(position) = notes.position(sequence).filter(|at| *at < self.cursor) else {
                continue;
            };
            let view = self.reader.view(position);
            let packet = view.get(position).filter(|packet| {
                packet.kind == Kind::Rtp
                    && packet.track == number
                    && rtp::sequence(packet.data()) == Some(sequence)
            });
            let Some(packet) = packet else { continue };
            if !child.allowance.take(now) {
                return;
            }
            self.udp.send_again(child, packet, egress);
        }
        let agreed = child.retransmissions.get_mut(usize::from(number)).and_then(Option::as_mut);
        let report = agreed.and_then(|agreed| agreed.report(notes.report()?.data(), now));
        if let Some(report) = report {
            let report = Packet::new(Span::from_vec(report), Kind::Rtcp, number, now);
            self.udp.report(child, &report, egress);
        }
    }

    /// The stream is over, and so are those in which packets were sent again.
    pub(super) fn end_retransmissions(&mut self, now: Duration, egress: &mut dyn Egress) {
        for (_, child) in self.children.iter_mut() {
            for (number, notes) in (0u8..).zip(&*self.notes) {
                let agreed = child.retransmissions.get_mut(usize::from(number));
                let agreed = agreed.and_then(Option::as_mut).zip(notes.ssrc());
                let Some(bye) = agreed.and_then(|(agreed, ssrc)| agreed.bye(ssrc)) else {
                    continue;
                };
                let bye = Packet::new(Span::from_vec(bye), Kind::Rtcp, number, now);
                self.udp.report(child, &bye, egress);
            }
        }
    }
}
