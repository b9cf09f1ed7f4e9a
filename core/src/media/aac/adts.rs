//! ADTS (ISO/IEC 13818-7 6.2, 14496-3 1.A.2.2): AAC as a stream of bytes, each frame behind a header
//! that holds the configuration too.

use super::config::{Config, ConfigError, index_of_rate, rate_of_index};

/// Length of the header that [`Header::write`] makes.
pub const HEADER_LEN: usize = 7;

/// The header of an ADTS frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Audio object type: 1 (Main) to 4 (LTP).
    pub object_type: u8,
    /// Sampling rate in Hz.
    pub sample_rate: u32,
    /// `channel_configuration`, 0 to 7.
    pub channel_configuration: u8,
    /// Length of header and frame together, in bytes.
    pub frame_length: u16,
    /// Length of the header: 7, or 9 with a checksum.
    pub header_length: u8,
    /// Access units in the frame, 1 to 4; nearly always 1.
    pub access_units: u8,
}

/// Why there is no ADTS frame where one was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes end before the header, or before the frame that it announces.
    Truncated,
    /// There is no sync word.
    NoSync,
    /// The header is not that of an AAC frame.
    Config(ConfigError),
    /// A frame of more than 8191 bytes, header included, or of no byte.
    Length(usize),
    /// Several access units in one frame: their sizes are not known.
    SeveralAccessUnits,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Truncated => f.write_str("the ADTS stream is cut off within a frame"),
            Error::NoSync => f.write_str("no ADTS frame here: the sync word FFF is missing"),
            Error::Config(error) => write!(f, "an ADTS header cannot be used: {error}"),
            Error::Length(length) => {
                write!(f, "an ADTS frame cannot be {length} bytes long, header included")
            }
            Error::SeveralAccessUnits => {
                f.write_str("an ADTS frame with several access units cannot be taken apart")
            }
        }
    }
}

impl std::error::Error for Error {}

impl Header {
    /// The header of a frame whose access unit has `length` bytes.
    ///
    /// # Errors
    /// ADTS knows only the object types 1 to 4, the tabled rates and channel configurations 0 to 7,
    /// and lengths of 13 bits.
    pub fn new(config: &Config, length: usize) -> Result<Header, Error> {
        if !(1..=4).contains(&config.object_type) || config.channel_configuration > 7 {
            return Err(Error::Config(ConfigError::ObjectType(config.object_type)));
        }
        let no_rate = Error::Config(ConfigError::SampleRate(config.sample_rate));
        index_of_rate(config.sample_rate).ok_or(no_rate)?;
        let frame = length.saturating_add(HEADER_LEN);
        let frame_length =
            u16::try_from(frame).ok().filter(|&n| n < 1 << 13).ok_or(Error::Length(frame))?;
        Ok(Header {
            object_type: config.object_type,
            sample_rate: config.sample_rate,
            channel_configuration: config.channel_configuration,
            frame_length,
            header_length: HEADER_LEN as u8,
            access_units: 1,
        })
    }

    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    /// There is none, or it is cut off.
    pub fn parse(bytes: &[u8]) -> Result<Header, Error> {
        let &[a, b, c, d, e, f, g, ..] = bytes else { return Err(Error::Truncated) };
        // Layer is 0 always.
        if a != 0xff || b & 0xf6 != 0xf0 {
            return Err(Error::NoSync);
        }
        let index = c >> 2 & 0x0f;
        let sample_rate =
            rate_of_index(index).ok_or(Error::Config(ConfigError::SampleRate(u32::from(index))))?;
        let header_length = if b & 1 == 1 { 7 } else { 9 };
        let frame_length = u16::from(d & 3) << 11 | u16::from(e) << 3 | u16::from(f >> 5);
        if frame_length <= u16::from(header_length) {
            return Err(Error::Length(usize::from(frame_length)));
        }
        Ok(Header {
            object_type: (c >> 6) + 1,
            sample_rate,
            channel_configuration: (c & 1) << 2 | d >> 6,
            frame_length,
            header_length,
            access_units: (g & 3) + 1,
        })
    }

    /// Writes the header, without a checksum.
    pub fn write(&self) -> [u8; HEADER_LEN] {
        let index = index_of_rate(self.sample_rate).unwrap_or(15);
        let channels = self.channel_configuration & 7;
        let length = self.frame_length;
        [
            0xff,
            0xf1,
            (self.object_type.wrapping_sub(1) & 3) << 6 | index << 2 | channels >> 2,
            (channels & 3) << 6 | (length >> 11) as u8 & 3,
            (length >> 3) as u8,
            // The buffer fullness 7ff says "variable bit rate".
            ((length & 7) as u8) << 5 | 0x1f,
            0xfc | self.access_units.wrapping_sub(1) & 3,
        ]
    }

    /// What a decoder has to know, for SDP and MP4.
    pub fn config(&self) -> Config {
        let lc = Config::aac_lc(self.sample_rate, self.channel_configuration);
        Config { object_type: self.object_type, ..lc }
    }
}

/// The frames of an ADTS stream that is there as a whole: each header with its access unit. Ends
/// with the error where the stream cannot be read on.
pub fn frames(stream: &[u8]) -> impl Iterator<Item = Result<(Header, &[u8]), Error>> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let frame = split(rest);
        rest = frame.as_ref().map_or(&[], |&(_, _, rest)| rest);
        Some(frame.map(|(header, unit, _)| (header, unit)))
    })
}

fn split(bytes: &[u8]) -> Result<(Header, &[u8], &[u8]), Error> {
    let header = Header::parse(bytes)?;
    if header.access_units != 1 {
        return Err(Error::SeveralAccessUnits);
    }
    let (frame, rest) =
        bytes.split_at_checked(usize::from(header.frame_length)).ok_or(Error::Truncated)?;
    let unit = frame.get(usize::from(header.header_length)..).ok_or(Error::Truncated)?;
    Ok((header, unit, rest))
}
