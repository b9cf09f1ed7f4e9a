//! An OmniCast264 tree of real processes: streaming server, proxy server, a chain of nodes.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use rillcast_tests::process::Process;
use rillcast_tests::role::{Role, program};
use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use serde_json::Value;

/// Playing the frames of a test may take so long.
const FRAMES: Duration = Duration::from_secs(15);

/// A streaming server with a test picture, and what a proxy server and nodes need.
struct Tree<'a> {
    scene: &'a Scene,
    server: Server,
    _publisher: Process,
    directory: String,
    password: PathBuf,
}

impl Tree<'_> {
    fn new(scene: &Scene) -> Tree<'_> {
        let directory = scene.file("directory.sqlite").to_str().expect("a path").to_owned();
        let key = program().args(["proxy", "key", "--directory", &directory]).output();
        let key = String::from_utf8(key.expect("the key").stdout).expect("text");
        let mut server = Server::start(scene, &["--ticket-key", key.trim()]);
        let mut command = program();
        command.args(["publish", "test", &server.url("live"), "--size", "160x120", "--gop", "1"]);
        let publisher = Process::start(scene, "publisher", command);
        server.stream_started("live");
        let password = scene.file("password");
        std::fs::write(&password, "tulip\n").expect("a file for the password");
        let mut command = program();
        command.args(["proxy", "user", "add", "alice", "--directory", &directory]);
        let input = File::open(&password).expect("the password");
        Process::with_input(scene, "user", command, input.into()).succeed(FRAMES);
        Tree { scene, server, _publisher: publisher, directory, password }
    }

    /// The proxy server, and where it listens. Only one node is let to the streaming server.
    fn proxy(&self, name: &str, listen: &str) -> (Role, String) {
        let channel = format!("live={}?ticket", self.server.url("live"));
        let mut proxy = Role::start(
            self.scene,
            name,
            &[
                "proxy",
                "--listen",
                listen,
                "--directory",
                &self.directory,
                "--channel",
                &channel,
                "--root-capacity",
                "1",
            ],
        );
        let address = proxy.event("listening")["uscp"].as_str().expect("an address").to_owned();
        (proxy, address)
    }

    /// A node that serves one other, once it receives; its RTSP address.
    fn node(&self, name: &str, proxy: &str) -> (Role, String) {
        let password = self.password.to_str().expect("a path");
        let mut node = Role::start(
            self.scene,
            name,
            &[
                "node",
                "--proxy",
                proxy,
                "--user",
                "alice",
                "--password-file",
                password,
                "--channel",
                "live",
                "--rtsp",
                "127.0.0.1:0",
                "--capacity",
                "1",
                "--transport",
                "tcp",
                "--allow-local-players",
            ],
        );
        let address = node.event("listening")["rtsp"].as_str().expect("an address").to_owned();
        node.event("receiving");
        (node, address)
    }

    /// The streaming server lets in nodes alone.
    fn does_not_play(&self) {
        let mut connection = Connection::open(self.server.address());
        let url = self.server.url("live");
        assert_eq!(connection.request("DESCRIBE", &url, &[], "").status, 403);
    }

    /// A player that succeeds when sixty frames have come whole: none is missing, all can be decoded.
    fn watch(&self, name: &str, address: &str) -> Process {
        let mut command = program();
        let url = format!("rtsp://{address}/live");
        command.args(["play", "--frames", "60", "--transport", "tcp", &url]);
        Process::start(self.scene, name, command)
    }

    fn plays(&self, name: &str, address: &str) {
        self.watch(name, address).succeed(FRAMES);
    }
}

/// A node has been placed at the streaming server. By then it may have the stream from there already, by the
/// session that stood by; on a machine that stalls it may have had it from there for a while.
fn at_the_root(event: &Value) -> bool {
    event["event"] == "placed" && event["server"] == "0"
}

#[test]
fn a_chain_of_nodes_carries_the_stream() {
    let scene = Scene::new("a_chain_of_nodes_carries_the_stream");
    let tree = Tree::new(&scene);
    let (mut proxy, address) = tree.proxy("proxy", "127.0.0.1:0");
    let mut nodes = Vec::new();
    for (hop, name) in ["first", "second", "third"].into_iter().enumerate() {
        nodes.push(tree.node(name, &address));
        let joined = proxy.event("node_joined");
        assert_eq!(joined["hops"], hop as u64 + 1, "{joined}");
    }
    tree.plays("play", &nodes[2].1);
    tree.does_not_play();

    // The proxy server dies; the stream goes on, and its successor finds everything as it was.
    proxy.process().kill();
    nodes.iter_mut().for_each(|(node, _)| {
        node.event("proxy_lost");
    });
    tree.plays("play-without-proxy", &nodes[2].1);
    let (mut proxy, _) = tree.proxy("proxy-again", &address);
    let mut hops: Vec<_> = (0..3).map(|_| proxy.event("node_joined")["hops"].as_u64()).collect();
    hops.sort_unstable();
    assert_eq!(hops, [Some(1), Some(2), Some(3)]);

    // The first node dies; who watches at the third has not missed a frame.
    let mut watching = tree.watch("play-through-a-death", &nodes[2].1);
    nodes[2].0.event("child_started");
    nodes[0].0.process().kill();
    nodes[1].0.wait_for(at_the_root);
    watching.succeed(FRAMES);

    // The second leaves politely, and the same holds.
    let mut watching = tree.watch("play-through-a-leave", &nodes[2].1);
    nodes[2].0.event("child_started");
    nodes[1].0.process().signal("TERM");
    nodes[1].0.process().succeed(FRAMES);
    nodes[2].0.wait_for(at_the_root);
    watching.succeed(FRAMES);
    nodes[2].0.process().signal("TERM");
    nodes[2].0.process().succeed(FRAMES);
}
