//! The test picture: colour bars, the time of day and the number of the picture, a moving band, and
//! snow. The snow is what takes bits: without it the encoder could not spend the bit rate it is
//! given, and the stream would be no test of anything that carries it.

use std::time::{SystemTime, UNIX_EPOCH};

use openh264::formats::YUVSlices;

use super::font;

/// White, yellow, cyan, green, magenta, red, blue, black: the bars of ITU-R BT.471 at 75 %, as Y, Cb
/// and Cr of BT.601 in limited range.
const BARS: [(u8, u8, u8); 8] = [
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
    (16, 128, 128),
];
const BLACK: u8 = 16;
const WHITE: u8 = 235;
const NO_COLOUR: u8 = 128;
/// Characters of the longer line of text.
const COLUMNS: usize = "00:00:00.000".len();

/// A picture in planar YUV 4:2:0 that is drawn over and over.
pub(super) struct Picture {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
    /// Side of a dot of the text in pixels, even, so that text and colour planes agree.
    dot: usize,
}

impl Picture {
    /// A picture of this size, both even.
    pub(super) fn new(width: usize, height: usize) -> Picture {
        let colours = (width / 2) * (height / 2);
        let columns = COLUMNS * (font::WIDTH + 1) + 1;
        let dot = ((width * 2 / 3) / columns).min(height / 2 / (2 * font::HEIGHT + 5)) & !1;
        let mut picture = Picture {
            width,
            height,
            luma: vec![BLACK; width * height],
            blue: vec![NO_COLOUR; colours],
            red: vec![NO_COLOUR; colours],
            dot: dot.max(1),
        };
        picture.draw_bars();
        picture
    }

    /// Draws what changes: the band, the time and the number.
    pub(super) fn draw(&mut self, time: SystemTime, frame: u64) {
        let clock = time_of_day(time);
        let number = format!("UTC  FRAME {frame}");
        self.draw_lines(&clock, &number);
        self.draw_band(frame);
        self.draw_snow(frame);
    }

    /// The planes, as the encoder takes them.
    pub(super) fn planes(&self) -> YUVSlices<'_> {
        let half = self.width / 2;
        YUVSlices::new(
            (&self.luma, &self.blue, &self.red),
            (self.width, self.height),
            (self.width, half, half),
        )
    }

    fn draw_bars(&mut self) {
        let bar = |column: usize, width: usize| {
            BARS.get(column * BARS.len() / width.max(1)).copied().unwrap_or_default()
        };
        for row in self.luma.chunks_exact_mut(self.width) {
            for (column, value) in row.iter_mut().enumerate() {
                *value = bar(column, self.width).0;
            }
        }
        let half = self.width / 2;
        for (blue, red) in self.blue.chunks_exact_mut(half).zip(self.red.chunks_exact_mut(half)) {
            for (column, (blue, red)) in blue.iter_mut().zip(red).enumerate() {
                (_, *blue, *red) = bar(column, half);
            }
        }
    }

    /// A grey ramp along the lower edge that moves by four pixels a picture, so that a stalled
    /// picture is seen at once.
    fn draw_band(&mut self, frame: u64) {
        let top = self.height - self.height / 8;
        let shift = (frame % 256) as usize * 4;
        let ramp = |column: usize| {
            let step = (column + shift) % 440;
            BLACK + step.min(439 - step) as u8
        };
        let row: Vec<u8> = (0..self.width).map(ramp).collect();
        for place in self.luma.chunks_exact_mut(self.width).skip(top) {
            place.copy_from_slice(&row);
        }
        let half = self.width / 2;
        for plane in [&mut self.blue, &mut self.red] {
            plane.get_mut(top / 2 * half..).unwrap_or_default().fill(NO_COLOUR);
        }
    }

    /// Noise above the band, other in every picture.
    fn draw_snow(&mut self, frame: u64) {
        let bottom = self.height - self.height / 8;
        let top = bottom - self.height / 24;
        let (first, last) = (top & !1, bottom & !1);
        let mut noise = frame.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for values in self.luma.chunks_exact_mut(self.width).take(last).skip(first) {
            for eight in values.chunks_mut(8) {
                // Xorshift: quick, and the same picture for the same number.
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                for (value, byte) in eight.iter_mut().zip(noise.to_le_bytes()) {
                    *value = 80 + byte / 4;
                }
            }
        }
        let half = self.width / 2;
        for plane in [&mut self.blue, &mut self.red] {
            let rows = plane.chunks_exact_mut(half).take(last / 2).skip(first / 2);
            rows.for_each(|row| row.fill(NO_COLOUR));
        }
    }

    /// Two lines of text on black in the middle: the first large, the second half as large.
    fn draw_lines(&mut self, first: &str, second: &str) {
        let dot = self.dot;
        let small = (dot / 2).max(1);
        let line = |text: &str, dot: usize| (text.chars().count() * (font::WIDTH + 1) + 1) * dot;
        let width = line(first, dot).max(line(second, small)).min(self.width) & !1;
        let height = ((font::HEIGHT + 2) * dot + (font::HEIGHT + 2) * small).min(self.height) & !1;
        let left = ((self.width - width) / 2) & !1;
        let top = ((self.height - height) / 2) & !1;
        self.blacken(left, top, width, height);
        self.text(first, left + dot, top + dot, dot);
        self.text(second, left + dot, top + (font::HEIGHT + 2) * dot, small);
    }

    fn blacken(&mut self, left: usize, top: usize, width: usize, height: usize) {
        fill(&mut self.luma, self.width, (left, top, width, height), BLACK);
        let half = (left / 2, top / 2, width / 2, height / 2);
        fill(&mut self.blue, self.width / 2, half, NO_COLOUR);
        fill(&mut self.red, self.width / 2, half, NO_COLOUR);
    }

    fn text(&mut self, text: &str, left: usize, top: usize, dot: usize) {
        for (place, character) in text.chars().enumerate() {
            let left = left + place * (font::WIDTH + 1) * dot;
            for row in 0..font::HEIGHT {
                for column in 0..font::WIDTH {
                    if font::dot(character, row, column) {
                        let place = (left + column * dot, top + row * dot, dot, dot);
                        fill(&mut self.luma, self.width, place, WHITE);
                    }
                }
            }
        }
    }
}

