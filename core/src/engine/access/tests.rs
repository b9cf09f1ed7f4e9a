//! Who is let in, over loopback, with answers that come at once, later and never.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::engine::Config;
use crate::engine::tests::Audited;

const PATIENCE: Duration = Duration::from_secs(20);
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:0\r\n";

/// Hands every question to the test.
#[derive(Debug)]
struct Ask(Mutex<Sender<(AccessRequest, Decision)>>);

impl Access for Ask {
    fn ask(&self, request: AccessRequest, decision: Decision) {
        let _ = self.0.lock().expect("no panic").send((request, decision));
    }
}

type Questions = Receiver<(AccessRequest, Decision)>;

fn asking(timeout: Duration) -> (Audited, SocketAddr, Questions) {
    let (sender, questions) = channel();
    let access: Arc<dyn Access> = Arc::new(Ask(Mutex::new(sender)));
    let (engine, address) = start(access, timeout);
    (engine, address, questions)
}

fn start(access: Arc<dyn Access>, access_timeout: Duration) -> (Audited, SocketAddr) {
    let engine = Audited::start(Config { access, access_timeout, ..Config::default() });
    let address = engine.listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    (engine, address)
}

struct Client(TcpStream);

impl Client {
    fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("the server reads");
    }

    /// Reads responses until `count` of them have come.
    fn responses(&mut self, count: usize) -> Vec<String> {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        loop {
            let all: Vec<String> = text.split_inclusive("\r\n\r\n").map(str::to_owned).collect();
            if all.len() >= count && text.ends_with("\r\n\r\n") {
                return all;
            }
            let n = self.0.read(&mut buffer).expect("a response in time");
            assert!(n > 0, "the server hung up after {text:?}");
            text.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }

    fn ask(&mut self, text: &str) -> String {
        self.send(text);
        self.responses(1).remove(0)
    }
}

fn describe(path: &str, more: &str) -> String {
    format!("DESCRIBE rtsp://h/{path} RTSP/1.0\r\nCSeq: 1\r\n{more}\r\n")
}

fn announce(path: &str) -> String {
    let length = SDP.len();
    format!(
        "ANNOUNCE rtsp://h/{path} RTSP/1.0\r\nCSeq: 2\r\nContent-Type: application/sdp\r\n\
         Content-Length: {length}\r\n\r\n{SDP}"
    )
}

#[test]
fn what_is_asked_and_what_the_client_gets() {
    let (_engine, address, questions) = asking(PATIENCE);
    let mut client = Client::new(address);
    client.send(&describe("live/x?token=7", "User-Agent: player\r\n"));
    let (request, decision) = questions.recv_timeout(PATIENCE).expect("a question");
    assert_eq!((request.action, request.path.as_str()), (Action::Play, "live/x"));
    assert_eq!(request.query.as_deref(), Some("token=7"));
    assert_eq!(request.user_agent.as_deref(), Some("player"));
    assert_eq!(request.peer, client.0.local_addr().expect("an address"));
    assert!(request.credentials.is_none());
    decision.deny();
    assert!(client.responses(1)[0].starts_with("RTSP/1.0 403 "));

    for (answer, status) in [
        (Decision::allow as fn(Decision), "404"),
        (Decision::unavailable, "503"),
        (drop::<Decision>, "403"),
    ] {
        client.send(&describe(&format!("to/{status}"), ""));
        answer(questions.recv_timeout(PATIENCE).expect("a question").1);
        let response = client.responses(1).remove(0);
        assert!(response.starts_with(&format!("RTSP/1.0 {status} ")), "{response}");
    }
}

