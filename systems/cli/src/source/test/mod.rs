//! The test source: a picture with a clock, encoded here, and a tone.
//!
//! The picture is drawn when it is due and not before, so that the clock in it, and the one for
//! machines in the stream ([`super::clock`]), tell the time of capture.

mod encoder;
mod font;
mod picture;
mod tone;

use std::time::{Duration, SystemTime};

use super::clock::{self, Stamp};
use super::{Error, Source, Track, Unit};
use encoder::Encoder;
use picture::Picture;
use tone::Tone;

/// What the test source makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TestOptions {
    /// Width and height in pixels: even, 16 to 3840.
    pub(crate) size: (u32, u32),
    /// Pictures a second.
    pub(crate) fps: f64,
    /// Bits a second of the video.
    pub(crate) bitrate: u32,
    /// Time from key frame to key frame.
    pub(crate) gop: Duration,
}

impl Default for TestOptions {
    fn default() -> TestOptions {
        TestOptions {
            size: (1280, 720),
            fps: 30.0,
            bitrate: 2_000_000,
            gop: Duration::from_secs(2),
        }
    }
}

const VIDEO: usize = 0;
const AUDIO: usize = 1;

/// Moving picture and tone.
pub(crate) struct TestSource {
    picture: Picture,
    encoder: Encoder,
    tone: Tone,
    tracks: [Track; 2],
    fps: f64,
    /// Number of the next picture.
    frame: u64,
}

impl TestSource {
    /// A source that makes what the options say.
    ///
    /// # Errors
    /// When the options are out of range or the encoder refuses them.
    pub(crate) fn new(options: &TestOptions) -> Result<TestSource, Error> {
        options.check()?;
        let (width, height) = options.size;
        let mut picture = Picture::new(width as usize, height as usize);
        picture.draw(SystemTime::now(), 0);
        let mut encoder = Encoder::new(options)?;
        let parameter_sets = encoder.parameter_sets(&picture)?;
        let tone = Tone::new().ok_or_else(|| Error::Test("the built-in tone is damaged".into()))?;
        let tracks =
            [Track::H264 { parameter_sets }, Track::Aac { config: tone.config().to_vec() }];
        Ok(TestSource { picture, encoder, tone, tracks, fps: options.fps, frame: 0 })
    }

    fn picture_due(&self) -> Duration {
        Duration::try_from_secs_f64(self.frame as f64 / self.fps).unwrap_or(Duration::MAX)
    }

    fn next_picture(&mut self, unit: &mut Unit, due: Duration) -> Result<(), Error> {
        let stamp = Stamp { captured: SystemTime::now(), frame: self.frame };
        self.picture.draw(stamp.captured, stamp.frame);
        unit.begin(VIDEO, due, due);
        self.encoder.encode(&self.picture, &clock::encode(&stamp), unit)?;
        self.frame += 1;
        Ok(())
    }
}

impl Source for TestSource {
    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn force_key_frame(&mut self) {
        self.encoder.force_key_frame();
    }

    fn due(&self) -> Option<Duration> {
        Some(self.picture_due().min(self.tone.due()))
    }

    fn next(&mut self, unit: &mut Unit) -> Result<bool, Error> {
        let (picture, tone) = (self.picture_due(), self.tone.due());
        if tone < picture {
            unit.begin(AUDIO, tone, tone);
            unit.push(self.tone.next());
        } else {
            self.next_picture(unit, picture)?;
        }
        Ok(true)
    }
}

impl TestOptions {
    fn check(&self) -> Result<(), Error> {
        let (width, height) = self.size;
        let (long, short) = (width.max(height), width.min(height));
        if long > 3_840 || !(16..=2_160).contains(&short) || width % 2 != 0 || height % 2 != 0 {
            return Err(Error::Test(format!(
                "the test picture cannot be {width}x{height}: width and height are even, at least \
                 16, at most 3840x2160"
            )));
        }
        if !(1.0..=240.0).contains(&self.fps) {
            return Err(Error::Test(format!(
                "the test picture cannot have {} pictures a second: 1 to 240",
                self.fps
            )));
        }
        if !(10_000..=100_000_000).contains(&self.bitrate) {
            return Err(Error::Test(format!(
                "the test picture cannot have {} bit/s: 10 kbit/s to 100 Mbit/s",
                self.bitrate
            )));
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(600)).contains(&self.gop) {
            return Err(Error::Test(
                "the time between key frames must be between 1 ms and 600 s".into(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
