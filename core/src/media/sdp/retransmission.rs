//! The offer of feedback (RFC 4585 §4) and of retransmission (RFC 4588 §8.8).

use super::{Attribute, Bandwidth, Format, Kind, Media, Protocol, Session};

/// Encoding name of a retransmission (RFC 4588 §8.3).
const ENCODING: &str = "rtx";
/// Bits per second for the reports of senders and receivers (RFC 3556): the usual twentieth of what
/// receivers take for the bandwidth of a stream that does not tell its own would keep a player from
/// asking in time for more than a few packets a second (RFC 4585 §3.5).
const REPORTS: [(&str, u64); 2] = [("RS", 8_000), ("RR", 64_000)];
/// The dynamic payload types (RFC 3551 §6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

impl Session {
    /// The payload type under which packets of each media are sent again, SSRC-multiplexed: one that
    /// nothing else in the description has. `None` for encrypted media, whose packets cannot be
    /// repacked, and where no payload type is left. The same each time, as long as the media are the
    /// same.
    pub fn retransmission_types(&self) -> Vec<Option<u8>> {
        let used =
            |of: &u8| self.media.iter().any(|media| media.payload_types().any(|pt| pt == *of));
        let mut free = DYNAMIC.filter(|payload_type| !used(payload_type));
        let mut next = |media: &Media| (!media.protocol.is_secure()).then(|| free.next()).flatten();
        self.media.iter().map(&mut next).collect()
    }

    /// Offers to send lost packets again in a stream of their own, and a key frame where pictures
    /// are lost. Whoever sets such media up with the profile that it has now, RTP/AVPF, takes the
    /// offer (RFC 4588 §9.1).
    pub fn offer_retransmission(&mut self) {
        let types = self.retransmission_types();
        for (media, payload_type) in self.media.iter_mut().zip(types) {
            let Some(payload_type) = payload_type else { continue };
            let original = media.format.payload_type;
            let mut format = Format::new(payload_type, ENCODING, media.format.clock_rate);
            format.fmtp.set("apt", &original.to_string());
            media.protocol = Protocol::Avpf;
            media.alternatives.push(format);
            media.bandwidths.extend(REPORTS.map(|(kind, value)| {
                let kind = kind.to_owned();
                Bandwidth { kind, value }
            }));
            let mut offer = |what: &str| {
                media.attributes.push(Attribute::new("rtcp-fb", &format!("{original} {what}")));
            };
            offer("nack");
            if media.kind == Kind::Video {
                offer("nack pli");
            }
        }
    }
}

impl Format {
    /// Whether packets of this format are others sent again.
    pub(crate) fn is_retransmission(&self) -> bool {
        self.is(ENCODING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_what_rfc_4588_shows_and_our_own_parser_takes_it() {
        let mut session = Session::new("x");
        session.media = vec![
            Media::aac(97, &[0x12, 0x10], 44_100, 2),
            Media::h264::<&[u8]>(96, &[]),
            Media { protocol: Protocol::Savp, ..Media::h264::<&[u8]>(100, &[]) },
        ];
        assert_eq!(session.retransmission_types(), [Some(98), Some(99), None]);
        let mut offered = session.clone();
        offered.offer_retransmission();
        let text = offered.to_string();
        for line in [
            "m=audio 0 RTP/AVPF 97 98\r\n",
            "a=rtpmap:98 rtx/44100\r\na=fmtp:98 apt=97\r\na=rtcp-fb:97 nack\r\n",
            "m=video 0 RTP/AVPF 96 99\r\nb=RS:8000\r\nb=RR:64000\r\n",
            "a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n",
            "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n",
            "m=video 0 RTP/SAVP 100\r\n",
        ] {
            assert!(text.contains(line), "{line:?} is missing in\n{text}");
        }
        let understood = Session::parse(text.as_bytes()).unwrap();
        let again = understood.for_players([127, 0, 0, 1].into()).to_string();
        assert!(!again.contains("rtx") && !again.contains("AVPF"), "{again}");
    }

    #[test]
    fn nothing_is_offered_when_no_payload_type_is_left() {
        let mut session = Session::new("x");
        session.media = (96..=127).map(|pt| Media::h264::<&[u8]>(pt, &[])).collect();
        assert!(session.retransmission_types().iter().all(Option::is_none));
        let before = session.clone();
        session.offer_retransmission();
        assert_eq!(session, before);
    }
}
