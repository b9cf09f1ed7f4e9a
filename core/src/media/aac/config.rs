//! AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): what an AAC decoder has to know before the first
//! access unit. SDP carries it as `config`, MP4 in its `esds` box.

use crate::media::bits::{BitReader, BitWriter};

/// AAC Main.
pub const AAC_MAIN: u8 = 1;
/// AAC Low Complexity: what nearly every stream is.
pub const AAC_LC: u8 = 2;
/// Spectral band replication (HE-AAC), given as an extension of another type.
pub const SBR: u8 = 5;
/// Error resilient AAC Low Delay.
pub const ER_AAC_LD: u8 = 23;
/// Parametric stereo (HE-AAC v2), likewise.
pub const PS: u8 = 29;
/// Error resilient AAC Enhanced Low Delay.
pub const ER_AAC_ELD: u8 = 39;

/// Sampling rates by their index (table 1.18).
const RATES: [u32; 13] =
    [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

const RATE_ESCAPE: u32 = 15;
const SYNC_SBR: u32 = 0x2b7;
const SYNC_PS: u32 = 0x548;

/// What an AudioSpecificConfig says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Audio object type of the core coder, such as [`AAC_LC`].
    pub object_type: u8,
    /// Sampling rate of the core coder, in Hz.
    pub sample_rate: u32,
    /// `channelConfiguration`: 0 when the channels are listed elsewhere. See
    /// [`channels`](Config::channels).
    pub channel_configuration: u8,
    /// Samples per access unit and channel at the core's rate: 1024 or 960, with the low delay
    /// types 512 or 480.
    pub frame_length: u16,
    /// Sampling rate after spectral band replication, when that is signalled: mostly twice the
    /// core's rate.
    pub sbr_rate: Option<u32>,
    /// Parametric stereo is signalled: one channel is coded, two come out.
    pub parametric_stereo: bool,
}

