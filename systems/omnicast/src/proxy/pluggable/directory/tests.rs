//! Both directories do the same.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;

fn account(user: &str) -> Account {
    Account { user: user.into(), hash: format!("hash of {user}"), created: 7 }
}

/// What every directory does.
async fn conforms(directory: &dyn Directory) {
    for user in ["b", "a'; DROP TABLE account; --", "c"] {
        assert!(directory.add(&account(user)).await.unwrap());
    }
    let other = Account { hash: "other".into(), ..account("b") };
    assert!(!directory.add(&other).await.unwrap(), "there is one of that name");
    assert_eq!(directory.look_up("b").await.unwrap(), Some(account("b")));
    assert_eq!(directory.look_up("B").await.unwrap(), None);
    let names = |accounts: Vec<Account>| accounts.into_iter().map(|a| a.user).collect::<Vec<_>>();
    assert_eq!(names(directory.list("", 2).await.unwrap()), ["a'; DROP TABLE account; --", "b"]);
    assert_eq!(names(directory.list("b", 2).await.unwrap()), ["c"]);
    assert!(directory.set_hash("c", "new").await.unwrap());
    assert_eq!(directory.look_up("c").await.unwrap().unwrap().hash, "new");
    assert!(!directory.set_hash("d", "new").await.unwrap());
    assert!(directory.remove("b").await.unwrap());
    assert!(!directory.remove("b").await.unwrap());
    assert_eq!(directory.shared_value("key", "first").await.unwrap(), "first");
    assert_eq!(directory.shared_value("key", "second").await.unwrap(), "first");
}

/// A folder that is gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("rillcast-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn sqlite_in_memory() {
    conforms(&*open(":memory:").await.unwrap()).await;
}

#[tokio::test]
async fn sqlite_keeps_what_was_told_done() {
    let folder = Folder::new("directory");
    let file = folder.0.join("directory.sqlite");
    let file = file.to_str().unwrap();
    let first = open(file).await.unwrap();
    conforms(&*first).await;
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "it holds the key of the tickets");
    // While the first still has it open, as after a kill.
    let second = open(file).await.unwrap();
    assert_eq!(second.look_up("c").await.unwrap().unwrap().hash, "new");
    assert_eq!(second.shared_value("key", "third").await.unwrap(), "first");
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_without_its_password() {
    let error = open("/nowhere/at/all.sqlite").await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all.sqlite"), "{error}");
    let error = open("postgres://u:tulip@127.0.0.1:port/db").await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:port/db") && !error.contains("tulip"), "{error}");
}

/// A PostgreSQL server of this test's own, in a folder.
struct Server {
    child: Child,
    folder: Folder,
}

impl Server {
    /// `None` where there is no PostgreSQL.
    fn start() -> Option<Server> {
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
        Some(Server { child, folder })
    }

    fn url(&self) -> String {
        format!("postgres://rill@localhost/postgres?host={}", self.folder.0.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let file = std::fs::read_to_string(self.folder.0.join("data/postmaster.pid"));
        if let Some(pid) = file.ok().and_then(|text| text.lines().next().map(str::to_owned)) {
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

#[tokio::test]
async fn postgres_shared_by_two() {
    let Some(server) = Server::start() else {
        println!("skipped: no PostgreSQL can be started here (Debian's postgresql)");
        return;
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let first = loop {
        match open(&server.url()).await {
            Ok(directory) => break directory,
            Err(error) if std::time::Instant::now() > end => panic!("{error}"),
            // It is not there yet; it gives no sign when it is.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    };
    conforms(&*first).await;
    let second = open(&server.url()).await.unwrap();
    assert_eq!(second.shared_value("key", "other").await.unwrap(), "first");
    assert!(second.remove("c").await.unwrap());
    assert_eq!(first.look_up("c").await.unwrap(), None);
}
