//! The program as a user meets it: exit codes, sentences, JSON lines, and how it ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn rillcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rillcast"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    rillcast(arguments).output().expect("the program runs")
}

/// A small picture: the tests are for what is said about it.
fn publish(url: &str) -> Vec<&str> {
    vec!["publish", "test", url, "--size", "160x120", "--fps", "25", "--gop", "1"]
}

/// A command that prints JSON lines while it runs.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Running {
        Running::spawn(rillcast(arguments))
    }

    fn spawn(mut command: Command) -> Running {
        let mut child = command.arg("--json").stdout(Stdio::piped()).spawn().expect("a process");
        let output = BufReader::new(child.stdout.take().expect("its standard output"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            // Nobody listens any more when the test is over.
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Running { child, lines }
    }

    /// The next event of this kind; every line before it has to be a JSON object with an `event`.
    fn event(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("it has ended without `{kind}`"));
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// The next event; None when the program has closed its output.
    fn next(&mut self) -> Option<Value> {
        let line = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing came within {PATIENCE:?}"),
        };
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(event["event"].is_string(), "{line}");
        Some(event)
    }

    /// Sends a signal, and waits for the end.
    fn end_by(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("`kill` runs");
        assert!(sent.success());
        self.child.wait().expect("its end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whatever a failed test leaves behind; most have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_mistake_is_told_in_one_sentence() {
    let cases: [(&[&str], i32, &str); 17] = [
        (&["serve", "--no-such-option"], 2, "--no-such-option"),
        (&["serve", "--rtsp", "8554"], 2, "ADDR:PORT is wanted, as in 127.0.0.1:8554"),
        (&["serve", "--rtsp", "192.0.2.1:0"], 2, "does not have the address 192.0.2.1"),
        (&["serve", "--rtsp", "127.0.0.1:0", "--rtp", "x=no.sdp"], 2, "no.sdp"),
        (&["serve", "--rtsp", "127.0.0.1:0", "--pull", "cam"], 2, "PATH"),
        (&["publish", "test"], 2, "<URL>"),
        (&["publish", "no.mp4", "rtsp://127.0.0.1:1/x"], 2, "cannot open no.mp4"),
        (&["publish", "Cargo.toml", "rtsp://127.0.0.1:1/x"], 2, "neither an MP4 file nor raw"),
        (&["publish", "tests/fixtures/mpeg4.mp4", "rtsp://127.0.0.1:1/x"], 2, "no H.264 track"),
        (&["publish", "test", "http://127.0.0.1/x"], 2, "http://127.0.0.1/x"),
        (&["publish", "test", "rtsp://127.0.0.1:1/"], 2, "has no path"),
        (&["publish", "test", "rtsp://127.0.0.1:1/x"], 1, "cannot connect to 127.0.0.1:1"),
        (&["play", "http://127.0.0.1/x"], 2, "http://127.0.0.1/x"),
        (&["play", "-o", "x.mkv", "rtsp://127.0.0.1:1/x"], 2, ".mp4"),
        (&["play", "-o", "no/x.mp4", "rtsp://127.0.0.1:1/x"], 2, "there is no folder no"),
        (&["play", "rtsp://127.0.0.1:1/x"], 1, "cannot connect to 127.0.0.1:1"),
        (&["demo", "--children", "0"], 2, "--children"),
    ];
    for (arguments, code, words) in cases {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{arguments:?} said: {said}");
        assert!(said.starts_with("rillcast: ") && said.contains(words), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?} said: {said}");
    }
}

#[test]
fn a_stream_from_its_first_to_its_last_line() {
    let mut server = Running::start(&["serve", "--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let listening = server.event("listening");
    let url = listening["play"][0].as_str().expect("where to play").to_owned();
    let address = url.trim_start_matches("rtsp://").trim_end_matches("/live");
    assert_eq!(listening["publish"], url.as_str());

    let taken = run(&["serve", "--rtsp", address]);
    let said = String::from_utf8(taken.stderr).expect("UTF-8");
    assert_eq!(taken.status.code(), Some(1));
    assert!(said.contains("--rtsp 127.0.0.1:0 picks a free port"), "{said}");

    let http = listening["http"].as_str().expect("where the figures are");
    let http = http.trim_start_matches("http://").trim_end_matches('/');
    let taken = run(&["serve", "--rtsp", "127.0.0.1:0", "--http", http]);
    let said = String::from_utf8(taken.stderr).expect("UTF-8");
    assert_eq!(taken.status.code(), Some(1));
    assert!(said.contains("--http 127.0.0.1:0 picks a free port"), "{said}");

    let missing = run(&["play", &url]);
    let said = String::from_utf8(missing.stderr).expect("UTF-8");
    assert_eq!(missing.status.code(), Some(1));
    assert!(said.contains("nothing is published there now"), "{said}");

    let mut publisher = Running::start(&publish(&url));
    assert_eq!(publisher.event("connecting")["tracks"], serde_json::json!(["H.264", "AAC"]));
    publisher.event("publishing");
    assert_eq!(server.event("stream_started")["play"], url.as_str());

    let refused = run(&publish(&url));
    let said = String::from_utf8(refused.stderr).expect("UTF-8");
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("403 Forbidden: somebody publishes at this path already"), "{said}");
    let told = server.event("publisher_refused");
    assert_eq!(told["path"], "live");
    assert_eq!(told["reason"], "somebody publishes at this path already");

    // Two players: one has enough, one is ended by a signal and says goodbye too.
    let mut measured = Running::start(&["play", "--stats", "--frames", "50", &url]);
    let mut patient = Running::start(&["play", "--stats", "--transport", "tcp", &url]);
    let end = measured.event("end");
    assert_eq!(end["whole"], true, "{end}");
    let (frames, burst) = (&end["tracks"][0]["frames"], &end["tracks"][0]["burst"]);
    assert!(burst.as_u64() >= Some(1) && burst.as_u64() < frames.as_u64(), "{end}");
    assert!(end["tracks"][0]["frames_per_second"].as_f64() > Some(0.0), "{end}");
    assert!(measured.child.wait().expect("its end").success());
    patient.event("stats");
    assert!(patient.end_by("INT").success());
    for _ in 0..2 {
        let gone = server.event("child_ended");
        assert_eq!(gone["reason"], "it said TEARDOWN", "{gone}");
    }

    assert!(publisher.end_by("TERM").success());
    assert!(publisher.event("summary")["packets"].as_u64() > Some(50));
    let ended = server.event("stream_ended");
    assert_eq!(ended["reason"], "its publisher is gone: it said TEARDOWN");
    let ledger = server.event("ledger");
    assert_eq!((&ledger["path"], &ledger["ended"]), (&"live".into(), &true.into()), "{ledger}");
    assert_eq!((&ledger["balances"], &ledger["children"]), (&true.into(), &0.into()), "{ledger}");
    assert!(server.end_by("TERM").success());
    assert!(server.next().is_none(), "nothing is told twice");
}

#[test]
fn the_streams_that_will_be_there_are_named() {
    let pull = "cam=rtsp://127.0.0.1:1/x";
    let mut server = Running::start(&["serve", "--rtsp", "127.0.0.1:0", "--pull", pull]);
    let listening = server.event("listening");
    assert!(listening["publish"].is_null(), "{listening}");
    assert!(listening["play"][0].as_str().is_some_and(|url| url.ends_with("/cam")), "{listening}");
    assert!(server.event("pull_failed")["retry_in_s"].as_u64() >= Some(1));
    assert!(server.end_by("INT").success());
}

/// The text of the warning that a server starts with.
fn warning(server: &mut Running) -> String {
    let text = server.event("warning")["text"].as_str().expect("a text").to_owned();
    assert!(server.end_by("TERM").success());
    text
}

#[test]
fn a_server_that_others_reach_says_that_nobody_can_log_in() {
    let quiet = ["--http", "127.0.0.1:0"];
    let open = ["serve", "--rtsp", "0.0.0.0:0"];
    let said = warning(&mut Running::start(&[&open[..], &quiet].concat()));
    assert!(said.contains("only this machine may publish") && said.contains("--user"), "{said}");
    for settled in [&["--user", "u=plain:p"][..], &["--allow-publish", "*=all"]] {
        let mut server = Running::start(&[&open[..], &quiet, settled].concat());
        server.event("listening");
        assert!(server.end_by("TERM").success());
        assert!(server.next().is_none(), "nothing to warn of");
    }
}

#[test]
fn a_server_goes_on_without_figures_when_their_usual_port_is_taken() {
    // It may be taken already, by whomever.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let mut server = Running::start(&["serve", "--rtsp", "127.0.0.1:0"]);
    assert!(server.event("listening")["http"].is_null());
    let said = warning(&mut server);
    assert!(said.contains("127.0.0.1:8080 already") && said.contains("--http off"), "{said}");
    let mut server = Running::start(&["serve", "--rtsp", "127.0.0.1:0", "--http", "off"]);
    server.event("listening");
    assert!(server.end_by("TERM").success());
    assert!(server.next().is_none(), "nothing to warn of");
}

#[test]
fn a_demonstration_is_json_from_end_to_end_and_ends_when_asked() {
    let mut demo = Running::start(&["demo", "--stay", "--children", "4"]);
    let line = demo.event("progress");
    assert!(line["udp"]["packets_per_second"].as_f64() > Some(0.0), "{line}");
    demo.event("progress");
    assert!(demo.end_by("TERM").success());
    demo.event("result");
    assert!(demo.next().is_none());
}

/// A shell that starts a server in the background, tells it that it is tied to `owner`, and waits.
fn shell_with_a_server(owner: &str) -> Running {
    let script = format!("RILLCAST_TETHER={owner} \"$0\" \"$@\" & wait");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_rillcast")]).stdin(Stdio::null());
    shell.args(["serve", "--rtsp", "127.0.0.1:0", "--http", "off"]);
    Running::spawn(shell)
}

#[test]
fn a_role_ends_with_the_process_that_it_is_tied_to() {
    let mut shell = shell_with_a_server("$$");
    shell.event("listening");
    shell.child.kill().expect("a signal");
    // Both have its output open: it is closed when both have ended.
    while shell.next().is_some() {}
}

#[test]
fn a_role_does_not_begin_when_the_process_that_it_is_tied_to_is_gone() {
    // It is the child of another one.
    assert!(shell_with_a_server("1").next().is_none());
}

/// What systemd expects of a service of `Type=notify` with `WatchdogSec=`.
#[test]
fn systemd_is_told_of_beginning_life_and_end() {
    let path = std::env::temp_dir().join(format!("rillcast-notify-{}", std::process::id()));
    let socket = UnixDatagram::bind(&path).expect("a socket for the messages");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let mut command = rillcast(&["serve", "--rtsp", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    let mut server = Running::spawn(command);
    let message = || {
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).expect("a message");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let ready = message();
    assert!(ready.starts_with("READY=1\nSTATUS=serving at rtsp://127.0.0.1:"), "{ready}");
    for _ in 0..3 {
        assert_eq!(message(), "WATCHDOG=1\n");
    }
    assert!(server.end_by("TERM").success());
    let last = std::iter::repeat_with(message).find(|message| message != "WATCHDOG=1\n");
    assert_eq!(last.as_deref(), Some("STOPPING=1\n"));
    std::fs::remove_file(path).expect("it is still there");
}

#[test]
fn doctor_gives_a_line_for_everything() {
    let output = run(&["doctor", "--json"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let wanting = lines
        .iter()
        .filter(|line| line["needed"] == true && line["state"] != "ok" && line["mend"].is_string());
    assert!(lines.len() > 10, "{text}");
    assert_eq!(output.status.code(), Some(i32::from(wanting.count() > 0)), "{text}");
    for name in ["kernel", "io_uring", "open files", "time source", "firewall", "IPVS"] {
        assert!(lines.iter().any(|line| line["name"] == name), "nothing of {name}: {text}");
    }
}
