//! The session description of a source.

use rillcast::media::aac::Config;
use rillcast::media::sdp::{Media, Session};

use super::Track;

/// Payload types of the dynamic range (RFC 3551 3), as most senders choose them.
const H264_PAYLOAD_TYPE: u8 = 96;
const AAC_PAYLOAD_TYPE: u8 = 97;

/// Describes the tracks in their order.
pub(crate) fn describe(name: &str, tracks: &[Track]) -> Session {
    let mut session = Session::new(name);
    session.media = tracks.iter().map(media).collect();
    session
}

fn media(track: &Track) -> Media {
    match track {
        Track::H264 { parameter_sets } => Media::h264(H264_PAYLOAD_TYPE, parameter_sets),
        Track::Aac { config } => {
            let parsed = Config::parse(config).ok();
            let (rate, channels) = parsed.map_or((48_000, 2), |config| {
                // The clock is that of the samples that come out of a decoder.
                let rate = config.sbr_rate.unwrap_or(config.sample_rate);
                (rate, config.channels().map_or(2, u16::from))
            });
            Media::aac(AAC_PAYLOAD_TYPE, config, rate, channels)
        }
    }
}
