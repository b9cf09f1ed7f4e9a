//! One test's folder and its logs.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder a test writes to: `target/peers/NAME`. Emptied at the start and left in place at the
/// end, so that the logs and recordings of a failed test can be looked at.
#[derive(Debug)]
pub struct Scene {
    dir: PathBuf,
}

impl Scene {
    /// A new, empty folder for the test of that name.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new(name: &str) -> Scene {
        let dir = target_dir().join("peers").join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
        Scene { dir }
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for Scene {
    /// When the test fails, shows what the programs it started have said.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("\nlogs and recordings are in {}", self.dir.display());
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut logs: Vec<PathBuf> = entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|x| x == "log"))
            .collect();
        logs.sort();
        for log in logs {
            let text = tail(&log, 25);
            if !text.is_empty() {
                eprintln!("--- {} (its end)\n{text}", log.display());
            }
        }
    }
}

/// The last `lines` lines of a text file.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

/// Cargo's target folder, found from where the running test lies (`TARGET/PROFILE/deps/test`).
///
/// # Panics
/// When the test does not run from such a place.
pub fn target_dir() -> PathBuf {
    profile_dir().parent().expect("a profile's folder lies in the target folder").to_owned()
}

/// The folder of the profile the tests were built with (`TARGET/debug`).
///
/// # Panics
/// When the test does not run from `TARGET/PROFILE/deps`.
pub fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("the path of the running test");
    exe.parent()
        .and_then(Path::parent)
        .unwrap_or_else(|| panic!("{} is not in TARGET/PROFILE/deps", exe.display()))
        .to_owned()
}