/// Why an AudioSpecificConfig, or an ADTS header, cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// It ends before all fields are there.
    Truncated,
    /// The index or value of the sampling rate means nothing.
    SampleRate(u32),
    /// The object type is not one of AAC's.
    ObjectType(u8),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfigError::Truncated => f.write_str("the AAC configuration is cut off"),
            ConfigError::SampleRate(rate) => {
                write!(
                    f,
                    "the AAC configuration has the sampling rate or rate index {rate}, which does not exist"
                )
            }
            ConfigError::ObjectType(kind) => {
                write!(f, "the AAC configuration has audio object type {kind}, which is not AAC")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// AAC-LC with 1024 samples per access unit.
    pub fn aac_lc(sample_rate: u32, channel_configuration: u8) -> Config {
        Config {
            object_type: AAC_LC,
            sample_rate,
            channel_configuration,
            frame_length: 1024,
            sbr_rate: None,
            parametric_stereo: false,
        }
    }

    /// Reads an AudioSpecificConfig.
    ///
    /// # Errors
    /// It is cut off, or not one of AAC.
    pub fn parse(bytes: &[u8]) -> Result<Config, ConfigError> {
        let mut bits = BitReader::new(bytes.iter().copied());
        let mut object_type = read_object_type(&mut bits).ok_or(ConfigError::Truncated)?;
        let sample_rate = read_rate(&mut bits)?;
        let channel_configuration = bits.bits(4).ok_or(ConfigError::Truncated)? as u8;
        let mut sbr_rate = None;
        let parametric_stereo = object_type == PS;
        // Hierarchical signalling: the extension first, then the core.
        if object_type == SBR || object_type == PS {
            sbr_rate = Some(read_rate(&mut bits)?);
            object_type = read_object_type(&mut bits).ok_or(ConfigError::Truncated)?;
        }
        if !is_aac(object_type) {
            return Err(ConfigError::ObjectType(object_type));
        }
        let short = bits.bit().ok_or(ConfigError::Truncated)?;
        let frame_length = match (object_type, short) {
            (ER_AAC_LD | ER_AAC_ELD, false) => 512,
            (ER_AAC_LD | ER_AAC_ELD, true) => 480,
            (_, false) => 1024,
            (_, true) => 960,
        };
        let mut config = Config {
            object_type,
            sample_rate,
            channel_configuration,
            frame_length,
            sbr_rate,
            parametric_stereo,
        };
        if config.sbr_rate.is_none() {
            // Backward compatible signalling: behind the core, where a reader may not look.
            let _ = config.read_sync_extension(&mut bits);
        }
        Ok(config)
    }

    /// Reads on from behind `frameLengthFlag`. Gives up with `None` where the extension is absent or
    /// where what precedes it is of a kind that is not read (a channel list, scalable layers).
    fn read_sync_extension<I: Iterator<Item = u8>>(
        &mut self,
        bits: &mut BitReader<I>,
    ) -> Option<()> {
        if self.channel_configuration == 0 || !matches!(self.object_type, 1..=4) {
            return None;
        }
        let depends_on_core_coder = bits.bit()?;
        if depends_on_core_coder {
            bits.skip(14)?;
        }
        let _extension_flag = bits.bit()?;
        if bits.bits(11)? != SYNC_SBR || read_object_type(bits)? != SBR || !bits.bit()? {
            return None;
        }
        self.sbr_rate = Some(read_rate(bits).ok()?);
        self.parametric_stereo = bits.bits(11)? == SYNC_PS && bits.bit()?;
        Some(())
    }

    /// Writes the AudioSpecificConfig of a type 1 to 4 with its channel configuration; SBR and PS
    /// are signalled in the backward compatible way.
    pub fn build(&self) -> Vec<u8> {
        let mut bits = BitWriter::default();
        write_object_type(&mut bits, self.object_type);
        write_rate(&mut bits, self.sample_rate);
        bits.bits(4, u32::from(self.channel_configuration));
        bits.bits(1, u32::from(matches!(self.frame_length, 960 | 480)));
        bits.bits(2, 0); // dependsOnCoreCoder, extensionFlag
        if let Some(rate) = self.sbr_rate {
            bits.bits(11, SYNC_SBR);
            write_object_type(&mut bits, SBR);
            bits.bits(1, 1);
            write_rate(&mut bits, rate);
            if self.parametric_stereo {
                bits.bits(11, SYNC_PS);
                bits.bits(1, 1);
            }
        }
        bits.finish()
    }

    /// Number of channels that come out of a decoder; `None` when the configuration lists them
    /// elsewhere.
    pub fn channels(&self) -> Option<u8> {
        match self.channel_configuration {
            1 if self.parametric_stereo => Some(2),
            count @ 1..=6 => Some(count),
            7 | 12 | 14 => Some(8),
            11 => Some(7),
            13 => Some(24),
            _ => None,
        }
    }

    /// How long an access unit lasts, in ticks of an RTP clock of this rate.
    pub fn duration(&self, clock_rate: u32) -> u32 {
        let ticks = u64::from(self.frame_length) * u64::from(clock_rate);
        u32::try_from(ticks / u64::from(self.sample_rate.max(1))).unwrap_or(u32::MAX)
    }
}

/// The types that begin their own configuration with `frameLengthFlag`.
fn is_aac(object_type: u8) -> bool {
    matches!(object_type, 1..=4 | 6 | 7 | 17 | 19..=23 | ER_AAC_ELD)
}

fn read_object_type<I: Iterator<Item = u8>>(bits: &mut BitReader<I>) -> Option<u8> {
    match bits.bits(5)? {
        31 => Some(32 + bits.bits(6)? as u8),
        kind => Some(kind as u8),
    }
}

fn read_rate<I: Iterator<Item = u8>>(bits: &mut BitReader<I>) -> Result<u32, ConfigError> {
    let rate = match bits.bits(4).ok_or(ConfigError::Truncated)? {
        RATE_ESCAPE => bits.bits(24).ok_or(ConfigError::Truncated)?,
        index => return rate_of_index(index as u8).ok_or(ConfigError::SampleRate(index)),
    };
    if rate == 0 { Err(ConfigError::SampleRate(0)) } else { Ok(rate) }
}

fn write_object_type(bits: &mut BitWriter, object_type: u8) {
    match object_type.checked_sub(32) {
        Some(high) => {
            bits.bits(5, 31);
            bits.bits(6, u32::from(high));
        }
        None => bits.bits(5, u32::from(object_type)),
    }
}

fn write_rate(bits: &mut BitWriter, rate: u32) {
    match index_of_rate(rate) {
        Some(index) => bits.bits(4, u32::from(index)),
        None => {
            bits.bits(4, RATE_ESCAPE);
            bits.bits(24, rate);
        }
    }
}

pub(super) fn rate_of_index(index: u8) -> Option<u32> {
    RATES.get(usize::from(index)).copied()
}

pub(super) fn index_of_rate(rate: u32) -> Option<u8> {
    RATES.iter().position(|&known| known == rate).map(|index| index as u8)
}
