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
    postgres: PathBuf,
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
        if is_root() {
            let owner = Command::new("chown").args(["-R", "nobody"]).arg(&folder.0).status();
            owner.unwrap();
        }
        let made = unprivileged(&initdb, &folder.0)
            .args(["-A", "trust", "-U", "rill", "--locale=C", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data)
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        let child = run(&postgres, &folder.0).ok()?;
        let server = Server { child, folder, postgres };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        // It says so there, and gives no sign when it does.
        while !self.pid_file().is_some_and(|text| text.contains("ready")) {
            assert!(Instant::now() < end, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once; what was written stays.
    pub(super) fn stop(&mut self) {
        if let Some(pid) = self.pid_file().and_then(|text| text.lines().next().map(str::to_owned)) {
            let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        }
        let _ = self.child.wait();
    }

    /// Starts it once more after it was stopped.
    pub(super) fn start_again(&mut self) {
        // What it has left there tells of before.
        let _ = std::fs::remove_file(self.folder.0.join("data/postmaster.pid"));
        self.child = run(&self.postgres, &self.folder.0).unwrap();
        self.wait();
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
        self.stop();
    }
}

fn is_root() -> bool {
    let me = std::fs::metadata("/proc/self");
    me.is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

/// A program in a folder. PostgreSQL refuses to run as root.
fn unprivileged(program: &Path, folder: &Path) -> Command {
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", "nobody", "--"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The server, reached by a socket in the folder and from nowhere else.
fn run(postgres: &Path, folder: &Path) -> std::io::Result<Child> {
    let mut command = unprivileged(postgres, folder);
    command.arg("-D").arg(folder.join("data"));
    command.args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"]).arg(folder).spawn()
}

/// A program of PostgreSQL, which Debian keeps out of the path.
fn find(program: &str) -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = debian.chain(std::env::split_paths(&path)).collect::<Vec<_>>();
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}
