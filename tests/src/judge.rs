//! What a player decoded, against what the source holds.

use std::fs;
use std::path::Path;

/// How much of the source a player has to show.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// What is compared, for the text of a failure.
    pub what: &'a str,
    /// At which frames of the source a player may begin; `None`: at any.
    pub keys: Option<&'a [bool]>,
    /// So many frames at the beginning may differ: a decoder that starts in the middle of a stream
    /// needs them to come into step.
    pub warm_up: usize,
    /// So many frames at the end of the source may be missing.
    pub missing_at_end: usize,
    /// So many frames have to be equal at least.
    pub at_least: usize,
}

/// What of the source a player has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The place in the source of the first equal frame.
    pub first: usize,
    /// How many frames from there on are equal, without a gap.
    pub count: usize,
    /// How many frames at the end of the source are missing.
    pub missing_at_end: usize,
}

/// Compares the hashes of the frames a player received with those of the source.
///
/// The player's frames have to be consecutive frames of the source, from a key frame on to the end,
/// within what the rule allows.
///
/// # Errors
/// A text that says where they begin to differ.
pub fn compare(source: &[String], received: &[String], rule: Rule<'_>) -> Result<Shown, String> {
    let Rule { what, .. } = rule;
    let mut best: Option<Shown> = None;
    let mut best_skip = 0;
    for skip in 0..=rule.warm_up {
        let Some(first) = received.get(skip) else { break };
        for start in (0..source.len()).filter(|at| &source[*at] == first) {
            let count =
                source[start..].iter().zip(&received[skip..]).take_while(|(s, r)| s == r).count();
            if best.is_none_or(|b| skip + count > best_skip + b.count) {
                best = Some(Shown {
                    first: start,
                    count,
                    missing_at_end: source.len() - start - count,
                });
                best_skip = skip;
            }
        }
    }
    let Some(shown) = best else {
        return Err(format!(
            "{what}: none of the {} frames received is of the source",
            received.len()
        ));
    };
    let begin = shown.first - best_skip.min(shown.first);
    let next = best_skip + shown.count;
    if let Some(hash) = received.get(next) {
        let at = shown.first + shown.count;
        let place = match source.iter().position(|s| s == hash) {
            Some(other) => format!("is frame {other} of the source"),
            None => "is not of the source at all".to_owned(),
        };
        return Err(format!(
            "{what}: {} of {} frames are equal from frame {} of the source on; then frame {next} should be frame {at} of {} but {place}",
            shown.count,
            received.len(),
            shown.first,
            source.len(),
        ));
    }
    if rule.keys.is_some_and(|keys| !keys.get(begin).is_some_and(|key| *key)) {
        return Err(format!(
            "{what}: begins at frame {begin} of the source, which is no key frame"
        ));
    }
    if shown.count < rule.at_least {
        return Err(format!(
            "{what}: only {} frames, {} expected at least",
            shown.count, rule.at_least
        ));
    }
    if shown.missing_at_end > rule.missing_at_end {
        return Err(format!(
            "{what}: {} frames are missing at the end (of {}), {} may be",
            shown.missing_at_end,
            source.len(),
            rule.missing_at_end
        ));
    }
    Ok(shown)
}

/// The hashes in a file that ffmpeg's `framehash` has written, in order. No file is no frames.
pub fn frame_hashes(file: &Path) -> Vec<String> {
    // `stream, dts, pts, duration, size, hash` and then side data, which is not of the content.
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(',').nth(5)).map(|hash| hash.trim().to_owned()).collect()
}

/// The hashes of `length` digits that GStreamer's `checksumsink`s have written, in order. (Several
/// of them share one output, but MD5 and SHA-1 are told apart by their length.)
pub fn checksums(file: &Path, length: usize) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let hash = |line: &str| {
        let (_time, hash) = line.split_once(' ')?;
        (hash.len() == length && hash.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| hash.to_owned())
    };
    text.lines().filter_map(hash).collect()
}

#[cfg(test)]
mod tests;
