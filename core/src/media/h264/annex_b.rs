//! The byte stream format (H.264 annex B): a start code before every NAL unit.

use super::boundary::Boundary;
use super::nal;
use std::ops::Range;

/// Longest NAL unit and longest access unit taken from a byte stream, in bytes.
pub const MAX_ACCESS_UNIT: usize = 16 << 20;
/// Most NAL units in an access unit taken from a byte stream.
pub const MAX_NALS: usize = 4096;

/// Why a byte stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No start code at the beginning: not a byte stream.
    NoStartCode,
    /// A NAL unit or access unit of more than [`MAX_ACCESS_UNIT`] bytes or [`MAX_NALS`] NAL units.
    TooLarge,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::NoStartCode => f.write_str(
                "not an H.264 byte stream (annex B): it does not begin with a start code 00 00 01",
            ),
            Error::TooLarge => write!(
                f,
                "the H.264 byte stream has an access unit of more than {} MiB or {MAX_NALS} NAL \
                 units",
                MAX_ACCESS_UNIT >> 20
            ),
        }
    }
}

impl std::error::Error for Error {}

/// The NAL units of bytes that are there as a whole: of an encoder's output, of a file. Start codes
/// of 3 and 4 bytes and zeros behind NAL units are taken off; bytes before the first start code
/// are passed over.
pub fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = start_code(stream, 0).map(|at| at + 3);
    std::iter::from_fn(move || {
        loop {
            let start = next?;
            let code = start_code(stream, start);
            next = code.map(|at| at + 3);
            let nal = stream.get(start..code.unwrap_or(stream.len())).map(trim_zeros)?;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    })
}

/// Where the next `00 00 01` begins, at or after `from`.
fn start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    let mut at = 2;
    // Looks at every third byte as long as it is none of a start code's.
    while let Some(&byte) = tail.get(at) {
        match byte {
            1 if tail.get(at - 2..at) == Some(&[0, 0]) => return Some(from + at - 2),
            0 => at += 1,
            _ => at += 3,
        }
    }
    None
}

fn trim_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    nal.get(..end).unwrap_or_default()
}

/// One access unit of a byte stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units {
    bytes: Vec<u8>,
    nals: Vec<Range<usize>>,
}

impl Units {
    /// Its NAL units in decoding order, without start codes.
    pub fn nals(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.nals.iter().map(|range| self.bytes.get(range.clone()).unwrap_or_default())
    }

    fn push(&mut self, nal: &[u8]) -> Result<(), Error> {
        if self.nals.len() >= MAX_NALS || self.bytes.len() + nal.len() > MAX_ACCESS_UNIT {
            return Err(Error::TooLarge);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(nal);
        self.nals.push(start..self.bytes.len());
        Ok(())
    }
}

/// Cuts a byte stream that comes in pieces into access units.
///
/// Call [`push`](Splitter::push) with what was read, [`pop`](Splitter::pop) until it gives `None`,
/// and at the end of the stream [`finish`](Splitter::finish) and `pop` again. That an access unit is
/// over shows only when the next begins, so it comes out one picture later.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Where the NAL unit begins that is being collected: after its start code.
    start: Option<usize>,
    /// No start code begins before this, except the one before `start`.
    scanned: usize,
    finished: bool,
    boundary: Boundary,
    units: Units,
    /// A prefix NAL unit that waits for its slice.
    prefix: Vec<u8>,
}

impl Splitter {
    /// A splitter at the beginning of a stream.
    pub fn new() -> Splitter {
        Splitter::default()
    }

    /// Appends bytes of the stream, cut anywhere. They are kept until [`pop`](Splitter::pop) has taken
    /// them, so a long stream is to be pushed in pieces.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes will come: what is left is a NAL unit and an access unit.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next access unit; `None` when it is not whole yet.
    ///
    /// # Errors
    /// The stream is not a byte stream or goes over the limits; it cannot be read on.
    pub fn pop(&mut self) -> Result<Option<Units>, Error> {
        while let Some(nal) = self.next_nal()? {
            let nal = self.buffer.get(nal).map(trim_zeros).unwrap_or_default();
            let Some(&header) = nal.first() else { continue };
            if nal::unit_type(header) == nal::PREFIX {
                self.prefix = nal.to_vec();
                continue;
            }
            let complete =
                self.boundary.begins_access_unit(nal).then(|| std::mem::take(&mut self.units));
            if !self.prefix.is_empty() {
                self.units.push(&std::mem::take(&mut self.prefix))?;
            }
            self.units.push(nal)?;
            if complete.is_some() {
                return Ok(complete);
            }
        }
        let last = self.finished && !self.units.nals.is_empty();
        Ok(last.then(|| std::mem::take(&mut self.units)))
    }

    /// The parameter sets seen so far.
    pub fn parameter_sets(&self) -> &super::ParameterSets {
        self.boundary.parameter_sets()
    }

    /// Where in the buffer the next whole NAL unit lies.
    fn next_nal(&mut self) -> Result<Option<Range<usize>>, Error> {
        loop {
            if self.finished && self.start.is_none() && self.scanned == self.buffer.len() {
                return Ok(None);
            }
            let code = start_code(&self.buffer, self.scanned);
            let (end, next) = match code {
                Some(at) => (at, Some(at + 3)),
                None if self.finished => (self.buffer.len(), None),
                None => {
                    // A start code may begin within the last two bytes.
                    self.scanned = self.buffer.len().saturating_sub(2).max(self.scanned);
                    return self.compact().map(|()| None);
                }
            };
            self.scanned = next.unwrap_or(end);
            match std::mem::replace(&mut self.start, next) {
                Some(start) => return Ok(Some(start..end)),
                None if self.buffer.iter().take(end).any(|&byte| byte != 0) => {
                    return Err(Error::NoStartCode);
                }
                None if code.is_none() => return Ok(None),
                None => {}
            }
        }
    }

    /// Drops what lies before the NAL unit that is being collected.
    fn compact(&mut self) -> Result<(), Error> {
        match self.start {
            Some(start) => {
                self.buffer.drain(..start);
                self.scanned -= start;
                self.start = Some(0);
                if self.buffer.len() > MAX_ACCESS_UNIT { Err(Error::TooLarge) } else { Ok(()) }
            }
            // Zeros may stand before the first start code, and nothing else.
            None if self.buffer.iter().any(|&byte| byte > 1) || self.buffer.len() > 1 << 16 => {
                Err(Error::NoStartCode)
            }
            None => Ok(()),
        }
    }
}
