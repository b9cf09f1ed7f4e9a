//! Finds the boxes of an MP4 file that describe it, without reading the media data.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use mp4_atom::{Decode, Moof, Moov};

use crate::source::Error;
use crate::source::error::Mp4Reason;

/// Largest `moov` or `moof` box that is read. Eight hours of video and sound need about 30 MiB.
const MAX_BOX: u64 = 256 << 20;
/// Most boxes at the top of a file: a fragmented file has two for every fragment.
const MAX_BOXES: usize = 1 << 20;

/// What the file says of itself.
#[derive(Debug)]
pub(super) struct Boxes {
    pub(super) movie: Moov,
    /// Fragments, each with its offset in the file.
    pub(super) fragments: Vec<(u64, Moof)>,
    /// Bytes in the file.
    pub(super) file_size: u64,
}

/// Where a box lies.
struct Place {
    kind: [u8; 4],
    start: u64,
    body: u64,
    end: u64,
}

/// Reads `moov` and every `moof`.
pub(super) fn read(file: &File, path: &Path) -> Result<Boxes, Error> {
    let open = |error| Error::Open { path: path.to_owned(), error };
    let file_size = file.metadata().map_err(open)?.len();
    let mut movie = None;
    let mut fragments = Vec::new();
    let mut at = 0;
    for count in 0.. {
        let place = match place(file, at, file_size).map_err(open)? {
            Some(place) => place,
            None if count == 0 => return Err(Error::Unknown { path: path.to_owned() }),
            None => break,
        };
        if count == 0 && !is_box_kind(&place.kind) {
            return Err(Error::Unknown { path: path.to_owned() });
        }
        if count > MAX_BOXES {
            return Err(too_large(path, "a number of boxes"));
        }
        match &place.kind {
            b"moov" if movie.is_none() => {
                movie = Some(decode::<Moov>(file, &place, file_size, path)?);
            }
            b"moof" if movie.is_some() => {
                fragments.push((place.start, decode(file, &place, file_size, path)?));
            }
            _ => {}
        }
        at = place.end;
    }
    let movie =
        movie.ok_or_else(|| Error::Mp4 { path: path.to_owned(), reason: Mp4Reason::NoMovie })?;
    Ok(Boxes { movie, fragments, file_size })
}

/// Whether a file may begin with a box of this kind. ISO/IEC 14496-12 wants `ftyp`; QuickTime files
/// do without.
pub(in crate::source) fn is_box_kind(kind: &[u8]) -> bool {
    const KINDS: [&[u8]; 9] =
        [b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"];
    KINDS.contains(&kind)
}

/// The box that begins at `at`; `None` where there is no whole header.
fn place(file: &File, at: u64, file_size: u64) -> std::io::Result<Option<Place>> {
    let mut header = [0; 16];
    let length = file_size.saturating_sub(at).min(16) as usize;
    let Some(read) = header.get_mut(..length) else { return Ok(None) };
    file.read_exact_at(read, at)?;
    let (Some((size, rest)), true) = (header.split_first_chunk::<4>(), length >= 8) else {
        return Ok(None);
    };
    let Some((kind, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let (head, size) = match u32::from_be_bytes(*size) {
        // To the end of the file.
        0 => (8, file_size - at),
        1 if length < 16 => return Ok(None),
        1 => (16, rest.first_chunk().map_or(0, |size| u64::from_be_bytes(*size))),
        size => (8, u64::from(size)),
    };
    if size < head {
        return Ok(None);
    }
    let end = at.saturating_add(size);
    Ok(Some(Place { kind: *kind, start: at, body: at + head, end }))
}

fn decode<T: Decode + mp4_atom::Atom>(
    file: &File,
    place: &Place,
    file_size: u64,
    path: &Path,
) -> Result<T, Error> {
    let name = String::from_utf8_lossy(&place.kind).into_owned();
    if place.end > file_size {
        return Err(Error::damaged(path, format!("it ends within its `{name}` box")));
    }
    let size = place.end - place.body;
    if size > MAX_BOX {
        return Err(too_large(path, "a description (`moov` or `moof` box)"));
    }
    let mut body = vec![0; size as usize];
    file.read_exact_at(&mut body, place.body)
        .map_err(|error| Error::Open { path: path.to_owned(), error })?;
    T::decode_body(&mut body.as_slice())
        .map_err(|error| Error::damaged(path, format!("its `{name}` box: {error}")))
}

fn too_large(path: &Path, what: &'static str) -> Error {
    Error::Mp4 { path: path.to_owned(), reason: Mp4Reason::TooLarge(what) }
}
