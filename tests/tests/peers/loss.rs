//! A network that loses packets, between two servers, in a network namespace of its own.

use std::process::Command;

use rillcast_tests::process;
use rillcast_tests::role::program;
use rillcast_tests::scene::Scene;

/// One packet in twenty is dropped, both ways, once all are connected; all ends by the player's
/// having had its frames.
const SCRIPT: &str = r#"
set -eu
ip link set lo up
nft add table inet lossy
nft 'add chain inet lossy in { type filter hook input priority 0; }'
cd "$SCENE"
"$RILLCAST" serve --rtsp 127.0.0.1:8001 --json > upper.log 2>&1 & upper=$!
trap 'kill $upper ${lower:-} ${source:-} 2> /dev/null || true' EXIT
until grep -q '"listening"' upper.log; do sleep 0.05; done
"$RILLCAST" publish test rtsp://127.0.0.1:8001/live > publish.log 2>&1 & source=$!
until grep -q '"stream_started"' upper.log; do sleep 0.05; done
"$RILLCAST" serve --rtsp 127.0.0.1:8002 --pull live=rtsp://127.0.0.1:8001/live --json > lower.log 2>&1 & lower=$!
until grep -q '"stream_started"' lower.log; do sleep 0.05; done
nft 'add rule inet lossy in meta l4proto udp numgen random mod 100 < 5 counter drop'
"$RILLCAST" play rtsp://127.0.0.1:8002/live --transport tcp --frames 240 --json
nft list table inet lossy | grep -o 'counter packets [0-9]*' >&2
"#;

/// Whether this machine lets us have a network of our own.
pub(crate) fn has_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "nft", "list", "ruleset"]);
    command.output().is_ok_and(|output| output.status.success())
}

#[test]
fn what_is_lost_between_two_servers_is_repaired() {
    if !has_namespaces() {
        eprintln!("skipped: no network namespaces here");
        return;
    }
    let scene = Scene::new("what_is_lost_between_two_servers_is_repaired");
    let mut command = Command::new("unshare");
    // What is waited for in the script may never come.
    command.args(["--map-root-user", "--net", "timeout", "60", "bash", "-c", SCRIPT]);
    command.env("SCENE", scene.dir()).env("RILLCAST", program().get_program());
    let output = process::output(command);
    let last = output.lines().last().unwrap_or_default();
    let figures: serde_json::Value = serde_json::from_str(last).expect("figures");
    println!("{figures}");
    for track in figures["tracks"].as_array().expect("tracks") {
        assert_eq!((&track["lost"], &track["damaged"]), (&0.into(), &0.into()), "{figures}");
    }
}
