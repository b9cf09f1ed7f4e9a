//! A whole tree of real programs: publisher, streaming server, proxy server, nodes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rillcast::rtsp::Url;
use serde::Serialize;
use serde_json::Value;

use super::error::{Error, doing};
use super::folder::Folder;
use super::halt::{Halt, Never, pause};
use super::network::{Network, Place};
use super::role::{Role, Signal};
use super::trace::Trace;

/// The channel.
pub(super) const CHANNEL: &str = "live";
/// The account of all nodes.
pub(super) const USER: &str = "bench";
/// Its password.
pub(super) const PASSWORD: &str = "tulip";

/// What is published, and how nodes are placed.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// This program.
    pub program: PathBuf,
    /// Bits a second of the test picture; the tone beside it takes some 16 kbit/s.
    pub bitrate: u32,
    /// Its size, as WIDTHxHEIGHT.
    pub size: &'static str,
    /// How many nodes the streaming server serves.
    pub root_capacity: u32,
    /// By which algorithm nodes are placed.
    pub topology: &'static str,
    /// Options of the nodes beside those that all need.
    pub node_options: Vec<String>,
    /// Whether it is to end early.
    #[serde(skip)]
    pub halt: Arc<dyn Halt>,
}

impl Setting {
    /// The paper's stream (300 kbit/s video, 30 pictures a second), the streaming server serving one node.
    pub fn paper(program: PathBuf) -> Setting {
        Setting {
            program,
            bitrate: 300_000,
            size: "320x180",
            root_capacity: 1,
            topology: "indexed",
            node_options: Vec::new(),
            halt: Arc::new(Never),
        }
    }
}

/// A tree that stands. Its programs are killed when it is dropped.
pub struct Tree {
    /// The nodes, in the order in which they were started.
    pub nodes: Vec<TreeNode>,
    setting: Setting,
    proxy: Role,
    /// `HOST:PORT` of the proxy server.
    proxy_address: String,
    publisher: Role,
    server: Role,
    /// Port of the streaming server.
    server_port: u16,
    password: PathBuf,
    started: usize,
    network: Network,
    // Last: the programs write there until they are dropped.
    folder: Folder,
}

/// A node of it.
pub struct TreeNode {
    /// What it is called: `node 1` is the first one that was started.
    pub name: String,
    /// The program.
    pub role: Role,
    /// Where it runs.
    pub place: Place,
    trace: PathBuf,
}

impl TreeNode {
    /// Waits for its first picture; the times that it tells.
    ///
    /// # Errors
    /// When none comes.
    pub fn first_frame(&mut self) -> Result<FirstFrame, Error> {
        let event = self.role.event("first_frame")?;
        let number = |name: &str| event[name].as_f64().unwrap_or(f64::NAN);
        Ok(FirstFrame {
            uscp_ms: number("uscp_ms"),
            rtsp_ms: number("rtsp_ms"),
            first_frame_ms: number("first_frame_ms"),
            lost_frames: event["lost_frames"].as_u64().unwrap_or(0),
            total_ms: number("total_ms"),
        })
    }

    /// What it has received so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn trace(&self) -> Result<Trace, Error> {
        Trace::read(&self.trace)
    }
}

/// How long a node's first picture took, in the paper's parts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FirstFrame {
    /// The session with the proxy server, to its word from whom to take the stream.
    pub uscp_ms: f64,
    /// The session with the server node, to the answer to PLAY.
    pub rtsp_ms: f64,
    /// From there to the first frame that can be decoded.
    pub first_frame_ms: f64,
    /// Frames that came before and could not be.
    pub lost_frames: u64,
    /// All of it.
    pub total_ms: f64,
}

impl Tree {
    /// A publisher, a streaming server and a proxy server, and no node yet.
    ///
    /// # Errors
    /// When one of them does not come about.
    pub fn plant(setting: Setting, network: Network) -> Result<Tree, Error> {
        let (folder, hub) = (Folder::new()?, network.hub());
        let program = setting.program.clone();
        let start = |name: &str, arguments: &[&str], input| {
            Role::start(&hub, folder.path(), (name, &program), arguments, input, &setting.halt)
        };
        // Whoever comes from another network namespace is a stranger: he may play. Elsewhere nobody is let in
        // from outside.
        let listen = if network.has_namespaces() { "0.0.0.0:0" } else { "127.0.0.1:0" };
        let mut server =
            start("serve", &["serve", "--rtsp", listen, "--http", "127.0.0.1:0"], None)?;
        let port = port(&server.event("listening")?["rtsp"]);
        let publish = format!("rtsp://127.0.0.1:{port}/{CHANNEL}");
        let bitrate = setting.bitrate.to_string();
        let options = ["--size", setting.size, "--bitrate", &bitrate];
        let publisher =
            start("publish", &[&["publish", "test", &publish][..], &options].concat(), None)?;
        server.event("stream_started")?;

        let password = folder.path().join("password");
        fs::write(&password, format!("{PASSWORD}\n"))
            .map_err(doing("write the password of the nodes"))?;
        let input = File::open(&password).map_err(doing("read the password of the nodes"))?;
        let directory = folder.path().join("directory.sqlite").display().to_string();
        let add = ["proxy", "user", "add", USER, "--directory", &directory];
        start("user", &add, Some(input))?.ended()?;
        let channel = format!("{CHANNEL}=rtsp://{}:{port}/{CHANNEL}", hub.address);
        let capacity = setting.root_capacity.to_string();
        let listen = format!("{}:0", hub.address);
        let mut proxy = start(
            "proxy",
            &[
                "proxy",
                "--listen",
                &listen,
                "--directory",
                &directory,
                "--channel",
                &channel,
                "--root-capacity",
                &capacity,
                "--topology",
                setting.topology,
                "--nodes-per-user",
                "100000",
                "--max-connections-per-address",
                "10000",
            ],
            None,
        )?;
        let proxy_address =
            proxy.event("listening")?["uscp"].as_str().unwrap_or_default().to_owned();
        Ok(Tree {
            nodes: Vec::new(),
            setting,
            proxy,
            proxy_address,
            publisher,
            server,
            server_port: port,
            password,
            started: 0,
            network,
            folder,
        })
    }

