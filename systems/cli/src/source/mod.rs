//! Where pictures and sound come from: the test picture, a file, standard input.
//!
//! Every source is a [`Source`]: it says what tracks it has, when its next access unit is due, and
//! hands access units over in decoding order, each with its decoding and its presentation time.
//! Nothing here knows RTP or a socket; the [`pacer`] keeps the time.

pub(crate) mod clock;
mod error;
#[cfg(test)]
mod fixtures;
mod mp4;
mod order;
pub(crate) mod pacer;
mod raw;
pub(crate) mod session;
pub(crate) mod test;
mod unit;

use std::path::Path;
use std::time::Duration;

pub(crate) use error::Error;
pub(crate) use test::TestOptions;
pub(crate) use unit::Unit;

/// One track of a source, in the order of `Unit::track`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    /// H.264, with the parameter sets (NAL units) that begin it.
    H264 { parameter_sets: Vec<Vec<u8>> },
    /// AAC, with its AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).
    Aac { config: Vec<u8> },
}

/// Something that gives access units.
pub(crate) trait Source: Send {
    /// The tracks, known from the start.
    fn tracks(&self) -> &[Track];

    /// What the input has besides [`tracks`](Source::tracks) and cannot be sent, as words for people.
    fn left_out(&self) -> &[String] {
        &[]
    }

    /// Makes the next picture a key frame, where pictures are coded here.
    fn force_key_frame(&mut self) {}

    /// Stream time at which the next access unit is to be made and sent; `None` when it is sent as
    /// soon as it is there (live input), or when there is none.
    fn due(&self) -> Option<Duration>;

    /// Puts the next access unit into `unit`; false at the end.
    ///
    /// # Errors
    /// When the input cannot be read or is damaged beyond going on.
    fn next(&mut self, unit: &mut Unit) -> Result<bool, Error>;
}

/// What to open and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Begin again at the end, with times that go on.
    pub(crate) repeat: bool,
    /// Pictures a second of raw H.264; `None`: what the stream says, else 25.
    pub(crate) fps: Option<f64>,
    /// What the test source makes.
    pub(crate) test: TestOptions,
}

/// Opens what the user named: `test`, `-`, or a file, told by its content.
///
/// # Errors
/// When there is no such file, or it holds nothing that can be published.
pub(crate) fn open(name: &str, options: &Options) -> Result<Box<dyn Source>, Error> {
    match name {
        "test" => Ok(Box::new(test::TestSource::new(&options.test)?)),
        "-" => Ok(Box::new(raw::live(Box::new(std::io::stdin()), options.fps)?)),
        path => open_file(Path::new(path), options),
    }
}

/// The reader of MP4 files, for the fuzz target.
///
/// # Errors
/// When it is no MP4 file, is damaged, or has no H.264 track.
#[cfg(fuzzing)]
pub(crate) fn mp4(file: std::fs::File, path: &Path) -> Result<impl Source, Error> {
    mp4::Mp4Source::new(file, path, false)
}

fn open_file(path: &Path, options: &Options) -> Result<Box<dyn Source>, Error> {
    let opening = |error| Error::Open { path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(opening)?;
    if file.metadata().map_err(opening)?.is_dir() {
        return Err(opening(std::io::ErrorKind::IsADirectory.into()));
    }
    if raw::is_byte_stream(&file).map_err(opening)? {
        return Ok(Box::new(raw::file(file, options.fps, options.repeat)?));
    }
    Ok(Box::new(mp4::Mp4Source::new(file, path, options.repeat)?))
}
