//! Emulation prevention (H.264 7.4.1): the `03` put after two zero bytes, so that no start code
//! appears within a NAL unit.

/// Takes the emulation prevention bytes out of NAL unit bytes that come in any number of slices.
#[derive(Clone, Debug)]
pub(super) struct Unescape<I> {
    bytes: I,
    zeros: u8,
}

/// The raw payload of a NAL unit, given its bytes *after* the header byte.
pub(super) fn unescape<I: Iterator<Item = u8>>(bytes: I) -> Unescape<I> {
    Unescape { bytes, zeros: 0 }
}

impl<I: Iterator<Item = u8>> Iterator for Unescape<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let mut byte = self.bytes.next()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = self.bytes.next()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }
}

/// Appends raw payload bytes to a NAL unit, with emulation prevention. The last raw byte is that of
/// the trailing bits, so never zero.
pub(super) fn escape(raw: impl IntoIterator<Item = u8>, nal: &mut Vec<u8>) {
    let mut zeros = 0;
    for byte in raw {
        if zeros == 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        nal.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaping_is_undone_and_leaves_no_start_code(mut raw in prop::collection::vec(0u8..5, 0..64)) {
            raw.push(0x80);
            let mut nal = Vec::new();
            escape(raw.iter().copied(), &mut nal);
            prop_assert!(!nal.windows(3).any(|w| w[0] == 0 && w[1] == 0 && w[2] < 3));
            prop_assert_eq!(unescape(nal.into_iter()).collect::<Vec<_>>(), raw);
        }
    }
}
