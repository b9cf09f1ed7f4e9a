//! What the fuzz targets of the program call (see `fuzz/`). Not there in an ordinary build.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;

use crate::config;
use crate::source::{self, Source as _, Unit};

/// Access units taken from one file at most.
const UNITS: usize = 2_000;

/// Reads an MP4 file as `rillcast publish` does.
///
/// # Panics
/// When there is no place for temporary files.
pub fn mp4(bytes: &[u8]) {
    thread_local! {
        static FILE: File = temporary().expect("a temporary file");
    }
    FILE.with(|file| {
        let mut file = file;
        file.set_len(0).expect("an empty file");
        file.rewind().expect("the front of it");
        file.write_all(bytes).expect("a full one");
        let file = file.try_clone().expect("a second handle");
        let Ok(mut source) = source::mp4(file, Path::new("fuzzed.mp4")) else { return };
        let mut unit = Unit::default();
        for _ in 0..UNITS {
            let _ = source.due();
            if !matches!(source.next(&mut unit), Ok(true)) {
                break;
            }
        }
    });
}

/// A file without a name, in memory where there is a file system for that.
fn temporary() -> std::io::Result<File> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let path = folder.join(format!("rillcast-fuzz-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Reads a configuration file; what was understood is printed, and has to be understood again.
///
/// # Panics
/// When it is not.
pub fn config(text: &str) {
    if let Ok(options) = config::parse(text) {
        let printed = config::print(&options);
        let again = config::parse(&printed);
        assert!(again.as_ref() == Ok(&options), "{printed}\n{again:?}");
    }
}
