//! RTSP over TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rillcast_tests::Transport::Tcp;
use rillcast_tests::audience::{Audience, Program};
use rillcast_tests::clip::{self, Clip};
use rillcast_tests::process::{self, Process};
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use rillcast_tests::{ffmpeg, gstreamer, rtp, rtsp};

use crate::{CLIP, FFMPEG};

const TRIAL: [&str; 3] = ["--rtsps", "127.0.0.1:0", "--self-signed"];
const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes over TLS; players over TLS and without it see the same.
fn seen_over_tls(name: &str, publish: fn(&Scene, &Clip, &str) -> Process, end: fn(&mut Process)) {
    let scene = Scene::new(name);
    let clip = clip::slices();
    // GStreamer now and then hangs up without TEARDOWN, which is the end, too.
    let mut server = Server::start(&scene, &[&TRIAL[..], &["--linger", "0"]].concat());
    let secure = server.secure_url("live");
    let mut publisher = publish(&scene, &clip, &secure);
    server.stream_started("live");
    let mut audience = Audience::default();
    audience.join(&scene, "play", &clip, &secure, Program::Ffmpeg, Tcp);
    audience.join(&scene, "play", &clip, &secure, Program::GStreamer, Tcp);
    audience.join(&scene, "plain", &clip, &server.url("live"), Program::Ffmpeg, Tcp);
    end(&mut publisher);
    server.stream_ended("live");
    audience.judge(&clip, FFMPEG);
    server.balances("live");
}

#[test]
fn ffmpeg_publishes_over_tls() {
    seen_over_tls(
        "ffmpeg_publishes_over_tls",
        |scene, clip, url| ffmpeg::publish(scene, clip, Tcp, url),
        |publisher| publisher.succeed(CLIP),
    );
}

#[test]
fn gstreamer_publishes_over_tls() {
    seen_over_tls(
        "gstreamer_publishes_over_tls",
        |scene, clip, url| gstreamer::publish(scene, clip, Tcp, url),
        |publisher| gstreamer::finish(publisher, CLIP),
    );
}

/// A certificate for 127.0.0.1, and its key.
fn make_certificate(scene: &Scene, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) =
        (scene.file(&format!("{name}.pem")), scene.file(&format!("{name}.key")));
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(' '));
    command.args("-days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1".split(' '));
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-out").arg(&certificate).arg("-keyout").arg(&key);
    process::output(command);
    (certificate, key)
}

