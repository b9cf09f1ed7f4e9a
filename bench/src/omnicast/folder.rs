//! A folder for what the programs of an experiment write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::{Error, doing};

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder that is taken away with what is in it when this is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Folder, Error> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rillcast-omnicast-{}-{number}", id()));
        fs::create_dir_all(&path).map_err(doing(format!("make {}", path.display())))?;
        Ok(Folder(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies among the temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
