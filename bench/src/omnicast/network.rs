//! Where the programs of an experiment run: all on loopback, or each node in a network of its own.
//!
//! ```text
//!              hub (streaming server, proxy server)
//!                 bridge 10.213.0.1/16
//!        ┌───────────┬────┴──────┬───────────┐      a veth pair each
//!   10.213.1.0   10.213.1.1   10.213.1.2     …      a network namespace for each node
//! ```
//!
//! In a namespace of its own a node can be cut off without anybody being told, lose packets by chance, or have an
//! uplink that carries only so much. That needs root, and `ip`, `nft`, `nsenter` and `tc`.

use std::fs::File;
use std::io::Write as _;
use std::iter::Sum;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use super::error::{Error, doing};

/// The tools that namespaces need.
const TOOLS: [&str; 4] = ["ip", "nft", "nsenter", "tc"];
/// Folders in which they are and which not everybody has in his path.
const SYSTEM: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Where `ip netns` keeps its namespaces.
const NAMES: &str = "/run/netns";

/// Bytes that a shaped uplink sends at once. Less than what the kernel puts together in one send is taken apart.
const BURST: u64 = 16 << 10;

/// Tells the networks of one process apart.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// What a place may send.
#[derive(Clone, Copy, Debug)]
pub struct Uplink {
    /// Bits a second, with the headers of IP and Ethernet.
    pub rate: u64,
    /// How much may wait, as the time that it takes to be sent. What comes then is dropped.
    pub queue: Duration,
}

/// What went out by a shaped uplink.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Bytes, with the headers of IP and Ethernet.
    pub bytes: u64,
    /// Packets that found no room.
    pub dropped: u64,
}

impl Sum for Sent {
    fn sum<I: Iterator<Item = Sent>>(all: I) -> Sent {
        all.fold(Sent::default(), |sum, one| Sent {
            bytes: sum.bytes + one.bytes,
            dropped: sum.dropped + one.dropped,
        })
    }
}

/// A place for a program.
#[derive(Clone, Debug)]
pub struct Place {
    namespace: Option<String>,
    /// By which device it reaches the others.
    device: &'static str,
    /// Its address.
    pub address: IpAddr,
}

impl Place {
    /// A command that will run there.
    pub fn command(&self, program: &Path) -> Command {
        match &self.namespace {
            None => Command::new(program),
            Some(name) => {
                let mut command = tool("nsenter");
                command.arg(format!("--net={NAMES}/{name}")).arg("--").arg(program);
                command
            }
        }
    }

    fn in_namespace(&self) -> Result<&str, Error> {
        self.namespace.as_deref().ok_or_else(|| Error::Command {
            line: "ip netns".into(),
            said: "there are no namespaces in this experiment".into(),
        })
    }

    /// From now on nothing comes in and nothing goes out, and nobody is told.
    ///
    /// # Errors
    /// When there are no namespaces, or `nft` fails.
    pub fn silence(&self) -> Result<(), Error> {
        self.filter(&["input", "output"], "drop")
    }

    /// From now on so many of a hundred packets that come in are lost by chance.
    ///
    /// # Errors
    /// When there are no namespaces, or `nft` fails.
    pub fn lose(&self, percent: u32) -> Result<(), Error> {
        self.filter(&["input"], &format!("numgen random mod 100 < {percent} drop"))
    }

    /// From now on it may send so much only.
    ///
    /// # Errors
    /// When there are no namespaces, or `tc` fails.
    pub fn shape(&self, uplink: Uplink) -> Result<(), Error> {
        let (name, Uplink { rate, queue }) = (self.in_namespace()?, uplink);
        let bytes = rate as f64 / 8.0 * queue.as_secs_f64();
        let (rate, burst) = (format!("{rate}bit"), BURST.to_string());
        let limit = (BURST + bytes.ceil() as u64).to_string();
        let shaper = ["tbf", "rate", &rate, "burst", &burst, "limit", &limit];
        let device = ["-n", name, "qdisc", "replace", "dev", self.device, "root"];
        run("tc", &[&device[..], &shaper].concat()).map(drop)
    }

    /// What it has sent since its uplink is [shaped](Place::shape).
    ///
    /// # Errors
    /// When it is not, or `tc` fails.
    pub fn sent(&self) -> Result<Sent, Error> {
        let show = ["-n", self.in_namespace()?, "-s", "-j", "qdisc", "show", "dev", self.device];
        let text = run("tc", &show)?;
        let unknown =
            || Error::Command { line: format!("tc {}", show.join(" ")), said: text.clone() };
        let disciplines: Vec<Value> = serde_json::from_str(&text).map_err(|_| unknown())?;
        let shaper = disciplines.iter().find(|one| one["kind"] == "tbf").ok_or_else(unknown)?;
        let number = |name: &str| shaper[name].as_u64().ok_or_else(unknown);
        Ok(Sent { bytes: number("bytes")?, dropped: number("drops")? })
    }

    /// Does something on a thread of its own whose sockets are there.
    ///
    /// # Errors
    /// When the thread cannot get there, and those of `work`.
    pub fn visit<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let thread = || {
            if let Some(name) = &self.namespace {
                let path = format!("{NAMES}/{name}");
                let place = File::open(&path).map_err(doing(format!("open {path}")))?;
                move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                    .map_err(|error| doing(format!("enter {path}"))(error.into()))?;
            }
            work()
        };
        thread::scope(|scope| match scope.spawn(thread).join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        })
    }

    /// The same rule at some hooks of the packet filter.
    fn filter(&self, hooks: &[&str], rule: &str) -> Result<(), Error> {
        let chain = |hook: &&str| {
            format!("chain {hook} {{\ntype filter hook {hook} priority 0;\n{rule};\n}}\n")
        };
        let chains: String = hooks.iter().map(chain).collect();
        let namespace = format!("--net={NAMES}/{}", self.in_namespace()?);
        let table = format!("table inet rillcast {{\n{chains}}}\n");
        run("nsenter", &[&namespace, "--", "nft", &table]).map(drop)
    }
}