/// `rillcast play` of some frames; whether it ended well.
fn plays(scene: &Scene, url: &str, options: &[&str]) -> bool {
    let mut command = program();
    command.args(["play", url, "--frames", "10", "--timeout", "5"]).args(options);
    let mut process = Process::start(scene, "player", command);
    process.wait(PATIENCE).expect("an end").success()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn rillcast_checks_certificates_and_the_server_takes_new_ones() {
    let scene = Scene::new("rillcast_checks_certificates_and_the_server_takes_new_ones");
    let (old, old_key) = make_certificate(&scene, "old");
    let (new, new_key) = make_certificate(&scene, "new");
    let (used, used_key) = (scene.file("used.pem"), scene.file("used.key"));
    let install = |certificate: &Path, key: &Path| {
        fs::copy(key, &used_key).expect("a copy");
        fs::copy(certificate, &used).expect("a copy");
    };
    install(&old, &old_key);
    let options =
        ["--rtsps", "127.0.0.1:0", "--certificate", text(&used), "--key", text(&used_key)];
    let mut server = Server::start(&scene, &options);
    let url = server.secure_url("live");
    let mut command = program();
    command.args(["publish", "test", &url, "--ca", text(&old)]);
    let _publisher = Process::start(&scene, "publisher", command);
    server.stream_started("live");

    assert!(!plays(&scene, &url, &[]), "no authority has signed this");
    assert!(!plays(&scene, &url, &["--ca", text(&new)]), "it has another certificate");
    assert!(plays(&scene, &url, &["--ca", text(&old)]));
    assert!(plays(&scene, &url, &["--insecure"]));

    install(&new, &new_key);
    server.wait_for(PATIENCE, |event| event["event"] == "reloaded");
    assert!(!plays(&scene, &url, &["--ca", text(&old)]));
    assert!(plays(&scene, &url, &["--ca", text(&new)]), "and the publisher is still there");

    fs::write(&used, "nonsense").expect("a file");
    server.wait_for(PATIENCE, |event| event["event"] == "warning");
    assert!(plays(&scene, &url, &["--ca", text(&new)]), "the former certificate stays in use");
}

#[test]
fn what_is_no_tls_is_hung_up_on_and_nobody_notices() {
    let scene = Scene::new("what_is_no_tls_is_hung_up_on_and_nobody_notices");
    let mut server = Server::start(&scene, &TRIAL);
    let mut publisher = server.publish("live", &rtp::sdp(0));
    let mut bystander = rtsp::Connection::open(server.address());
    bystander.play(&server.url("live"), "RTP/AVP/TCP;unicast;interleaved=0-1");
    let secure = server.secure_url("");
    let address = secure.trim_start_matches("rtsps://").trim_end_matches('/');

    let zeroes = vec![0u8; 100_000];
    let hello = [&[0x16, 3, 1, 0x40, 0][..], &[1; 50][..]].concat();
    let inputs: [&[u8]; 4] =
        [b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", &zeroes, &[0x16, 3, 1], &hello];
    let mut source = rtp::Source::new();
    for (number, input) in inputs.into_iter().cycle().take(20).enumerate() {
        let mut stranger = TcpStream::connect(address).expect("the server's port");
        stranger.set_read_timeout(Some(Duration::from_millis(200))).expect("a deadline");
        // It may have hung up before all was written.
        let _ = stranger.write_all(input);
        if number % 4 < 2 {
            // An alert, or nothing: no answer of RTSP.
            let mut answer = Vec::new();
            let _ = stranger.read_to_end(&mut answer);
            assert!(!answer.starts_with(b"RTSP"), "{answer:?}");
        }
        let frame = source.key_frame(5);
        for packet in &frame {
            publisher.send_packet(0, packet);
        }
        for packet in &frame {
            assert!(bystander.rtp() == *packet, "the bystander lost a packet");
        }
    }
    drop(publisher);
}

#[test]
fn a_handshake_that_stalls_is_hung_up_on() {
    let scene = Scene::new("a_handshake_that_stalls_is_hung_up_on");
    // Strangers have ten seconds, or this when it is less.
    let server = Server::start(&scene, &[&TRIAL[..], &["--session-timeout", "1"]].concat());
    let secure = server.secure_url("");
    let address = secure.trim_start_matches("rtsps://").trim_end_matches('/');
    let stalled: Vec<TcpStream> = [&[][..], &[0x16, 3, 1], &[0x16, 3, 1, 0x40, 0, 1, 1]]
        .into_iter()
        .map(|hello| {
            let mut stranger = TcpStream::connect(address).expect("the server's port");
            stranger.set_read_timeout(Some(PATIENCE)).expect("a deadline");
            stranger.write_all(hello).expect("a beginning");
            stranger
        })
        .collect();
    for mut stranger in stalled {
        let end = stranger.read_to_end(&mut Vec::new());
        assert!(end.is_ok(), "the server keeps a handshake that does not go on: {end:?}");
    }
}

#[test]
fn udp_is_refused_where_it_would_not_be_encrypted() {
    let scene = Scene::new("udp_is_refused_where_it_would_not_be_encrypted");
    // It hangs up on who is silent, which ends openssl.
    let mut server = Server::start(&scene, &[&TRIAL[..], &["--session-timeout", "1"]].concat());
    let url = server.secure_url("live");
    let mut command = program();
    command.args(["publish", "test", &url, "--insecure"]);
    let _publisher = Process::start(&scene, "publisher", command);
    server.stream_started("live");
    let address = url.trim_start_matches("rtsps://").split('/').next().expect("an address");
    let setup = format!(
        "printf 'SETUP {url}/trackID=0 RTSP/1.0\\r\\nCSeq: 1\\r\\nTransport: \
         RTP/AVP;unicast;client_port=5000-5001\\r\\n\\r\\n'"
    );
    let client = format!("openssl s_client -quiet -connect {address} 2>/dev/null || true");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup} | {client}")]);
    let said = process::output(command);
    assert!(said.contains("RTSP/1.0 461"), "{said}");
}
