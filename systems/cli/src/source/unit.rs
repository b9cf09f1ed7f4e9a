//! One access unit on its way from a source to the engine.

use std::ops::Range;
use std::time::Duration;

/// An access unit: the NAL units of a picture, or one AAC frame.
///
/// It is made once and filled again and again, so that no memory is taken per picture.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    /// Which of the source's tracks it belongs to.
    pub(crate) track: usize,
    /// When it is to be sent and decoded, since the start of the stream.
    pub(crate) dts: Duration,
    /// When it is to be shown: what its RTP timestamp says.
    pub(crate) pts: Duration,
    bytes: Vec<u8>,
    parts: Vec<Range<usize>>,
}

impl Unit {
    /// Begins a new access unit without content.
    pub(crate) fn begin(&mut self, track: usize, dts: Duration, pts: Duration) {
        self.track = track;
        self.dts = dts;
        self.pts = pts;
        self.bytes.clear();
        self.parts.clear();
    }

    /// Appends a NAL unit (without start code), or the AAC frame.
    pub(crate) fn push(&mut self, part: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(part);
        self.parts.push(start..self.bytes.len());
    }

    /// The NAL units in decoding order, or the one AAC frame.
    pub(crate) fn parts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.parts.iter().map(|range| self.bytes.get(range.clone()).unwrap_or_default())
    }

    /// Bytes of content.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}
