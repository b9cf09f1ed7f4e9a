//! Encodes the test picture: OpenH264, Constrained Baseline, no B-frames.

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, IntraFramePeriod, RateControlMode, VuiConfig,
};
use rillcast::media::h264::{annex_b, nal};

use super::TestOptions;
use super::picture::Picture;
use crate::source::{Error, Unit};

/// The encoder and the bytes of its newest picture.
pub(super) struct Encoder {
    inner: openh264::encoder::Encoder,
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder for pictures as the options say.
    pub(super) fn new(options: &TestOptions) -> Result<Encoder, Error> {
        let period = (options.gop.as_secs_f64() * options.fps).round().max(1.0) as u32;
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(options.bitrate))
            .max_frame_rate(FrameRate::from_hz(options.fps as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            // Every picture goes out, so that frame numbers count.
            .skip_frames(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(period))
            // Key frames come by the period alone.
            .scene_change_detect(false)
            // What a camera's picture would gain by is time lost on this one.
            .complexity(Complexity::Low)
            .adaptive_quantization(false)
            .background_detection(false)
            // One slice, and no threads beside ours.
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let api = OpenH264API::from_source();
        let mut inner =
            openh264::encoder::Encoder::with_api_config(api, config).map_err(Error::Encoder)?;
        silence(&mut inner);
        Ok(Encoder { inner, bytes: Vec::new() })
    }

    /// The parameter sets, got by encoding a picture for nothing. The next picture is a key frame.
    pub(super) fn parameter_sets(&mut self, picture: &Picture) -> Result<Vec<Vec<u8>>, Error> {
        self.run(picture)?;
        self.force_key_frame();
        let is_set = |kind: u8| kind == nal::SPS || kind == nal::PPS;
        Ok(annex_b::nals(&self.bytes)
            .filter(|part| part.first().is_some_and(|&head| is_set(nal::unit_type(head))))
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// Makes the next picture a key frame.
    pub(super) fn force_key_frame(&mut self) {
        self.inner.force_intra_frame();
    }

    /// Encodes the picture into `unit`, with an SEI NAL unit in front of its slices.
    pub(super) fn encode(
        &mut self,
        picture: &Picture,
        sei: &[u8],
        unit: &mut Unit,
    ) -> Result<(), Error> {
        self.run(picture)?;
        let mut waiting = Some(sei);
        for part in annex_b::nals(&self.bytes) {
            // Parameter sets stay in front of the SEI (H.264 7.4.1.2.3).
            let kind = part.first().map_or(0, |&head| nal::unit_type(head));
            if let Some(sei) = waiting.take_if(|_| nal::is_vcl(kind)) {
                unit.push(sei);
            }
            unit.push(part);
        }
        Ok(())
    }

    fn run(&mut self, picture: &Picture) -> Result<(), Error> {
        self.bytes.clear();
        let encoded = self.inner.encode(&picture.planes()).map_err(Error::Encoder)?;
        encoded.write_vec(&mut self.bytes);
        Ok(())
    }
}

/// Keeps the encoder from writing to standard error: it warns at its start that the bit rate may be
/// exceeded when no picture is skipped, which is wanted. The crate sets the level too late for that.
fn silence(encoder: &mut openh264::encoder::Encoder) {
    let mut level = openh264_sys2::WELS_LOG_QUIET;
    // SAFETY: the trace level is one of the options that may be set before the encoder is
    // initialised (the others are refused); it is read as a 32-bit number during the call, for
    // which `level` lives, and it is no parameter that the safe interface relies on.
    let refused = unsafe {
        let api = encoder.raw_api();
        api.set_option(openh264_sys2::ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast())
    };
    if refused != 0 {
        tracing::debug!("the H.264 encoder keeps its own logging: {refused}");
    }
}