#[test]
fn requests_behind_one_that_waits_are_answered_in_order() {
    let (_engine, address, questions) = asking(PATIENCE);
    let (mut client, mut bystander) = (Client::new(address), Client::new(address));
    let options = |n| format!("OPTIONS * RTSP/1.0\r\nCSeq: {n}\r\n\r\n");
    let describe = |n| format!("DESCRIBE rtsp://h/x{n} RTSP/1.0\r\nCSeq: {n}\r\n\r\n");
    client.send(&[options(1), describe(2), options(3), describe(4), options(5)].concat());
    assert_eq!(client.responses(1).len(), 1);
    let first = questions.recv_timeout(PATIENCE).expect("a question").1;
    // Another connection is served meanwhile.
    assert!(bystander.ask(&options(1)).starts_with("RTSP/1.0 200 "));
    assert!(questions.try_recv().is_err(), "one question of a connection at a time");
    // A request that arrives while another waits.
    client.send(&options(6));
    std::thread::spawn(move || first.allow());
    questions.recv_timeout(PATIENCE).expect("the second question").1.allow();
    let responses = client.responses(5);
    for (response, (cseq, status)) in
        responses.iter().zip([(2, "404"), (3, "200"), (4, "404"), (5, "200"), (6, "200")])
    {
        assert!(response.starts_with(&format!("RTSP/1.0 {status} ")), "{response}");
        assert!(response.contains(&format!("CSeq: {cseq}\r\n")), "{response}");
    }
}

#[test]
fn what_is_granted_is_not_asked_for_again() {
    let (_engine, address, questions) = asking(PATIENCE);
    let mut client = Client::new(address);
    client.send(&announce("cam"));
    let (request, decision) = questions.recv_timeout(PATIENCE).expect("a question");
    assert_eq!((request.action, request.path.as_str()), (Action::Publish, "cam"));
    decision.allow();
    assert!(client.responses(1)[0].starts_with("RTSP/1.0 200 "));
    let setup = "SETUP rtsp://h/cam/0 RTSP/1.0\r\nCSeq: 3\r\n\
                 Transport: RTP/AVP/TCP;interleaved=0-1;mode=record\r\n\r\n";
    let response = client.ask(setup);
    assert!(response.starts_with("RTSP/1.0 200 "), "{response}");
    assert!(questions.try_recv().is_err());
    // Playing needs a permission of its own.
    client.send(&describe("cam", ""));
    let (request, _dropped) = questions.recv_timeout(PATIENCE).expect("a question");
    assert_eq!(request.action, Action::Play);
}

#[test]
fn a_setup_without_describe_is_asked_for() {
    let (_engine, address, questions) = asking(PATIENCE);
    let mut client = Client::new(address);
    client.send("SETUP rtsp://h/x/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n");
    let (request, decision) = questions.recv_timeout(PATIENCE).expect("a question");
    assert_eq!((request.action, request.path.as_str()), (Action::Play, "x"));
    decision.deny();
    assert!(client.responses(1)[0].starts_with("RTSP/1.0 403 "));
}

#[test]
fn no_decision_in_time_is_a_no() {
    let (_engine, address, questions) = asking(Duration::from_millis(50));
    let mut client = Client::new(address);
    let response = client.ask(&describe("x", ""));
    assert!(response.starts_with("RTSP/1.0 503 "), "{response}");
    let late = questions.recv_timeout(PATIENCE).expect("the question").1;
    late.allow();
    // The late answer is nobody's.
    assert!(client.ask("OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n").contains("CSeq: 9\r\n"));
}

