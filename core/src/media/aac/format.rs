//! How a stream uses RFC 3640: the parameters of its `a=fmtp` line (4.1).

use super::config::{Config, ConfigError};

/// Lengths of the fields before the access units, and what is constant about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// `sizeLength`: bits of AU-size.
    pub size_length: u32,
    /// `indexLength`: bits of AU-Index.
    pub index_length: u32,
    /// `indexDeltaLength`: bits of AU-Index-delta.
    pub index_delta_length: u32,
    /// `CTSDeltaLength`: bits of CTS-delta; 0 when there is neither it nor its flag.
    pub cts_delta_length: u32,
    /// `DTSDeltaLength`, likewise.
    pub dts_delta_length: u32,
    /// `randomAccessIndication`: there is a RAP-flag.
    pub random_access_indication: bool,
    /// `streamStateIndication`: bits of Stream-state.
    pub stream_state_length: u32,
    /// `auxiliaryDataSizeLength`: bits of the auxiliary section's size; 0 when there is no section.
    pub auxiliary_size_length: u32,
    /// `constantSize`: bytes of each access unit, when not told by AU-size.
    pub constant_size: Option<u32>,
    /// `constantDuration`: ticks that each access unit lasts.
    pub constant_duration: Option<u32>,
    /// `maxDisplacement`: how far, in ticks, an access unit may come before its turn.
    pub max_displacement: Option<u32>,
    /// `config`.
    pub config: Option<Config>,
}

/// Why a stream's parameters cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// `mode` names a use of RFC 3640 that is not for AAC.
    Mode(String),
    /// A parameter is not a number, or greater than it can be.
    Number {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// `config` is not hexadecimal.
    NotHex(String),
    /// `config` cannot be read.
    Config(ConfigError),
    /// Both `sizeLength` and `constantSize` (RFC 3640 4.1 forbids it).
    TwoSizes,
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FormatError::Mode(mode) => write!(
                f,
                "fmtp mode={mode} is not one for AAC: AAC-hbr, AAC-lbr or generic are (RFC 3640)"
            ),
            FormatError::Number { name, value } => {
                write!(f, "fmtp {name}={value} is not a number that this parameter can have")
            }
            FormatError::NotHex(value) => write!(f, "fmtp config={value} is not hexadecimal"),
            FormatError::Config(error) => write!(f, "fmtp config cannot be used: {error}"),
            FormatError::TwoSizes => {
                f.write_str("fmtp has both sizeLength and constantSize, which exclude each other")
            }
        }
    }
}

impl std::error::Error for FormatError {}

impl Format {
    /// AAC-hbr (3.3.6): frames of up to 8191 bytes; what nearly every sender uses.
    pub fn high_bit_rate() -> Format {
        Format { size_length: 13, index_length: 3, index_delta_length: 3, ..Format::default() }
    }

    /// AAC-lbr (3.3.5): frames of up to 63 bytes.
    pub fn low_bit_rate() -> Format {
        Format { size_length: 6, index_length: 2, index_delta_length: 2, ..Format::default() }
    }

    /// Reads the parameters of a `mpeg4-generic` fmtp line: names and values. Names are taken in
    /// any case, unknown ones are passed over.
    ///
    /// # Errors
    /// The stream is not AAC or its parameters make no sense.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<Format, FormatError> {
        let mode = parameters.clone().into_iter().find(|(name, _)| is(name, "mode"));
        let mut format = match mode.map(|(_, mode)| mode.trim()) {
            // The lengths have to be there, but some senders rely on the mode.
            Some(mode) if is(mode, "AAC-hbr") => Format::high_bit_rate(),
            Some(mode) if is(mode, "AAC-lbr") => Format::low_bit_rate(),
            Some(mode) if !is(mode, "generic") => return Err(FormatError::Mode(mode.to_owned())),
            Some(_) | None => Format::default(),
        };
        let mut size_given = false;
        for (name, value) in parameters {
            let (name, value) = (name.trim(), value.trim());
            let number = |max: u32| {
                value.parse().ok().filter(|&n| n <= max).ok_or_else(|| FormatError::Number {
                    name: name.to_owned(),
                    value: value.to_owned(),
                })
            };
            match name.to_ascii_lowercase().as_str() {
                "sizelength" => {
                    format.size_length = number(32)?;
                    size_given = format.size_length > 0;
                }
                "indexlength" => format.index_length = number(32)?,
                "indexdeltalength" => format.index_delta_length = number(32)?,
                "ctsdeltalength" => format.cts_delta_length = number(32)?,
                "dtsdeltalength" => format.dts_delta_length = number(32)?,
                "randomaccessindication" => format.random_access_indication = number(1)? == 1,
                "streamstateindication" => format.stream_state_length = number(32)?,
                "auxiliarydatasizelength" => format.auxiliary_size_length = number(32)?,
                "constantsize" => format.constant_size = Some(number(1 << 20)?).filter(|&n| n > 0),
                "constantduration" => {
                    format.constant_duration = Some(number(u32::MAX)?).filter(|&n| n > 0);
                }
                "maxdisplacement" => {
                    format.max_displacement = Some(number(u32::MAX)?).filter(|&n| n > 0);
                }
                "config" => format.config = parse_config(value)?,
                _ => {}
            }
        }
        if format.constant_size.is_some() {
            if size_given {
                return Err(FormatError::TwoSizes);
            }
            format.size_length = 0;
        }
        Ok(format)
    }

    /// Whether there is an AU Header Section (3.2.1).
    pub(super) fn has_headers(&self) -> bool {
        self.size_length
            + self.index_length
            + self.index_delta_length
            + self.cts_delta_length
            + self.dts_delta_length
            + self.stream_state_length
            > 0
            || self.random_access_indication
    }

    /// How long an access unit lasts, in ticks of the RTP clock, as far as the parameters tell:
    /// otherwise the 1024 samples of AAC at a clock of the sampling rate.
    pub fn duration(&self, clock_rate: u32) -> u32 {
        self.constant_duration
            .or_else(|| Some(self.config.as_ref()?.duration(clock_rate)))
            .unwrap_or(1024)
    }
}

fn is(name: &str, wanted: &str) -> bool {
    name.trim().eq_ignore_ascii_case(wanted)
}

/// `config` in hexadecimal; quotes around it are allowed, and it may be empty.
fn parse_config(value: &str) -> Result<Option<Config>, FormatError> {
    let digits = value.trim_matches('"');
    if digits.is_empty() {
        return Ok(None);
    }
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        (pair.len() == 2).then(|| u8::from_str_radix(text, 16).ok())?
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    let bytes = bytes.ok_or_else(|| FormatError::NotHex(value.to_owned()))?;
    Config::parse(&bytes).map(Some).map_err(FormatError::Config)
}
