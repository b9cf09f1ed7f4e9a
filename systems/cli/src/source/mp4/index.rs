//! The sample index of a track: where each sample lies and when it is due.
//!
//! Built from the tables of ISO/IEC 14496-12 8.6 and 8.7 (`stts`, `ctts`, `stsz`, `stsc`, `stco`).
//! The tables are counted out against each other: a table that ends early ends the index.

use mp4_atom::{Stbl, StszSamples};

/// Most samples of a track: 18 hours of 60 pictures a second. A damaged table can claim four
/// thousand million in a few bytes.
pub(super) const MAX_SAMPLES: usize = 4_000_000;
/// Largest sample that is read: far above any picture of H.264 level 6.2.
pub(super) const MAX_SAMPLE: u32 = 32 << 20;

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Where it lies in the file.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) size: u32,
    /// Decoding time in the track's timescale, not yet shifted by the edit list.
    pub(super) dts: i64,
    /// How long it lasts, in the track's timescale.
    pub(super) duration: u32,
    /// Presentation time minus decoding time.
    pub(super) composition: i32,
    /// Decoding can begin here.
    pub(super) sync: bool,
}

/// Why no index can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadTable {
    /// More than [`MAX_SAMPLES`].
    TooManySamples,
    /// A sample of more than [`MAX_SAMPLE`] bytes.
    SampleTooLarge,
    /// Neither `stco` nor `co64` where there are samples.
    NoChunks,
}

impl std::fmt::Display for BadTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadTable::TooManySamples => write!(f, "a track has more than {MAX_SAMPLES} samples"),
            BadTable::SampleTooLarge => {
                write!(f, "a sample is larger than {} MiB", MAX_SAMPLE >> 20)
            }
            BadTable::NoChunks => f.write_str("a track has samples but no chunk offsets"),
        }
    }
}

/// The samples of a track that is not fragmented; only those of sample description 1.
pub(super) fn samples(tables: &Stbl) -> Result<Vec<Sample>, BadTable> {
    let count = match &tables.stsz.samples {
        StszSamples::Identical { count, .. } => *count as usize,
        StszSamples::Different { sizes } => sizes.len(),
    };
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > MAX_SAMPLES {
        return Err(BadTable::TooManySamples);
    }
    let size = |index: usize| match &tables.stsz.samples {
        StszSamples::Identical { size, .. } => Some(*size),
        StszSamples::Different { sizes } => sizes.get(index).copied(),
    };
    let mut times = Times::new(tables);
    let mut sync = SyncTable::new(tables);
    let mut samples = Vec::with_capacity(count.min(1 << 16));
    for chunk in chunks(tables)? {
        let mut offset = chunk.offset;
        for _ in 0..chunk.samples {
            let size = size(samples.len()).filter(|_| samples.len() < count);
            let (Some(size), Some(time)) = (size, times.next()) else { return Ok(samples) };
            if size > MAX_SAMPLE {
                return Err(BadTable::SampleTooLarge);
            }
            let Time { dts, duration, composition } = time;
            let sync = sync.next();
            samples.push(Sample { offset, size, dts, duration, composition, sync });
            offset = offset.saturating_add(u64::from(size));
        }
    }
    Ok(samples)
}

struct Chunk {
    offset: u64,
    samples: u32,
}

/// The chunks in file order of the tables: `stsc` says from which chunk on there are how many
/// samples in each.
fn chunks(tables: &Stbl) -> Result<impl Iterator<Item = Chunk> + '_, BadTable> {
    let narrow = tables.stco.as_ref().map(|table| table.entries.as_slice());
    let wide = tables.co64.as_ref().map(|table| table.entries.as_slice());
    if narrow.is_none() && wide.is_none() {
        return Err(BadTable::NoChunks);
    }
    let offsets =
        wide.unwrap_or_default().iter().copied().chain(
            narrow.filter(|_| wide.is_none()).unwrap_or_default().iter().map(|&at| at.into()),
        );
    let mut runs = tables.stsc.entries.iter().peekable();
    let mut samples = 0;
    Ok((1u32..).zip(offsets).map(move |(number, offset)| {
        while let Some(run) = runs.next_if(|run| run.first_chunk <= number) {
            samples = run.samples_per_chunk;
        }
        Chunk { offset, samples }
    }))
}

struct Time {
    dts: i64,
    duration: u32,
    composition: i32,
}

/// Counts out `stts` and `ctts` sample by sample.
struct Times<'a> {
    durations: std::slice::Iter<'a, mp4_atom::SttsEntry>,
    duration: (u32, u32),
    offsets: std::slice::Iter<'a, mp4_atom::CttsEntry>,
    offset: (u32, i32),
    dts: i64,
}

impl<'a> Times<'a> {
    fn new(tables: &'a Stbl) -> Times<'a> {
        let offsets = tables.ctts.as_ref().map(|table| table.entries.as_slice());
        Times {
            durations: tables.stts.entries.iter(),
            duration: (0, 0),
            offsets: offsets.unwrap_or_default().iter(),
            offset: (0, 0),
            dts: 0,
        }
    }

    fn next(&mut self) -> Option<Time> {
        while self.duration.0 == 0 {
            let entry = self.durations.next()?;
            self.duration = (entry.sample_count, entry.sample_delta);
        }
        while self.offset.0 == 0 {
            // Without (more of) a table the offsets are 0.
            let entry = self.offsets.next();
            self.offset = entry.map_or((u32::MAX, 0), |entry| {
                (entry.sample_count, i32::try_from(entry.sample_offset).unwrap_or(0))
            });
        }
        self.duration.0 -= 1;
        self.offset.0 -= 1;
        let (dts, duration) = (self.dts, self.duration.1);
        self.dts = dts.saturating_add(i64::from(duration));
        Some(Time { dts, duration, composition: self.offset.1 })
    }
}

/// Tells which samples `stss` names; without that table all are sync samples.
struct SyncTable<'a> {
    numbers: Option<std::iter::Peekable<std::slice::Iter<'a, u32>>>,
    number: u32,
}

impl<'a> SyncTable<'a> {
    fn new(tables: &'a Stbl) -> SyncTable<'a> {
        let numbers = tables.stss.as_ref().map(|table| table.entries.iter().peekable());
        SyncTable { numbers, number: 0 }
    }

    /// Whether the next sample is a sync sample.
    fn next(&mut self) -> bool {
        self.number = self.number.saturating_add(1);
        let Some(numbers) = &mut self.numbers else { return true };
        while numbers.next_if(|&&number| number < self.number).is_some() {}
        numbers.next_if(|&&number| number == self.number).is_some()
    }
}
