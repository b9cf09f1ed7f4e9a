//! The `RTP-Info` header (RFC 2326, section 12.33).

use std::fmt;

/// One track's entry: which packet is the first of the range that is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpInfo {
    /// The track's URL. Servers may write it relative to the aggregate URL.
    pub url: String,
    /// Sequence number of the first packet.
    pub sequence: Option<u16>,
    /// RTP timestamp that corresponds to the start of the range.
    pub timestamp: Option<u32>,
}

/// Reads a header value. Entries without a URL and parameters that are no numbers are passed
/// over: players are better off without than with wrong ones.
pub fn parse_rtp_info(value: &str) -> Vec<RtpInfo> {
    let mut entries = Vec::new();
    for entry in split_entries(value).take(super::limits::MAX_TRACKS) {
        let mut info = RtpInfo { url: String::new(), sequence: None, timestamp: None };
        for parameter in entry.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "url" => info.url = value.to_owned(),
                "seq" => info.sequence = value.parse().ok(),
                "rtptime" => info.timestamp = value.parse().ok(),
                _ => {}
            }
        }
        if !info.url.is_empty() {
            entries.push(info);
        }
    }
    entries
}

/// A comma separates entries only where a new `url=` follows: URLs may hold commas themselves.
fn split_entries(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.match_indices(',').map(|(at, _)| at).find(|&at| {
            let next = text.get(at + 1..).unwrap_or_default().trim_start();
            next.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("url="))
        });
        match cut {
            Some(at) => {
                rest = text.get(at + 1..);
                text.get(..at)
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

impl fmt::Display for RtpInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "url={}", self.url)?;
        if let Some(sequence) = self.sequence {
            write!(f, ";seq={sequence}")?;
        }
        if let Some(timestamp) = self.timestamp {
            write!(f, ";rtptime={timestamp}")?;
        }
        Ok(())
    }
}
