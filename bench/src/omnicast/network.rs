//! Where the programs of an experiment run: all on loopback, or each node in a network of its own.
//!
//! ```text
//!              hub (streaming server, proxy server)
//!                 bridge 10.213.0.1/16
//!        ┌───────────┬────┴──────┬───────────┐      a veth pair each
//!   10.213.1.0   10.213.1.1   10.213.1.2     …      a network namespace for each node
//! ```
//!
//! In a namespace of its own a node can be cut off without anybody being told, or lose packets by chance. That
//! needs root, and `ip`, `nft` and `nsenter`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::{Error, doing};

/// The tools that namespaces need.
const TOOLS: [&str; 3] = ["ip", "nft", "nsenter"];
/// Folders in which they are and which not everybody has in his path.
const SYSTEM: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Where `ip netns` keeps its namespaces.
const NAMES: &str = "/run/netns";

/// Tells the networks of one process apart.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A place for a program.
#[derive(Clone, Debug)]
pub struct Place {
    namespace: Option<String>,
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
            None => Place { namespace: None, address: Ipv4Addr::LOCALHOST.into() },
            Some(prefix) => Place {
                namespace: Some(format!("{prefix}-hub")),
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
        Ok(Place { namespace: Some(name), address: address.into() })
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
        let Ok(names) = std::fs::read_dir(NAMES) else { return };
        for name in names.flatten() {
            let name = name.file_name().to_string_lossy().into_owned();
            if name.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('-')) {
                // What cannot be taken away stays to be seen in `ip netns`.
                let _ = run("ip", &["netns", "del", &name]);
            }
        }
    }
}

/// Takes away what processes have left that were killed.
fn sweep() {
    let Ok(names) = std::fs::read_dir(NAMES) else { return };
    for name in names.flatten() {
        let name = name.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix("rillcast-").and_then(|rest| rest.split('-').next());
        let owner = owner.and_then(|owner| owner.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            // What cannot be taken away stays to be seen in `ip netns`.
            let _ = run("ip", &["netns", "del", &name]);
        }
    }
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