#[test]
fn clients_that_leave_while_they_wait_are_forgotten() {
    let (engine, address, questions) = asking(PATIENCE);
    for _ in 0..20 {
        let mut client = Client::new(address);
        client.send(&describe("x", ""));
        let (_, decision) = questions.recv_timeout(PATIENCE).expect("a question");
        drop(client);
        decision.allow();
    }
    let deadline = std::time::Instant::now() + PATIENCE;
    while engine.figures().expect("figures").connections > 0 {
        assert!(std::time::Instant::now() < deadline, "connections are left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tells when it is dropped.
#[derive(Debug)]
struct Counted(Sender<&'static str>, &'static str);

impl Drop for Counted {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[test]
fn a_pass_is_kept_to_the_end_of_the_connection() {
    let (_engine, address, questions) = asking(PATIENCE);
    let (sender, dropped) = channel();
    let mut client = Client::new(address);
    for (path, name) in [("a", "first"), ("b", "other path"), ("a", "second")] {
        client.send(&describe(path, ""));
        let (_, decision) = questions.recv_timeout(PATIENCE).expect("a question");
        decision.allow_while(Counted(sender.clone(), name));
        assert!(client.responses(1)[0].starts_with("RTSP/1.0 404 "));
    }
    // Of each path the last one is kept.
    assert_eq!(dropped.recv_timeout(PATIENCE), Ok("first"));
    assert!(dropped.try_recv().is_err());
    drop(client);
    let mut left = [(); 2].map(|()| dropped.recv_timeout(PATIENCE).expect("it ends"));
    left.sort_unstable();
    assert_eq!(left, ["other path", "second"]);

    // Who has gone away meanwhile is not in.
    let mut client = Client::new(address);
    client.send(&describe("a", ""));
    let (_, decision) = questions.recv_timeout(PATIENCE).expect("a question");
    drop(client);
    decision.allow_while(Counted(sender, "late"));
    assert_eq!(dropped.recv_timeout(PATIENCE), Ok("late"));
}

#[test]
fn an_engine_stops_while_questions_are_open() {
    let (engine, address, questions) = asking(PATIENCE);
    let mut client = Client::new(address);
    client.send(&describe("x", ""));
    let (_, decision) = questions.recv_timeout(PATIENCE).expect("a question");
    drop(engine);
    decision.allow();
}

/// Challenges everyone but one user.
#[derive(Debug)]
struct OneUser(Secret);

impl Access for OneUser {
    fn ask(&self, request: AccessRequest, decision: Decision) {
        if request.credentials.user() == Some("u") && request.credentials.verify(&self.0, "R") {
            decision.allow();
        } else {
            decision.challenge(Challenge { realm: "R".into(), digest: true, basic: true });
        }
    }
}

#[test]
fn too_many_guesses_have_to_wait() {
    let access = Arc::new(OneUser(Secret::hash("u", "R", "right", true)));
    let (_engine, address) = start(access, PATIENCE);
    // Without credentials nothing is guessed.
    for _ in 0..30 {
        let response = Client::new(address).ask(&describe("x", ""));
        assert!(response.starts_with("RTSP/1.0 401 "), "{response}");
        assert!(!response.contains("stale"), "{response}");
    }
    // dTpyaWdodA== is u:right, dTp3cm9uZw== is u:wrong.
    let right = describe("x", "Authorization: Basic dTpyaWdodA==\r\n");
    let wrong = describe("x", "Authorization: Basic dTp3cm9uZw==\r\n");
    assert!(Client::new(address).ask(&right).starts_with("RTSP/1.0 404 "));
    for n in 0..10 {
        let response = Client::new(address).ask(&wrong);
        assert!(response.starts_with("RTSP/1.0 401 "), "{n}: {response}");
    }
    for request in [&wrong, &right] {
        let response = Client::new(address).ask(request);
        assert!(response.starts_with("RTSP/1.0 503 "), "{response}");
        assert!(response.contains("Retry-After: "), "{response}");
    }
    assert!(Client::new(address).ask(&describe("x", "")).starts_with("RTSP/1.0 401 "));
}

#[test]
fn the_engine_logs_in_to_another() {
    let access = Arc::new(OneUser(Secret::hash("u", "R", "right", true)));
    let (server, address) = start(access, PATIENCE);
    let origin = Audited::start(Config::default());
    let session = crate::media::sdp::Session::parse(SDP.as_bytes()).expect("a session");
    let _source = origin.source("made", session).expect("a source");
    origin
        .push("made", &format!("rtsp://u:right@{address}/x"), Default::default())
        .expect("a push");
    let deadline = std::time::Instant::now() + PATIENCE;
    while server.figures().expect("figures").streams.is_empty() {
        assert!(std::time::Instant::now() < deadline, "the stream did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
