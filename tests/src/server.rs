//! `rillcast serve`, as a test starts it.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;
use crate::role::Role;
use crate::rtsp::{Connection, Response};
use crate::scene::Scene;

/// How long the server may take for anything it is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server and the events it prints.
#[derive(Debug)]
pub struct Server {
    role: Role,
    address: String,
    secure: Option<String>,
    http: String,
}

impl Server {
    /// Starts `rillcast serve` on free ports of 127.0.0.1 and waits until it listens.
    ///
    /// # Panics
    /// When it does not listen within the deadline.
    pub fn start(scene: &Scene, options: &[&str]) -> Server {
        Server::start_at(scene, "serve", "127.0.0.1:0", options)
    }

    /// The same under a name of its own (there may be several in a scene) and at another address.
    ///
    /// # Panics
    /// When it does not listen within the deadline.
    pub fn start_at(scene: &Scene, name: &str, listen: &str, options: &[&str]) -> Server {
        let arguments = [&["serve", "--rtsp", listen, "--http", "127.0.0.1:0"], options].concat();
        let role = Role::start(scene, name, &arguments);
        let (address, http) = Default::default();
        let mut server = Server { role, address, secure: None, http };
        let listening = server.wait_for(PATIENCE, |event| event["event"] == "listening");
        server.secure = listening["rtsps"].as_str().map(str::to_owned);
        server.http = listening["http"].as_str().expect("where the figures are").to_owned();
        let url = listening["rtsp"].as_str().expect("`listening` tells the RTSP address");
        server.address = url.trim_start_matches("rtsp://").trim_end_matches('/').to_owned();
        server
    }

    /// The URL of a stream on this server.
    pub fn url(&self, path: &str) -> String {
        format!("rtsp://{}/{path}", self.address)
    }

    /// The URL of a stream with user and password in it.
    pub fn url_as(&self, user: &str, password: &str, path: &str) -> String {
        format!("rtsp://{user}:{password}@{}/{path}", self.address)
    }

    /// The `rtsps://` URL of a stream.
    ///
    /// # Panics
    /// When the server was started without `--rtsps`.
    pub fn secure_url(&self, path: &str) -> String {
        format!("{}{path}", self.secure.as_ref().expect("a server with --rtsps"))
    }

    /// The URL of the figures, with a slash at its end.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// The `HOST:PORT` it listens on.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A publisher by hand, whose stream can be played.
    ///
    /// # Panics
    /// When the server does not take it within the deadline.
    pub fn publish(&mut self, path: &str, sdp: &str) -> Connection {
        let mut publisher = Connection::open(&self.address);
        publisher.publish(&self.url(path), sdp);
        self.stream_started(path);
        publisher
    }

    /// Waits until a publisher's stream can be played.
    ///
    /// # Panics
    /// When it does not come within the deadline.
    pub fn stream_started(&mut self, path: &str) {
        self.wait_for(PATIENCE, |e| e["event"] == "stream_started" && e["path"] == path);
    }

    /// Waits until a player has begun.
    ///
    /// # Panics
    /// When none does within the deadline.
    pub fn child_started(&mut self, path: &str) {
        self.wait_for(PATIENCE, |e| e["event"] == "child_started" && e["path"] == path);
    }

    /// Ends the server by a signal and looks into its books: for a stream that was carried whole,
    /// packets in are packets out, and no packet was dropped at either side.
    ///
    /// # Panics
    /// When the books do not balance, or tell of a packet dropped.
    pub fn balances(mut self, path: &str) {
        self.process().signal("TERM");
        let ledger = self.wait_for(PATIENCE, |e| e["event"] == "ledger" && e["path"] == path);
        assert_eq!(ledger["balances"], true, "{ledger}");
        assert_eq!(ledger["lost_by_children"], 0, "{ledger}");
        assert!(ledger["dropped"].as_object().is_none_or(|causes| causes.is_empty()), "{ledger}");
        assert!(ledger["received"].as_u64() > Some(0), "{ledger}");
    }

    /// Waits for the books of a stream that is over.
    ///
    /// # Panics
    /// When they are not closed within the deadline.
    pub fn ledger(&mut self, path: &str) -> Value {
        self.wait_for(PATIENCE, |e| e["event"] == "ledger" && e["path"] == path)
    }

    /// Ends the server by a signal; everything it has ever said.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn end(mut self) -> Vec<Value> {
        self.process().signal("TERM");
        self.process().succeed(PATIENCE);
        self.role.last_words().to_vec()
    }

    /// Ends the server by a signal; how many of each kind it has refused before they came to a stream.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn refusals(mut self) -> Value {
        self.process().signal("TERM");
        let refusals = self.wait_for(PATIENCE, |e| e["event"] == "refusals");
        self.process().succeed(PATIENCE);
        refusals
    }

    /// Where to send what is for the server's port number `which` (0: RTP, 1: RTCP) of an answer to
    /// SETUP.
    ///
    /// # Panics
    /// When the answer names no ports.
    pub fn udp_port(&self, setup: &Response, which: usize) -> SocketAddr {
        let transport = setup.header("transport");
        let ports = transport.split(';').find_map(|part| part.strip_prefix("server_port="));
        let port = ports.and_then(|ports| ports.split('-').nth(which)?.parse().ok());
        let mut address: SocketAddr = self.address.parse().expect("the server's address");
        address.set_port(port.unwrap_or_else(|| panic!("no server_port: {transport}")));
        address
    }

    /// Waits until a stream has ended.
    ///
    /// # Panics
    /// When it does not within the deadline.
    pub fn stream_ended(&mut self, path: &str) -> Value {
        self.wait_for(PATIENCE, |e| e["event"] == "stream_ended" && e["path"] == path)
    }

    /// Waits for the first event, not waited for before, that fits.
    ///
    /// # Panics
    /// When none comes within `limit`; the text says which came instead.
    pub fn wait_for(&mut self, limit: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        self.role.wait_within(limit, fits)
    }

    /// The process, to be signalled or watched.
    pub fn process(&mut self) -> &mut Process {
        self.role.process()
    }

    /// Ends the server, if it has not ended yet, and looks into the books of every stream it ever had:
    /// those that it closed before, and those that it closes now. A server that was killed has
    /// closed none at its end.
    fn audit(&mut self) {
        if self.process().is_running() {
            self.process().signal("TERM");
        }
        for ledger in self.role.last_words().iter().filter(|event| event["event"] == "ledger") {
            assert_eq!(ledger["balances"], true, "a packet is unaccounted for: {ledger}");
        }
    }
}

/// Whatever a test was about: at its end every packet is accounted for.
impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.audit();
        }
    }
}
