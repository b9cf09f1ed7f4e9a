//! The samples of a fragmented MP4 file: `moof` boxes after the `moov` (ISO/IEC 14496-12 8.8).

use mp4_atom::{Moof, Moov, Tfhd, Traf, Trex};

use super::index::{BadTable, MAX_SAMPLE, MAX_SAMPLES, Sample};

/// `sample_is_non_sync_sample` of the sample flags (8.8.3.1).
const NON_SYNC: u32 = 1 << 16;

/// Appends the samples that the fragments have of the track with this id.
pub(super) fn append(
    samples: &mut Vec<Sample>,
    movie: &Moov,
    fragments: &[(u64, Moof)],
    track_id: u32,
) -> Result<(), BadTable> {
    let defaults = movie
        .mvex
        .as_ref()
        .and_then(|extends| extends.trex.iter().find(|trex| trex.track_id == track_id));
    let mut dts =
        samples.last().map_or(0, |last| last.dts.saturating_add(i64::from(last.duration)));
    for (offset, fragment) in fragments {
        // Without a base of its own, a track's data follow those of the track before; ffmpeg and
        // all writers of streaming formats give a base, so the fragment's start stands in for it.
        for traf in fragment.traf.iter().filter(|traf| traf.tfhd.track_id == track_id) {
            append_run(samples, &mut dts, *offset, traf, defaults)?;
        }
    }
    Ok(())
}

fn append_run(
    samples: &mut Vec<Sample>,
    dts: &mut i64,
    fragment: u64,
    traf: &Traf,
    defaults: Option<&Trex>,
) -> Result<(), BadTable> {
    let head = &traf.tfhd;
    if let Some(start) = &traf.tfdt {
        *dts = i64::try_from(start.base_media_decode_time).unwrap_or(i64::MAX);
    }
    let base = head.base_data_offset.unwrap_or(fragment);
    let mut at = base;
    for run in &traf.trun {
        if let Some(offset) = run.data_offset {
            at = base.saturating_add_signed(i64::from(offset));
        }
        if samples.len().saturating_add(run.samples.len()) > MAX_SAMPLES {
            return Err(BadTable::TooManySamples);
        }
        for entry in run.samples.iter() {
            let size = entry.size.unwrap_or_else(|| default_size(head, defaults));
            let duration = entry.duration.unwrap_or_else(|| default_duration(head, defaults));
            if size > MAX_SAMPLE {
                return Err(BadTable::SampleTooLarge);
            }
            let composition = entry.cts.and_then(|cts| i32::try_from(cts).ok()).unwrap_or(0);
            let flags = entry.flags.unwrap_or_else(|| default_flags(head, defaults));
            let sync = flags & NON_SYNC == 0;
            samples.push(Sample { offset: at, size, dts: *dts, duration, composition, sync });
            at = at.saturating_add(u64::from(size));
            *dts = dts.saturating_add(i64::from(duration));
        }
    }
    Ok(())
}

fn default_size(head: &Tfhd, defaults: Option<&Trex>) -> u32 {
    head.default_sample_size.unwrap_or_else(|| defaults.map_or(0, |trex| trex.default_sample_size))
}

fn default_duration(head: &Tfhd, defaults: Option<&Trex>) -> u32 {
    head.default_sample_duration
        .unwrap_or_else(|| defaults.map_or(0, |trex| trex.default_sample_duration))
}

fn default_flags(head: &Tfhd, defaults: Option<&Trex>) -> u32 {
    head.default_sample_flags
        .unwrap_or_else(|| defaults.map_or(0, |trex| trex.default_sample_flags))
}
