//! NAL units of an MP4 sample (ISO/IEC 14496-15 5.2.3): each behind its length.

/// A sample is cut off before the end of the NAL unit it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl std::fmt::Display for Truncated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an H.264 sample is cut off: a NAL unit's length goes over the sample's end")
    }
}

impl std::error::Error for Truncated {}

/// The NAL units of a sample whose lengths have `length_size` bytes (1 to 4: `lengthSizeMinusOne`
/// of the decoder configuration record, plus one). Ends with the error when the sample is cut off.
pub fn nals(sample: &[u8], length_size: usize) -> impl Iterator<Item = Result<&[u8], Truncated>> {
    let length_size = length_size.clamp(1, 4);
    let mut rest = sample;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let nal = split(rest, length_size);
            rest = nal.map_or(&[], |(_, rest)| rest);
            match nal {
                Some((&[], _)) => {}
                Some((nal, _)) => return Some(Ok(nal)),
                None => return Some(Err(Truncated)),
            }
        }
    })
}

fn split(bytes: &[u8], length_size: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_size)?;
    let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_are_read() {
        for size in 1..=4 {
            let mut sample = Vec::new();
            for nal in [&b"one"[..], b"", b"three"] {
                sample.extend_from_slice(&(nal.len() as u32).to_be_bytes()[4 - size..]);
                sample.extend_from_slice(nal);
            }
            let nals: Vec<_> = nals(&sample, size).map(Result::unwrap).collect();
            assert_eq!(nals, [&b"one"[..], b"three"]);
        }
    }

    #[test]
    fn a_length_over_the_end_is_an_error_once() {
        let nals: Vec<_> = nals(&[0, 1, 9, 0, 5, 1], 2).collect();
        assert_eq!(nals, [Ok(&[9u8][..]), Err(Truncated)]);
    }
}
