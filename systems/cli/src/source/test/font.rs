//! A bitmap font of 5 × 7 dots: what the clock in the test picture needs.

/// Dots of a character, without the space between characters.
pub(super) const WIDTH: usize = 5;
/// Dots of a character from top to bottom.
pub(super) const HEIGHT: usize = 7;

/// Whether the dot in this row and column of the character is set; unknown characters are blank.
pub(super) fn dot(character: char, row: usize, column: usize) -> bool {
    let lines = glyph(character);
    let line = lines.get(row).copied().unwrap_or_default();
    column < WIDTH && line >> (WIDTH - 1 - column) & 1 == 1
}

#[rustfmt::skip]
fn glyph(character: char) -> [u8; HEIGHT] {
    match character {
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        ':' => [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000],
        '.' => [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100],
        'A' => [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'C' => [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110],
        'E' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        'F' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000],
        'M' => [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
        'R' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
        'T' => [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        'U' => [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        _ => [0; HEIGHT],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_the_clock_has_a_look_of_its_own() {
        let characters: Vec<char> = "0123456789:.UTCFRAME".chars().collect();
        for (index, &one) in characters.iter().enumerate() {
            assert_ne!(glyph(one), [0; HEIGHT], "{one}");
            for &other in characters.iter().skip(index + 1).filter(|&&other| other != one) {
                assert_ne!(glyph(one), glyph(other), "{one} and {other}");
            }
        }
    }

    #[test]
    fn dots_outside_are_blank() {
        assert!(!dot('8', HEIGHT, 0) && !dot('8', 0, WIDTH) && !dot('?', 3, 3));
    }
}
