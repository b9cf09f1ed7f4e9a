//! Who is let in: users, tokens, an HTTP server that is asked, and a configuration that changes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rillcast_tests::Transport::{Tcp, Udp};
use rillcast_tests::audience::{Audience, Program};
use rillcast_tests::clip::{self, Clip};
use rillcast_tests::process::{self, Process};
use rillcast_tests::role::program;
use rillcast_tests::rtp;
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{ffmpeg, gstreamer};
use serde_json::Value;

use crate::{CLIP, FFMPEG};

/// Long enough for a client to be refused.
const REFUSAL: Duration = Duration::from_secs(10);

/// The secret of `rillcast hash-password`.
fn hashed(user: &str, password: &str, options: &[&str]) -> String {
    let mut command = program();
    command.args(["hash-password", user, "--json"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(input, "{password}").expect("the program reads");
    drop(input);
    let output = child.wait_with_output().expect("an end");
    let line: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    line["secret"].as_str().expect("a secret").to_owned()
}

fn fails(name: &str, mut process: Process) {
    let status = process.wait(REFUSAL).unwrap_or_else(|| panic!("{name} was not refused"));
    assert!(!status.success(), "{name} was let in");
}

/// ffmpeg and GStreamer publish and play with a password, and not with another.
fn users_log_in(name: &str, options: &[&str], publish: fn(&Scene, &Clip, &str) -> Process) {
    let scene = Scene::new(name);
    let clip = clip::slices();
    let (camera, viewer) = (hashed("camera", "tulip", options), hashed("viewer", "rose", options));
    let (camera, viewer) = (format!("camera={camera}"), format!("viewer={viewer}"));
    let rules = ["--allow-publish", "live/*=camera", "--allow-play", "*=viewer"];
    let mut server =
        Server::start(&scene, &[&["--user", &camera, "--user", &viewer], &rules[..]].concat());

    for (user, password) in [("camera", "rose"), ("viewer", "rose")] {
        let url = server.url_as(user, password, "live/x");
        fails("a publisher", ffmpeg::publish(&scene, &clip, Tcp, &url));
        let url = server.url_as(user, "wrong", "live/x");
        fails("a publisher", gstreamer::publish(&scene, &clip, Tcp, &url));
    }
    // Whether there is a stream is told only to those who may play it.
    let wrong = server.url_as("viewer", "tulip", "live/x");
    fails("ffmpeg", ffmpeg::play(&scene, "wrong-ffmpeg", &clip, Tcp, &wrong).process);
    fails("GStreamer", gstreamer::play(&scene, "wrong-gst", &clip, Tcp, &wrong).process);
    fails("nobody", ffmpeg::play(&scene, "nobody", &clip, Tcp, &server.url("live/x")).process);

    let url = server.url_as("camera", "tulip", "live/x");
    let mut publisher = publish(&scene, &clip, &url);
    server.stream_started("live/x");
    let url = server.url_as("viewer", "rose", "live/x");
    let mut audience = Audience::default();
    audience.join(&scene, "play", &clip, &url, Program::Ffmpeg, Udp);
    audience.join(&scene, "play", &clip, &url, Program::GStreamer, Tcp);
    publisher.succeed(CLIP);
    audience.judge(&clip, FFMPEG);
    server.balances("live/x");
}

#[test]
fn users_log_in_by_digest() {
    users_log_in("users_log_in_by_digest", &[], |scene, clip, url| {
        ffmpeg::publish(scene, clip, Tcp, url)
    });
}

#[test]
fn users_log_in_by_basic_for_argon2() {
    users_log_in("users_log_in_by_basic_for_argon2", &["--argon2"], |scene, clip, url| {
        ffmpeg::publish(scene, clip, Udp, url)
    });
}

#[test]
fn rillcast_logs_in_by_sha256() {
    let scene = Scene::new("rillcast_logs_in_by_sha256");
    let user = format!("u={}", hashed("u", "p w", &["--no-md5"]));
    let mut server = Server::start(&scene, &["--user", &user]);
    let url = server.url_as("u", "p%20w", "live");
    let mut command = program();
    command.args(["publish", "test", &url]);
    let _publisher = Process::start(&scene, "publisher", command);
    server.stream_started("live");
    let mut command = program();
    command.args(["play", &url, "--frames", "25", "--json"]);
    process::output(command);
    let mut command = program();
    command.args(["play", &server.url_as("u", "other", "live"), "--frames", "25"]);
    fails("rillcast", Process::start(&scene, "player", command));
}

#[test]
fn tokens_let_in_until_they_expire() {
    let scene = Scene::new("tokens_let_in_until_they_expire");
    let key = scene.file("token.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef\n").expect("a key");
    let token = |options: &[&str], path: &str| {
        let mut command = program();
        command.args(["token", path, "--key"]).arg(&key).args(options);
        process::output(command).trim().to_owned()
    };
    let mut server = Server::start(&scene, &["--token-key", key.to_str().expect("UTF-8")]);
    let url = |query: &str| server.url(&format!("live?{query}"));
    let clip = clip::slices();
    let play = token(&[], "live");
    fails("a player's token", ffmpeg::publish(&scene, &clip, Tcp, &url(&play)));
    let expired = url(&token(&["--publish", "--seconds", "0"], "live"));
    fails("a token of the past", ffmpeg::publish(&scene, &clip, Tcp, &expired));
    let publish = url(&token(&["--publish"], "live"));
    let play = url(&play);
    let mut publisher = ffmpeg::publish(&scene, &clip, Tcp, &publish);
    server.stream_started("live");
    let mut audience = Audience::default();
    audience.join(&scene, "play", &clip, &play, Program::Ffmpeg, Tcp);
    audience.join(&scene, "play", &clip, &play, Program::GStreamer, Udp);
    publisher.succeed(CLIP);
    audience.judge(&clip, FFMPEG);
}

/// An HTTP server that lets `camera` in by its password, and tells what it was asked.
fn hook() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/auth", listener.local_addr().expect("an address"));
    let (sender, questions) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            let question: Value = loop {
                let n = stream.read(&mut buffer).unwrap_or(0);
                bytes.extend_from_slice(&buffer[..n]);
                let text = String::from_utf8_lossy(&bytes);
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                match serde_json::from_str(body) {
                    Ok(question) => break question,
                    Err(_) if n == 0 => break Value::Null,
                    Err(_) => {}
                }
            };
            let right = question["user"] == "camera" && question["password"] == "tulip";
            let status = if right { "204 No Content" } else { "401 Unauthorized" };
            let response =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(response.as_bytes());
            if sender.send(question).is_err() {
                return;
            }
        }
    });
    (url, questions)
}

