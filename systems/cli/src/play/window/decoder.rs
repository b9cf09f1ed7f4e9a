//! From coded pictures to pixels.

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder as OpenH264, DecoderConfig, Flush};
use openh264::formats::YUVSource as _;

/// A picture as the window takes it.
#[derive(Debug, Default)]
pub(super) struct Pixels {
    /// In pixels.
    pub(super) width: usize,
    /// In pixels.
    pub(super) height: usize,
    /// Row by row, each as 0x00RRGGBB.
    pub(super) data: Vec<u32>,
    /// Each as red, green, blue, opacity.
    bytes: Vec<u8>,
}

impl Pixels {
    fn fill(&mut self, picture: &DecodedYUV<'_>) {
        (self.width, self.height) = picture.dimensions();
        self.bytes.resize(self.width * self.height * 4, 0);
        picture.write_rgba8(&mut self.bytes);
        self.data.clear();
        let (pixels, _) = self.bytes.as_chunks::<4>();
        self.data.extend(
            pixels.iter().map(|&[red, green, blue, _]| u32::from_be_bytes([0, red, green, blue])),
        );
    }
}

/// A decoder of H.264 up to High profile.
pub(super) struct Decoder(OpenH264);

impl Decoder {
    /// A decoder that waits for a key frame.
    ///
    /// # Errors
    /// When the library refuses.
    pub(super) fn new() -> Result<Decoder, openh264::Error> {
        // Otherwise pictures with B frames come out of order, and some not at all.
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        OpenH264::with_api_config(OpenH264API::from_source(), config).map(Decoder)
    }

    /// Decodes an access unit (annex B). If a picture is ready, and `pixels` are wanted, these are its.
    /// False: there is none, as for what cannot be decoded.
    pub(super) fn decode(&mut self, unit: &[u8], pixels: Option<&mut Pixels>) -> bool {
        match self.0.decode(unit) {
            Ok(Some(picture)) => {
                if let Some(pixels) = pixels {
                    pixels.fill(&picture);
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::debug!("a picture cannot be decoded: {error}");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::test::TestSource;
    use crate::source::{Source as _, TestOptions, Unit};

    /// The bars of the test picture, from the left.
    const BARS: [u32; 8] =
        [0xbfbfbf, 0xbfbf00, 0x00bfbf, 0x00bf00, 0xbf00bf, 0xbf0000, 0x0000bf, 0x000000];

    fn distance(one: u32, other: u32) -> u32 {
        let parts = one.to_be_bytes().into_iter().zip(other.to_be_bytes());
        parts.map(|(one, other)| u32::from(one.abs_diff(other))).max().unwrap_or(0)
    }

    #[test]
    fn the_test_picture_comes_out_with_its_colours() {
        // A width of no whole macroblocks, nor of whole vectors of the conversion.
        let options = TestOptions { size: (324, 180), ..TestOptions::default() };
        let mut source = TestSource::new(&options).expect("a test source");
        let mut decoder = Decoder::new().expect("a decoder");
        let (mut unit, mut pixels, mut shown) = (Unit::default(), Pixels::default(), 0);
        while shown < 5 {
            source.next(&mut unit).expect("a unit");
            if unit.track != 0 {
                continue;
            }
            let mut bytes = Vec::new();
            for part in unit.parts() {
                bytes.extend_from_slice(&[0, 0, 0, 1]);
                bytes.extend_from_slice(part);
            }
            shown += u32::from(decoder.decode(&bytes, Some(&mut pixels)));
        }
        assert_eq!((pixels.width, pixels.height, pixels.data.len()), (324, 180, 324 * 180));
        for (bar, colour) in BARS.into_iter().enumerate() {
            let seen = pixels.data[10 * pixels.width + bar * pixels.width / 8 + 20];
            assert!(distance(seen, colour) <= 24, "bar {bar}: {seen:06x}, not {colour:06x}");
        }
    }

    #[test]
    fn what_is_no_picture_does_no_harm() {
        let mut decoder = Decoder::new().expect("a decoder");
        for bytes in [&[][..], &[0, 0, 0, 1], &[0, 0, 0, 1, 0x41, 0x9a, 0x21], &[7; 100]] {
            assert!(!decoder.decode(bytes, Some(&mut Pixels::default())));
        }
    }
}
