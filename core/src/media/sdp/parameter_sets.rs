//! Parameter sets and codec configuration in format parameters.

use super::{Format, base64};

/// Bounds what a description may make us hold.
const MAX_PARAMETER_SETS: usize = 64;

/// H.265 parameters of the description and the NAL unit type each holds (RFC 7798 §7.1).
const H265_SPROPS: [(&str, u8); 3] = [("sprop-vps", 32), ("sprop-sps", 33), ("sprop-pps", 34)];

impl Format {
    /// The NAL units of the H.264 (`sprop-parameter-sets`, RFC 6184 §8.1) or H.265 (`sprop-vps`,
    /// `-sps`, `-pps`) parameter sets; what is not base64 is left out.
    pub fn parameter_sets(&self) -> Vec<Vec<u8>> {
        let names: &[&str] = if self.is("H265") {
            &["sprop-vps", "sprop-sps", "sprop-pps"]
        } else {
            &["sprop-parameter-sets"]
        };
        names
            .iter()
            .filter_map(|name| self.fmtp.get(name))
            .flat_map(|value| value.split(','))
            .filter_map(|set| base64::decode(set.trim()))
            .filter(|set| !set.is_empty())
            .take(MAX_PARAMETER_SETS)
            .collect()
    }

    /// Puts parameter sets (NAL units without start codes) in the place of those that are there;
    /// for H.264 `profile-level-id` follows the first SPS. Does nothing to other encodings.
    /// Tells whether something changed.
    pub fn set_parameter_sets<S: AsRef<[u8]>>(&mut self, sets: &[S]) -> bool {
        let before = self.fmtp.clone();
        let sets = || sets.iter().map(AsRef::as_ref).filter(|set| !set.is_empty());
        if self.is("H264") {
            // Other NAL units have no place there; SPS (7) and its extension (13) go first.
            let of = |wanted: &'static [u8]| {
                sets().filter(move |set| set.first().is_some_and(|b| wanted.contains(&(b & 0x1f))))
            };
            let text = join(of(&[7, 13, 15]).chain(of(&[8])));
            if !text.is_empty() {
                self.fmtp.set("sprop-parameter-sets", &text);
            }
            if let Some([_, profile, constraints, level, ..]) = of(&[7]).next() {
                let id = format!("{profile:02X}{constraints:02X}{level:02X}");
                self.fmtp.set("profile-level-id", &id);
            }
        } else if self.is("H265") {
            for (name, kind) in H265_SPROPS {
                let text =
                    join(sets().filter(|set| set.first().is_some_and(|b| (b >> 1) & 0x3f == kind)));
                if !text.is_empty() {
                    self.fmtp.set(name, &text);
                }
            }
        }
        self.fmtp != before
    }

    /// The AAC `AudioSpecificConfig` (`config`, in hex; RFC 3640 §4.1). `None` when there is none
    /// or it is not hex.
    pub fn aac_config(&self) -> Option<Vec<u8>> {
        let digits = self.fmtp.get("config")?.trim_matches('"').as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        // An odd last digit stands for the high half of a byte.
        let last = rest.first().map(|&high| [high, b'0']);
        let bytes = pairs.iter().copied().chain(last);
        bytes.map(|[high, low]| Some(hex_digit(high)? << 4 | hex_digit(low)?)).collect()
    }

    /// Writes the AAC configuration.
    pub fn set_aac_config(&mut self, config: &[u8]) {
        let hex: String = config.iter().map(|byte| format!("{byte:02X}")).collect();
        self.fmtp.set("config", &hex);
    }
}

fn join<'a>(sets: impl Iterator<Item = &'a [u8]>) -> String {
    sets.take(MAX_PARAMETER_SETS).map(base64::encode).collect::<Vec<_>>().join(",")
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