/// Fills a rectangle (left, top, width, height) of a plane; what lies outside is left out.
fn fill(plane: &mut [u8], stride: usize, place: (usize, usize, usize, usize), value: u8) {
    let (left, top, width, height) = place;
    let right = left.saturating_add(width).min(stride);
    for row in plane.chunks_exact_mut(stride.max(1)).skip(top).take(height) {
        row.get_mut(left..right).unwrap_or_default().fill(value);
    }
}

/// `HH:MM:SS.mmm` in UTC.
fn time_of_day(time: SystemTime) -> String {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_epoch.as_secs();
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since_epoch.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_of_day_is_utc_to_the_millisecond() {
        let at = |milliseconds| time_of_day(UNIX_EPOCH + Duration::from_millis(milliseconds));
        assert_eq!(at(0), "00:00:00.000");
        assert_eq!(at(86_400_000 * 20_000 + 45_296_789), "12:34:56.789");
    }

    /// The text can be read back dot by dot where it was drawn.
    #[test]
    fn the_clock_is_drawn_with_the_font() {
        let mut picture = Picture::new(1280, 720);
        picture.draw(UNIX_EPOCH + Duration::from_millis(45_296_789), 7);
        let dot = picture.dot;
        assert!(dot >= 8, "legible: {dot} pixels a dot");
        let columns = COLUMNS * (font::WIDTH + 1) + 1;
        let left = (((1280 - columns * dot) / 2) & !1) + dot;
        let box_height = ((font::HEIGHT + 2) * (dot + dot / 2)) & !1;
        let top = (((720 - box_height) / 2) & !1) + dot;
        for (place, character) in "12:34:56.789".chars().enumerate() {
            for row in 0..font::HEIGHT {
                for column in 0..font::WIDTH {
                    let x = left + (place * (font::WIDTH + 1) + column) * dot + dot / 2;
                    let y = top + row * dot + dot / 2;
                    let expected = if font::dot(character, row, column) { WHITE } else { BLACK };
                    assert_eq!(picture.luma[y * 1280 + x], expected, "{character} {row} {column}");
                }
            }
        }
    }

    #[test]
    fn consecutive_pictures_differ_and_any_size_can_be_drawn() {
        for (width, height) in [(16, 16), (64, 48), (176, 144), (1920, 1080), (480, 848)] {
            let mut picture = Picture::new(width, height);
            picture.draw(UNIX_EPOCH, 0);
            let first = picture.luma.clone();
            picture.draw(UNIX_EPOCH, u64::MAX);
            assert_ne!(first, picture.luma, "{width}x{height}");
        }
    }
}
