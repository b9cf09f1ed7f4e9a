use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rillcast::engine::{Config, Engine};
use rillcast::media::sdp;

use super::{HttpServer, Observer, Site};
use crate::serve::PullBoard;

fn server() -> (Arc<Engine>, HttpServer) {
    let engine = Arc::new(Engine::start(Config::default()).unwrap());
    let site = Site::new(Observer::new(engine.clone(), PullBoard::default()));
    let server = HttpServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), site).unwrap();
    (engine, server)
}

fn connect(server: &HttpServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// What comes back for these bytes: the status, and all of it.
fn ask(server: &HttpServer, request: &str) -> (u16, String) {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A request that is not read to its end may be answered with a reset behind the words.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8(answer).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), text)
}

fn get(server: &HttpServer, path: &str) -> (u16, String) {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

#[test]
fn every_page_is_there() {
    let (engine, server) = server();
    let mut session = sdp::Session::new("a test");
    session.media = vec![sdp::Media::aac(97, &[0x11, 0x90], 48_000, 2)];
    let _source = engine.source("some/where", session).unwrap();
    for (path, words) in [
        ("/", "/metrics"),
        ("/healthz", "\r\n\r\nok\n"),
        ("/metrics", "rillcast_received_packets_total{path=\"some/where\"} 0\n"),
        (
            "/metrics",
            "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
        ),
        ("/api/streams", "\"path\": \"some/where\""),
    ] {
        let (status, text) = get(&server, path);
        assert!(status == 200 && text.contains(words), "{path}: {text}");
    }
    assert_eq!(get(&server, "/nowhere").0, 404);
    let (status, text) = ask(&server, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(status == 200 && text.ends_with("\r\n\r\n"), "{text}");
    let post = "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(ask(&server, post).0, 405);
}

#[test]
fn a_server_whose_engine_has_ended_is_not_healthy() {
    let (engine, server) = server();
    engine.stop();
    let (status, text) = get(&server, "/healthz");
    assert!(status == 503 && text.ends_with("the engine has stopped\n"), "{text}");
}

#[test]
fn nonsense_is_refused_and_hurts_nobody() {
    let (_engine, server) = server();
    // As many as there are places, less one, that ask for nothing.
    let idle: Vec<TcpStream> = (0..63).map(|_| connect(&server)).collect();
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    for request in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", &long] {
        let (status, text) = ask(&server, request);
        assert!((400..500).contains(&status) || text.is_empty(), "{text}");
    }
    assert_eq!(get(&server, "/healthz").0, 200);
    // More than there are places: some wait until those in front are sent away.
    let more: Vec<TcpStream> = (0..10).map(|_| connect(&server)).collect();
    assert_eq!(get(&server, "/healthz").0, 200);
    for mut stream in idle.into_iter().chain(more) {
        let ended = stream.read(&mut [0; 64]);
        assert!(!ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
}
