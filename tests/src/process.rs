//! Programs that a test starts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::scene::{self, Scene};

/// A started program. What it says on standard error is kept in `NAME.log` of the scene. It is
/// killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command; both of its outputs go to `NAME.log`.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(scene: &Scene, name: &str, command: Command) -> Process {
        Process::with_output(scene, name, command, None)
    }

    /// Starts the command with its standard output in the file `output`; in the log when `None`.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn with_output(
        scene: &Scene,
        name: &str,
        mut command: Command,
        output: Option<&Path>,
    ) -> Process {
        let log = scene.file(&format!("{name}.log"));
        let errors = create(&log);
        let out = match output {
            Some(path) => create(path),
            None => errors.try_clone().expect("a second handle of the log"),
        };
        command.stdin(Stdio::null()).stdout(out).stderr(errors);
        Process::spawn(name, command, log)
    }

    /// Starts the command with its standard output in a pipe, to be taken by
    /// [`Process::take_output`].
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn piped(scene: &Scene, name: &str, mut command: Command) -> Process {
        let log = scene.file(&format!("{name}.log"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(create(&log));
        Process::spawn(name, command, log)
    }

    /// Starts the command with this for standard input; both of its outputs go to `NAME.log`.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn with_input(scene: &Scene, name: &str, mut command: Command, input: Stdio) -> Process {
        let log = scene.file(&format!("{name}.log"));
        let errors = create(&log);
        let out = errors.try_clone().expect("a second handle of the log");
        command.stdin(input).stdout(out).stderr(errors);
        Process::spawn(name, command, log)
    }

    fn spawn(name: &str, mut command: Command, log: PathBuf) -> Process {
        let command_line = log.with_extension("cmd");
        let _ = fs::write(command_line, format!("{command:?}\n"));
        let child = command.spawn().unwrap_or_else(|e| {
            panic!(
                "cannot start {:?}: {e} (`tests/install` installs the peers)",
                command.get_program()
            )
        });
        Process { name: name.to_owned(), child, log }
    }

    /// The pipe of standard output, once, when started by [`Process::piped`].
    ///
    /// # Panics
    /// When there is no pipe or it was taken before.
    pub fn take_output(&mut self) -> std::process::ChildStdout {
        self.child.stdout.take().expect("standard output in a pipe")
    }

    /// Waits for the program's end and asks for exit code 0.
    ///
    /// # Errors
    /// What it did instead, and what it said.
    pub fn ended_well(&mut self, limit: Duration) -> Result<(), String> {
        let did = match self.wait(limit) {
            None => format!("has not ended within {limit:?}"),
            Some(status) if status.success() => return Ok(()),
            Some(status) => format!("ended with {status}"),
        };
        Err(format!("{did}; it said:\n{}", scene::tail(&self.log, 20)))
    }

    /// Waits for the program's end and asks for exit code 0.
    ///
    /// # Panics
    /// When it has not ended within `limit`, or not with success.
    pub fn succeed(&mut self, limit: Duration) {
        if let Err(text) = self.ended_well(limit) {
            panic!("{} {text}", self.name);
        }
    }

    /// Waits for the program's end; `None` when it has not come within `limit`.
    ///
    /// # Panics
    /// When the kernel does not know the process.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            let status = self.child.try_wait().expect("waiting for a child process");
            if status.is_some() || Instant::now() > end {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the program to end by a signal (`TERM`, `INT`, …).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn signal(&mut self, signal: &str) {
        let command = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().expect("sh");
        assert!(status.success(), "`{command}` failed for {}", self.name);
    }

    /// Ends the program without giving it a chance to say goodbye.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Memory that the program holds now (RSS), in bytes.
    ///
    /// # Panics
    /// When it has ended.
    pub fn memory(&self) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        1024 * kib.unwrap_or_else(|| panic!("{} has ended", self.name))
    }

    /// Descriptors that the program has open now.
    ///
    /// # Panics
    /// When it has ended.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder}: {e}")).count()
    }

    /// What the program has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The name it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn create(path: &Path) -> File {
    File::create(path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()))
}

/// Runs a command to its end and gives what it wrote to standard output.
///
/// # Panics
/// When it cannot be started or does not end with success.
pub fn output(mut command: Command) -> String {
    let result = command.stdin(Stdio::null()).output().unwrap_or_else(|e| {
        panic!("cannot start {command:?}: {e} (`tests/install` installs the peers)")
    });
    assert!(
        result.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&result.stderr)
    );
    String::from_utf8_lossy(&result.stdout).into_owned()
}
