//! A PostgreSQL server for tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long PostgreSQL may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is gone at the end of the test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Folder {
        // The tests of a process run at the same time.
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("rillcast-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A PostgreSQL server of this test's own, in a folder.
pub(super) struct Server {
    child: Child,
    folder: Folder,
}

impl Server {
    /// One that answers. `None` where there is no PostgreSQL: it is said that the test is skipped.
    pub(super) fn start() -> Option<Server> {
        let server = Server::try_start();
        if server.is_none() {
            println!("skipped: no PostgreSQL can be started here (Debian's postgresql)");
        }
        server
    }

    fn try_start() -> Option<Server> {
        let initdb = find("initdb")?;
        let postgres = find("postgres")?;
        let folder = Folder::new("postgres");
        let data = folder.0.join("data");
        let run = |program: &Path| {
            // PostgreSQL refuses to run as root.
            let mut command = Command::new("runuser");
            let root = std::fs::metadata("/proc/self")
                .is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
            if root {
                let owner = Command::new("chown").args(["-R", "nobody"]).arg(&folder.0).status();
                owner.unwrap();
                command.args(["-u", "nobody", "--"]).arg(program);
            } else {
                command = Command::new(program);
            }
            command.current_dir(&folder.0).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let made =
            run(&initdb).args(["-A", "trust", "-U", "rill", "--no-sync", "-D"]).arg(&data).status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut server = run(&postgres);
        server.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"]);
        let child = server.arg(&folder.0).spawn().ok()?;
        let server = Server { child, folder };
        let end = Instant::now() + PATIENCE;
        // It says so there, and gives no sign when it does.
        while !server.pid_file().is_some_and(|text| text.contains("ready")) {
            assert!(Instant::now() < end, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    fn pid_file(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.0.join("data/postmaster.pid")).ok()
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://rill@localhost/postgres?host={}", self.folder.0.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = self.pid_file().and_then(|text| text.lines().next().map(str::to_owned)) {
            let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        }
        let _ = self.child.wait();
    }
}

/// A program of PostgreSQL, which Debian keeps out of the path.
fn find(program: &str) -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = debian.chain(std::env::split_paths(&path)).collect::<Vec<_>>();
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}
