//! Players that listen to a multicast group, in a network namespace of their own.

use std::fs;
use std::process::Command;

use rillcast_tests::process;
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;

use crate::loss::has_namespaces;
use crate::retransmission::hashes;

/// GStreamer listens from beginning to end, ffmpeg comes later and leaves earlier. (The other way round ffmpeg
/// would take for media what GStreamer sends to the group to open firewalls.) Each picture has another hash.
const SCRIPT: &str = r#"
set -eu
ip link set lo up multicast on
ip route add 239.0.0.0/8 dev lo
cd "$SCENE"
"$RILLCAST" serve --rtsp 127.0.0.1:8001 --http off --json \
    --multicast 239.1.2.0/24 --multicast-interface 127.0.0.1 > serve.log 2>&1 & serve=$!
trap 'kill $serve ${source:-} 2> /dev/null || true' EXIT
until grep -q '"listening"' serve.log; do sleep 0.05; done
url=rtsp://127.0.0.1:8001/live
"$RILLCAST" publish test $url --size 320x240 --gop 1 --transport tcp > publish.log 2>&1 & source=$!
until grep -q '"stream_started"' serve.log; do sleep 0.05; done
gst-launch-1.0 rtspsrc location=$url protocols=udp-mcast latency=200 name=source \
    source. ! application/x-rtp,media=video ! rtph264depay ! h264parse ! avdec_h264 \
    ! identity eos-after=150 ! checksumsink hash=md5 sync=false \
    > gstreamer.hashes 2> gstreamer.log & whole=$!
until grep -q '"child_started"' serve.log; do sleep 0.05; done
ffmpeg -nostdin -rtsp_transport udp_multicast -analyzeduration 500000 -i $url -map 0:v -frames:v 60 \
    -f framehash -hash md5 ffmpeg.hashes 2> ffmpeg.log
wait $whole || true # its leaving may fail
kill -TERM $source
until grep -q '"stream_ended"' serve.log; do sleep 0.05; done
kill -TERM $serve
wait $serve
cat serve.log
"#;

#[test]
fn ffmpeg_and_gstreamer_listen_to_one_copy() {
    if !has_namespaces() {
        eprintln!("skipped: no network namespaces here");
        return;
    }
    let scene = Scene::new("ffmpeg_and_gstreamer_listen_to_one_copy");
    let mut command = Command::new("unshare");
    // What is waited for in the script may never come.
    command.args(["--map-root-user", "--net", "timeout", "60", "bash", "-c", SCRIPT]);
    command.env("SCENE", scene.dir()).env("RILLCAST", program().get_program());
    let output = process::output(command);
    let events: Vec<serde_json::Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |kind: &str| events.iter().filter(|e| e["event"] == kind).collect::<Vec<_>>();
    let listeners = of("child_started");
    assert_eq!(listeners.len(), 2);
    assert!(listeners.iter().all(|event| event["transport"] == "multicast"), "{listeners:?}");
    let ledger = of("ledger")[0];
    assert_eq!(ledger["balances"], true);
    assert!(ledger["sent"].as_u64() <= ledger["received"].as_u64(), "one copy: {ledger}");

    let read = |name: &str| fs::read_to_string(scene.file(name)).expect("what the players wrote");
    let (whole, later) = (hashes(&read("gstreamer.hashes")), hashes(&read("ffmpeg.hashes")));
    // What comes before the first key frame cannot be decoded.
    let later: Vec<_> = later.into_iter().skip_while(|hash| !whole.contains(hash)).collect();
    assert!(later.len() > 30, "{} pictures", later.len());
    let first = whole.iter().position(|hash| *hash == later[0]).expect("the first picture");
    assert_eq!(whole[first..first + later.len()], later, "a picture is missing or damaged");
}