#[test]
fn an_http_server_is_asked() {
    let scene = Scene::new("an_http_server_is_asked");
    let (url, questions) = hook();
    let mut server = Server::start(&scene, &["--auth-hook", &url, "--allow-play", "*=all"]);
    let clip = clip::slices();
    let wrong = server.url_as("camera", "rose", "cam?x=1");
    fails("a publisher", ffmpeg::publish(&scene, &clip, Tcp, &wrong));
    let right = server.url_as("camera", "tulip", "cam?x=1");
    let _publisher = ffmpeg::publish(&scene, &clip, Tcp, &right);
    server.stream_started("cam");
    let asked: Vec<Value> = questions.try_iter().collect();
    let last = asked.last().expect("a question");
    for (field, value) in [
        ("user", "camera"),
        ("password", "tulip"),
        ("ip", "127.0.0.1"),
        ("action", "publish"),
        ("path", "cam"),
        ("protocol", "rtsp"),
        ("query", "x=1"),
    ] {
        assert_eq!(last[field], value, "{field} of {last}");
    }
    assert!(asked.iter().any(|question| question["user"] == ""), "first without credentials");
}

#[test]
fn an_http_server_that_is_away_lets_nobody_in() {
    let scene = Scene::new("an_http_server_that_is_away_lets_nobody_in");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let server = Server::start(&scene, &["--auth-hook", &url]);
    let mut client = Connection::open(server.address());
    let sdp = [("Content-Type", "application/sdp")];
    let response = client.request("ANNOUNCE", &server.url("x"), &sdp, &rtp::sdp(0));
    assert_eq!(response.status, 503);
}

/// The server's answer to a publisher.
fn announce(server: &Server, address: &str) -> u16 {
    let sdp = [("Content-Type", "application/sdp")];
    let mut client = Connection::open(address);
    client.request("ANNOUNCE", &server.url("x"), &sdp, &rtp::sdp(0)).status
}

#[test]
fn a_server_without_users_takes_publishers_of_this_machine_only() {
    let scene = Scene::new("a_server_without_users_takes_publishers_of_this_machine_only");
    let mut server = Server::start_at(&scene, "serve", "0.0.0.0:0", &[]);
    let warning = server.wait_for(REFUSAL, |event| event["event"] == "warning");
    assert!(
        warning["text"].as_str().is_some_and(|text| text.contains("--allow-publish")),
        "{warning}"
    );
    let port = server.address().rsplit(':').next().expect("a port").to_owned();
    assert_eq!(announce(&server, &format!("127.0.0.1:{port}")), 200);
    let Some(own) = own_address() else {
        println!("this machine has no address but the loopback's: the rest is not tested");
        return;
    };
    assert_eq!(announce(&server, &format!("{own}:{port}")), 403);
    let mut player = Connection::open(format!("{own}:{port}"));
    assert_eq!(player.request("DESCRIBE", &server.url("y"), &[], "").status, 404, "but may play");
}

/// An address of this machine that is not the loopback's.
fn own_address() -> Option<String> {
    let output = Command::new("hostname").arg("-I").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().find(|address| address.contains('.')).map(str::to_owned)
}

#[test]
fn a_changed_configuration_holds_for_those_who_come() {
    let scene = Scene::new("a_changed_configuration_holds_for_those_who_come");
    let file = scene.file("rillcast.toml");
    let write = |text: &str| fs::write(&file, text).expect("a configuration");
    write("[allow-publish]\n'*' = 'all'\n");
    let mut server = Server::start(&scene, &["--config", file.to_str().expect("UTF-8")]);
    let _publisher = server.publish("live", &rtp::sdp(0));

    write("[allow-publish]\n'*' = 'none'\n\n[allow-play]\n'*' = 'users'\n[user]\nu = 'plain:p'\n");
    server.wait_for(REFUSAL, |event| event["event"] == "reloaded");
    assert_eq!(announce(&server, server.address()), 403);
    let mut player = Connection::open(server.address());
    let refused = player.request("DESCRIBE", &server.url("live"), &[], "");
    assert_eq!(refused.status, 401, "the stream is still there, but not for everyone");

    write("[allow-publish]\n'*' = 'none'\n[allow-plays]\n");
    let warning = server.wait_for(REFUSAL, |event| event["event"] == "warning");
    let text = warning["text"].as_str().expect("a text");
    assert!(text.contains("line 3") && text.contains("did you mean `allow-play`"), "{text}");
    let mut player = Connection::open(server.address());
    assert_eq!(player.request("DESCRIBE", &server.url("live"), &[], "").status, 401);

    write("session-timeout = 7\n");
    server.process().signal("HUP");
    let reloaded = server.wait_for(REFUSAL, |event| event["event"] == "reloaded");
    assert_eq!(reloaded["needs_restart"][0], "session-timeout", "{reloaded}");
    assert_eq!(announce(&server, server.address()), 200);
}
