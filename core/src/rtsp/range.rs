//! The `Range` header (RFC 2326, sections 3.6, 3.7 and 12.29).

use std::fmt;
use std::time::Duration;

/// A point of normal play time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NptTime {
    /// The live edge.
    Now,
    /// So far from the start of the presentation.
    At(Duration),
}

/// A range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Normal play time. Never both `None`.
    Npt {
        /// Where to begin; `None`: unsaid (`npt=-20`: the last 20 s).
        start: Option<NptTime>,
        /// Where to end; `None`: open.
        end: Option<NptTime>,
    },
    /// `clock=` or `smpte…=`, kept as written.
    Other(String),
}

impl Range {
    /// `npt=now-`: what a live stream is played from.
    pub const NOW: Range = Range::Npt { start: Some(NptTime::Now), end: None };

    /// `npt=START-`.
    pub fn from_start(start: Duration) -> Range {
        Range::Npt { start: Some(NptTime::At(start)), end: None }
    }

    /// Reads the value of a header. A `time` parameter behind it is passed over.
    /// `None`: it is no range (a server answers 457).
    pub fn parse(value: &str) -> Option<Range> {
        let range = value.split(';').next()?.trim();
        let (unit, limits) = range.split_once('=')?;
        let (unit, limits) = (unit.trim().to_ascii_lowercase(), limits.trim());
        if unit == "clock" || unit.starts_with("smpte") {
            return limits.contains('-').then(|| Range::Other(range.to_owned()));
        }
        if unit != "npt" {
            return None;
        }
        let (start, end) = limits.split_once('-')?;
        let point = |text: &str| match text.trim() {
            "" => Some(None),
            text => parse_npt(text).map(Some),
        };
        let (start, end) = (point(start)?, point(end)?);
        if start.is_none() && end.is_none() {
            return None;
        }
        if let (Some(NptTime::At(start)), Some(NptTime::At(end))) = (start, end)
            && end < start
        {
            return None; // backwards play is not offered
        }
        Some(Range::Npt { start, end })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Npt { start, end } => {
                f.write_str("npt=")?;
                write_npt(f, *start)?;
                f.write_str("-")?;
                write_npt(f, *end)
            }
            Range::Other(text) => f.write_str(text),
        }
    }
}

fn write_npt(f: &mut fmt::Formatter<'_>, time: Option<NptTime>) -> fmt::Result {
    match time {
        None => Ok(()),
        Some(NptTime::Now) => f.write_str("now"),
        Some(NptTime::At(t)) => write!(f, "{}.{:03}", t.as_secs(), t.subsec_millis()),
    }
}

/// `now`, seconds or hours:minutes:seconds, each with an optional fraction.
fn parse_npt(text: &str) -> Option<NptTime> {
    if text.eq_ignore_ascii_case("now") {
        return Some(NptTime::Now);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds = 0u64;
    let mut parts = 0;
    for part in whole.split(':') {
        let number = super::parse::decimal(part.as_bytes())?;
        seconds = seconds.checked_mul(60)?.checked_add(number)?;
        parts += 1;
        if parts > 1 && number > 59 {
            return None;
        }
    }
    if parts != 1 && parts != 3 {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0u32, |n, digit| n * 10 + u32::from(digit - b'0'));
    Some(NptTime::At(Duration::new(seconds, nanos)))
}
