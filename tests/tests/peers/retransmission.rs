//! A network that loses packets, between the server and a GStreamer player that asks for them again in a
//! stream of their own (RFC 4588), in a network namespace of its own.

use std::fs;
use std::process::Command;

use rillcast_tests::process;
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;

use crate::loss::has_namespaces;

/// Two players decode the test picture: one over UDP, of which one packet in twenty is lost, and one over TCP,
/// which begins earlier and ends later. Each picture has another hash.
const SCRIPT: &str = r#"
set -eu
ip link set lo up
nft add table inet lossy
nft 'add chain inet lossy in { type filter hook input priority 0; }'
nft 'add rule inet lossy in meta l4proto udp numgen random mod 100 < 5 counter drop'
cd "$SCENE"
"$RILLCAST" serve --rtsp 127.0.0.1:8001 --http off --retransmission --json > serve.log 2>&1 & serve=$!
trap 'kill $serve ${source:-} 2> /dev/null || true' EXIT
until grep -q '"listening"' serve.log; do sleep 0.05; done
"$RILLCAST" publish test rtsp://127.0.0.1:8001/live --size 320x240 --transport tcp > publish.log 2>&1 & source=$!
until grep -q '"stream_started"' serve.log; do sleep 0.05; done
play() {
    gst-launch-1.0 rtspsrc location=rtsp://127.0.0.1:8001/live protocols=$1 latency=600 name=source \
        source. ! application/x-rtp,media=video ! rtph264depay ! h264parse ! avdec_h264 \
        ! identity eos-after=$2 ! checksumsink hash=md5 sync=false || true # its leaving may fail
}
play tcp 150 > tcp.hashes 2> tcp.log & whole=$!
until grep -q '"child_started"' serve.log; do sleep 0.05; done
GST_DEBUG=rtprtxreceive:5 GST_DEBUG_NO_COLOR=1 play udp 80 > udp.hashes 2> udp.log
wait $whole
nft list table inet lossy | grep -o 'counter packets [0-9]*'
"#;

#[test]
fn gstreamer_gets_lost_packets_in_a_stream_of_their_own() {
    if !has_namespaces() {
        eprintln!("skipped: no network namespaces here");
        return;
    }
    let scene = Scene::new("gstreamer_gets_lost_packets_in_a_stream_of_their_own");
    let mut command = Command::new("unshare");
    // What is waited for in the script may never come.
    command.args(["--map-root-user", "--net", "timeout", "60", "bash", "-c", SCRIPT]);
    command.env("SCENE", scene.dir()).env("RILLCAST", program().get_program());
    let dropped = process::output(command);
    println!("{dropped}");
    let dropped: u32 = dropped.split_whitespace().next_back().unwrap().parse().expect("a number");
    assert!(dropped > 5, "the network has lost next to nothing");
    let read = |name: &str| fs::read_to_string(scene.file(name)).expect("what the players wrote");
    let repaired = read("udp.log").matches("Got rtx packet").count();
    assert!(repaired > 5, "{repaired} packets came in the other stream");
    let (whole, repaired) = (hashes(&read("tcp.hashes")), hashes(&read("udp.hashes")));
    assert!(repaired.len() > 70, "{} pictures", repaired.len());
    let first = whole.iter().position(|hash| *hash == repaired[0]).expect("the first picture");
    assert_eq!(whole[first..first + repaired.len()], repaired, "a picture is missing or damaged");
}

/// The MD5 sums of pictures that ffmpeg and GStreamer write at the ends of lines.
pub(crate) fn hashes(output: &str) -> Vec<String> {
    let is_hash = |word: &&str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let last = output.lines().filter_map(|line| line.split([' ', ',']).next_back());
    last.filter(is_hash).map(str::to_owned).collect()
}
