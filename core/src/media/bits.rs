//! Reading and writing single bits, most significant first, as MPEG writes them.

/// Reads bits from any sequence of bytes; every method gives `None` at the end of the bytes.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<I> {
    bytes: I,
    current: u8,
    left: u8,
}

impl<I: Iterator<Item = u8>> BitReader<I> {
    pub(crate) fn new(bytes: I) -> BitReader<I> {
        BitReader { bytes, current: 0, left: 0 }
    }

    /// u(1)
    pub(crate) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.bytes.next()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// u(n), n at most 32
    pub(crate) fn bits(&mut self, n: u32) -> Option<u32> {
        debug_assert!(n <= 32);
        let mut value = 0u32;
        for _ in 0..n {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// Passes over n bits.
    pub(crate) fn skip(&mut self, n: u32) -> Option<()> {
        (0..n).try_for_each(|_| self.bit().map(drop))
    }

    /// ue(v): unsigned Exp-Golomb code (H.264 9.1); `None` also for codes over 32 bits.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        // Of 2^zeros - 1 + the next bits: at most 2^32 - 2, so this cannot overflow.
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// se(v): signed Exp-Golomb code (H.264 9.1.1).
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let magnitude = (code / 2 + code % 2) as i32;
        Some(if code % 2 == 1 { magnitude } else { -magnitude })
    }
}

/// Writes bits into a vector; the last byte is filled up with zeros.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    used: u8,
}

impl BitWriter {
    pub(crate) fn bits(&mut self, n: u32, value: u32) {
        for i in (0..n).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> i & 1) as u8) << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_of_the_standards_table() {
        // 1 010 011 00100 00101 -> 0 1 2 3 4 (H.264 table 9-2)
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut r = BitReader::new(bytes.into_iter());
        assert_eq!((0..5).map(|_| r.ue().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let mut r = BitReader::new(bytes.into_iter());
        assert_eq!((0..5).map(|_| r.se().unwrap()).collect::<Vec<_>>(), [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_longest_code_fits_and_a_longer_one_is_refused() {
        let longest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(BitReader::new(longest.into_iter()).ue(), Some(u32::MAX - 1));
        assert_eq!(BitReader::new([0u8; 9].into_iter()).ue(), None);
        assert_eq!(BitReader::new([0u8; 1].into_iter()).ue(), None);
    }

    #[test]
    fn written_bits_are_read_again() {
        let mut w = BitWriter::default();
        w.bits(5, 2);
        w.bits(4, 9);
        w.bits(24, 0xabcdef);
        let bytes = w.finish();
        let mut r = BitReader::new(bytes.into_iter());
        assert_eq!((r.bits(5), r.bits(4), r.bits(24)), (Some(2), Some(9), Some(0xabcdef)));
    }
}
