//! A folder for what the programs of an experiment write.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::id;

use super::error::{Error, doing};

/// What all folders' names begin with.
const PREFIX: &str = "rillcast-omnicast-";
/// A file in each folder that is locked for as long as somebody uses it: the kernel unlocks it when he dies.
const LOCK: &str = "lock";
/// So many folders of one process are tried.
const FOLDERS: u32 = 1_000;

/// A folder that is taken away with what is in it when this is dropped. When this process is killed, the next
/// one that makes a folder takes it away.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked.
    _lock: File,
}

impl Folder {
    pub(super) fn new() -> Result<Folder, Error> {
        Folder::within(&std::env::temp_dir())
    }

    fn within(parent: &Path) -> Result<Folder, Error> {
        sweep(parent);
        for number in 0..FOLDERS {
            let path = parent.join(format!("{PREFIX}{}-{number}", id()));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(doing(format!("make {}", path.display()))(error)),
                Ok(()) => {
                    let file = path.join(LOCK);
                    let lock = File::create_new(&file).and_then(|lock| lock.lock().map(|()| lock));
                    let lock = lock.map_err(doing(format!("lock {}", file.display())))?;
                    return Ok(Folder { path, _lock: lock });
                }
            }
        }
        let said = format!("there are {FOLDERS} folders of this process already");
        Err(doing(format!("make a folder in {}", parent.display()))(std::io::Error::other(said)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies among the temporary files.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Takes away the folders of processes that were killed.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_abandoned(&entry.path()) {
            // What cannot be taken away, as that of another user, stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nobody uses a folder any more. One that has no lock yet is just being made.
fn is_abandoned(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|lock| !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_uses_is_swept() {
        let parent = Folder::new().expect("a folder");
        let used = Folder::within(parent.path()).expect("a folder");
        let path = |name: &str| parent.path().join(name);
        // Killed, not yet locked, and of somebody else.
        fs::create_dir(path("rillcast-omnicast-1-0")).expect("a folder");
        File::create(path("rillcast-omnicast-1-0/lock")).expect("a lock");
        fs::create_dir(path("rillcast-omnicast-1-1")).expect("a folder");
        fs::create_dir(path("other")).expect("a folder");
        let second = Folder::within(parent.path()).expect("a folder");
        assert!(!path("rillcast-omnicast-1-0").exists());
        assert!(path("rillcast-omnicast-1-1").exists() && path("other").exists());
        assert!(used.path().exists() && used.path() != second.path());
        let gone = used.path().to_owned();
        drop(used);
        assert!(!gone.exists() && second.path().exists());
    }
}