/// The network of an experiment.
#[derive(Debug)]
pub struct Network {
    /// What its namespaces are called, when it has any.
    prefix: Option<String>,
    nodes: u16,
}

impl Network {
    /// All on loopback.
    pub fn loopback() -> Network {
        Network { prefix: None, nodes: 0 }
    }

    /// A namespace for each node.
    ///
    /// # Errors
    /// When a command fails, as for anybody but root.
    pub fn namespaces() -> Result<Network, Error> {
        sweep();
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("rillcast-{}-{number}", id());
        let hub = format!("{prefix}-hub");
        // From here on dropping it takes away what there is.
        let network = Network { prefix: Some(prefix), nodes: 0 };
        let ip = |arguments: &[&str]| run("ip", arguments).map(drop);
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "set", "lo", "up"])?;
        // With an address of its own: else it takes that of a node's link, another one as nodes come, and
        // those that knew the former do not reach it for a while.
        let bridge = ["link", "add", "br0", "address", "02:00:00:00:00:01", "type", "bridge"];
        ip(&[&["-n", &hub][..], &bridge].concat())?;
        ip(&["-n", &hub, "address", "add", "10.213.0.1/16", "dev", "br0"])?;
        ip(&["-n", &hub, "link", "set", "br0", "up"])?;
        Ok(network)
    }

    /// Why there cannot be namespaces; `None`: there can.
    pub fn obstacle() -> Option<String> {
        let missing = |name: &&&str| {
            let version =
                tool(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            version.is_err()
        };
        if let Some(name) = TOOLS.iter().find(missing) {
            return Some(format!("there is no {name}"));
        }
        Network::namespaces().err().map(|error| match error {
            Error::Command { said, .. } => format!("only root may make namespaces ({said})"),
            error => error.to_string(),
        })
    }

    /// Whether each node has a namespace.
    pub fn has_namespaces(&self) -> bool {
        self.prefix.is_some()
    }

    /// Where the streaming server and the proxy server are.
    pub fn hub(&self) -> Place {
        match &self.prefix {
            None => Place { namespace: None, device: "lo", address: Ipv4Addr::LOCALHOST.into() },
            Some(prefix) => Place {
                namespace: Some(format!("{prefix}-hub")),
                // What is handed on between nodes does not go out by it.
                device: "br0",
                address: Ipv4Addr::new(10, 213, 0, 1).into(),
            },
        }
    }

    /// A place for another node.
    ///
    /// # Errors
    /// When a command fails.
    pub fn add(&mut self) -> Result<Place, Error> {
        let Some(prefix) = &self.prefix else { return Ok(self.hub()) };
        let number = self.nodes;
        self.nodes = number.wrapping_add(1);
        let (hub, name) = (format!("{prefix}-hub"), format!("{prefix}-{number}"));
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(10, 213, high.wrapping_add(1), low);
        let far = format!("n{number}");
        let ip = |arguments: &[&str]| run("ip", arguments).map(drop);
        ip(&["netns", "add", &name])?;
        let pair = ["type", "veth", "peer", "name", &far, "netns", &hub];
        ip(&[&["link", "add", "eth0", "netns", &name][..], &pair].concat())?;
        ip(&["-n", &hub, "link", "set", &far, "master", "br0", "up"])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["-n", &name, "address", "add", &format!("{address}/16"), "dev", "eth0"])?;
        ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        Ok(Place { namespace: Some(name), device: "eth0", address: address.into() })
    }

    /// Takes a place away of which nobody makes use any more.
    pub fn remove(&self, place: &Place) {
        if let Some(name) = &place.namespace {
            // The end of the whole network takes it away at the latest.
            let _ = run("ip", &["netns", "del", name]);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let Some(prefix) = &self.prefix else { return };
        take_away(|name| {
            name.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('-'))
        });
    }
}

/// Takes away what processes have left that were killed.
fn sweep() {
    take_away(|name| {
        let owner = name.strip_prefix("rillcast-").and_then(|rest| rest.split('-').next());
        let owner = owner.and_then(|owner| owner.parse::<u32>().ok());
        owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists())
    });
}

/// Takes these namespaces away, all by one command: there is not much time when the end was asked for.
fn take_away(which: impl Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir(NAMES) else { return };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let lines: String =
        names.filter(|name| which(name)).map(|name| format!("netns del {name}\n")).collect();
    if lines.is_empty() {
        return;
    }
    // What cannot be taken away stays to be seen in `ip netns`.
    let mut batch = tool("ip");
    batch.args(["-force", "-batch", "-"]).stdin(Stdio::piped());
    let batch = batch.stderr(Stdio::null()).spawn();
    let Ok(mut batch) = batch else { return };
    if let Some(mut input) = batch.stdin.take() {
        let _ = input.write_all(lines.as_bytes());
    }
    let _ = batch.wait();
}

/// A tool of the system, looked for also where only root looks.
fn tool(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:{SYSTEM}"));
    command
}

/// Runs a tool to its end; what it has printed.
///
/// # Errors
/// When it cannot be started, or fails.
pub(super) fn run(name: &str, arguments: &[&str]) -> Result<String, Error> {
    let output = tool(name).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(doing(format!("run {name}")))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::Command {
            line: format!("{name} {}", arguments.join(" ")),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}