    /// Starts one more node that serves so many others, and returns its index at once.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn add(&mut self, capacity: u32) -> Result<usize, Error> {
        let place = self.network.add()?;
        self.started += 1;
        let name = format!("node {}", self.started);
        let trace = self.folder.path().join(format!("{name}.trace"));
        let (listen, capacity) = (format!("{}:0", place.address), capacity.to_string());
        let file = |path: &Path| path.display().to_string();
        let (password, trace_file) = (file(&self.password), file(&trace));
        let mut arguments = vec![
            "node",
            "--proxy",
            &self.proxy_address,
            "--user",
            USER,
            "--password-file",
            &password,
            "--channel",
            CHANNEL,
            "--rtsp",
            &listen,
            "--capacity",
            &capacity,
            "--stats",
            "--trace",
            &trace_file,
        ];
        arguments.extend(self.setting.node_options.iter().map(String::as_str));
        let program = (name.as_str(), self.setting.program.as_path());
        let (folder, halt) = (self.folder.path(), &self.setting.halt);
        let mut role = Role::start(&place, folder, program, &arguments, None, halt)?;
        role.event("listening")?;
        self.nodes.push(TreeNode { name, role, place, trace });
        Ok(self.nodes.len() - 1)
    }

    /// Starts nodes one after the other, each of which serves one: a chain. What their first pictures took.
    ///
    /// # Errors
    /// When one of them does not receive.
    pub fn add_chain(&mut self, nodes: usize) -> Result<Vec<FirstFrame>, Error> {
        (0..nodes)
            .map(|_| {
                let at = self.add(1)?;
                self.nodes[at].first_frame()
            })
            .collect()
    }

    /// Takes a node out that is gone; what it has received.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn forget(&mut self, index: usize) -> Result<Trace, Error> {
        let mut node = self.nodes.remove(index);
        node.role.kill();
        self.network.remove(&node.place);
        node.trace()
    }

    /// Lets it stand for so long.
    ///
    /// # Errors
    /// [`Error::Halted`].
    pub fn pause(&self, time: Duration) -> Result<(), Error> {
        pause(&self.setting.halt, time)
    }

    /// A place for something else that takes part.
    ///
    /// # Errors
    /// When a command fails.
    pub fn add_place(&mut self) -> Result<Place, Error> {
        self.network.add()
    }

    /// Where the stream is at the streaming server, as seen by others.
    pub(super) fn stream_url(&self) -> Result<Url, Error> {
        let (host, port) = (self.network.hub().address, self.server_port);
        let url = format!("rtsp://{host}:{port}/{CHANNEL}");
        Url::parse(&url).map_err(|error| Error::Trace(format!("{url}: {error}")))
    }

    /// `HOST:PORT` of the proxy server.
    pub(super) fn proxy_address(&self) -> &str {
        &self.proxy_address
    }

    /// The place of the node that has such a URL.
    pub(super) fn place_of(&self, url: &Url) -> Result<Place, Error> {
        let is_there = |node: &&TreeNode| node.place.address.to_string() == url.host();
        let node = self.nodes.iter().find(is_there);
        let nowhere = || Error::Trace(format!("no node is at {}", url.host()));
        node.map(|node| node.place.clone()).ok_or_else(nowhere)
    }

    /// What tells that all is to end.
    pub(super) fn halt(&self) -> Arc<dyn Halt> {
        self.setting.halt.clone()
    }

    /// The network that it stands in.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The proxy server.
    pub fn proxy(&mut self) -> &mut Role {
        &mut self.proxy
    }

    /// The streaming server.
    pub fn server(&mut self) -> &mut Role {
        &mut self.server
    }

    /// Ends everything in order, the leaves first, and waits for it.
    ///
    /// # Errors
    /// When a program does not end.
    pub fn fell(mut self) -> Result<(), Error> {
        for node in self.nodes.iter_mut().rev() {
            node.role.signal(Signal::Term)?;
        }
        for role in self.nodes.iter_mut().map(|node| &mut node.role) {
            role.ended()?;
        }
        for role in [&mut self.publisher, &mut self.proxy, &mut self.server] {
            role.signal(Signal::Term)?;
            role.ended()?;
        }
        Ok(())
    }
}

/// The port in a URL or an address as a role tells it.
fn port(told: &Value) -> u16 {
    let text = told.as_str().unwrap_or_default().trim_end_matches('/');
    text.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0)
}
