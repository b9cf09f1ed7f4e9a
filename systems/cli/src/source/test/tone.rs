//! The sound of the test source: a loop of AAC frames that were encoded beforehand.
//!
//! The asset holds a whole number of frames of a periodic signal, cut out of a longer encoding, so
//! that its end runs into its beginning without a click. `assets/README.md` tells how it was made.

use std::time::Duration;

use rillcast::media::aac::adts;

/// 48 kHz, mono, eight seconds: a beep of 440 Hz each second, the eighth of 880 Hz.
const TONE: &[u8] = include_bytes!("../../../assets/tone.aac");
/// Samples in an AAC frame.
const FRAME_SAMPLES: u64 = 1_024;
const NANOSECONDS: u128 = 1_000_000_000;

/// The loop and the place in it.
#[derive(Debug)]
pub(super) struct Tone {
    config: Vec<u8>,
    sample_rate: u32,
    frames: Vec<&'static [u8]>,
    /// Frames given so far.
    count: u64,
}

impl Tone {
    /// The loop from its beginning; `None` only when the asset is damaged.
    pub(super) fn new() -> Option<Tone> {
        let config = adts::Header::parse(TONE).ok()?.config();
        let frames: Vec<_> = adts::frames(TONE)
            .map(|frame| frame.map(|(_, unit)| unit))
            .collect::<Result<_, _>>()
            .ok()?;
        let sample_rate = config.sample_rate;
        (!frames.is_empty()).then(|| Tone { config: config.build(), sample_rate, frames, count: 0 })
    }

    /// The AudioSpecificConfig of the frames.
    pub(super) fn config(&self) -> &[u8] {
        &self.config
    }

    /// Stream time of the next frame, rounded up to the nanosecond so that it gives the same sample
    /// number back.
    pub(super) fn due(&self) -> Duration {
        let samples = u128::from(self.count.saturating_mul(FRAME_SAMPLES));
        let rate = u128::from(self.sample_rate.max(1));
        let nanoseconds = (samples * NANOSECONDS).div_ceil(rate);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> &'static [u8] {
        let place = self.count % self.frames.len().max(1) as u64;
        self.count = self.count.saturating_add(1);
        self.frames.get(place as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_goes_on_without_a_gap() {
        let mut tone = Tone::new().unwrap();
        assert_eq!((tone.sample_rate, tone.frames.len()), (48_000, 375));
        assert_eq!(tone.config(), [0x11, 0x88], "AAC LC, 48 kHz, mono");
        let mut bytes = 0;
        for count in 0..3 * 375u64 {
            let due = tone.due();
            let sample = due.as_nanos() * 48_000 / NANOSECONDS;
            assert_eq!(sample, u128::from(count * FRAME_SAMPLES));
            bytes += tone.next().len();
        }
        assert_eq!(tone.due(), Duration::from_secs(24));
        assert_eq!(bytes, 3 * (TONE.len() - 375 * 7), "all but the ADTS headers, three times");
    }
}
