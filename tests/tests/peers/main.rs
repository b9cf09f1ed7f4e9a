//! The program against real peers.

mod access;
mod bench;
mod coding;
mod conduct;
mod cut_through;
mod failover;
mod fallback;
mod figures;
mod hostile;
mod inputs;
mod key_frames;
mod loss;
mod multicast;
mod omnicast;
mod on_demand;
mod program;
mod publishers;
mod resume;
mod retransmission;
mod tls;
mod window;

use std::thread;
use std::time::Duration;

use rillcast_tests::audience::{AAC_FRAMES_IN_A_PACKET, Allowance, Audience};
use rillcast_tests::clip::Clip;
use rillcast_tests::process::Process;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;

/// No clip is longer than this, and no publisher takes longer to push it.
const CLIP: Duration = Duration::from_secs(15);

/// ffmpeg gathers AAC frames into a packet until it is full, and never sends the last one.
const FFMPEG: Allowance = Allowance { sound_at_end: AAC_FRAMES_IN_A_PACKET, pictures_at_start: 0 };

/// Plain RTP has no end but that of the server. What was sent before has long been passed on.
fn end_by_signal(server: &mut Server) {
    thread::sleep(Duration::from_millis(500));
    server.process().signal("TERM");
}

/// Publishes a clip, lets everyone play it from the moment it is there, and judges what they saw.
fn everyone_sees(
    name: &str,
    clip: &Clip,
    allowance: Allowance,
    publish: impl FnOnce(&Scene, &Clip, &str) -> Process,
) {
    everyone_sees_until(name, clip, allowance, publish, |publisher| publisher.succeed(CLIP));
}

/// The same with a publisher whose end is a matter of its own.
fn everyone_sees_until(
    name: &str,
    clip: &Clip,
    allowance: Allowance,
    publish: impl FnOnce(&Scene, &Clip, &str) -> Process,
    finish: impl FnOnce(&mut Process),
) {
    let scene = Scene::new(name);
    // GStreamer's publisher now and then hangs up without a word.
    let mut server = Server::start(&scene, &["--linger", "0"]);
    let url = server.url("live");
    let mut publisher = publish(&scene, clip, &url);
    server.stream_started("live");
    let audience = Audience::everyone(&scene, clip, &url);
    finish(&mut publisher);
    server.stream_ended("live");
    audience.judge(clip, allowance);
    server.balances("live");
}
