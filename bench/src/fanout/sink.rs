//! Receivers that cost nothing: a pair of interfaces whose far end, in a network namespace of its own, drops what
//! arrives at once.
//!
//! ```text
//!  relay ── sendmmsg ──▶ rls<pid> ══════ far │ counted and dropped at the ingress hook
//!           this namespace                   │ namespace rillcast-sink-<pid>
//! ```
//!
//! Nearer to a real device than the loopback: segmentation is left to the "device", and the kernel's receiving half
//! is not charged to the sender. Needs root, and the programs `ip` and `nft`.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output, Stdio};

use rillcast_loopback::PACKET;

use super::Error;

/// The port of the first receiver; those of the others follow.
const FIRST_PORT: u16 = 10_000;
/// Of IP and UDP, once in each message, however many packets it joins.
const HEADERS: u64 = 28;
/// In front of these, as the device counts it.
const ETHERNET: u64 = 14;
const RULES: &str = "table netdev sink {
    counter arrived { }
    chain in {
        type filter hook ingress device \"far\" priority 0;
        ip protocol udp counter name \"arrived\" drop
        drop
    }
}
";

/// The interfaces, until it is dropped.
pub(super) struct Sink {
    namespace: String,
    device: String,
    addresses: Vec<SocketAddr>,
}

impl Sink {
    /// Makes the interfaces, and so many addresses behind them.
    pub(super) fn start(children: usize) -> Result<Sink, Error> {
        let pid = std::process::id();
        // Of those kept for benchmarks (RFC 2544 §C.2.2): a /30 for each process.
        let [.., high, low] = pid.to_be_bytes();
        let at = |host: u8| {
            Ipv4Addr::new(198, 18 | (high >> 6 & 1), high << 2 | low >> 6, low << 2 | host)
        };
        let (near, far) = (at(1), at(2));
        let addresses = (FIRST_PORT..).take(children).map(|port| (far, port).into()).collect();
        let namespace = format!("rillcast-sink-{pid}");
        run(&format!("ip netns add {namespace}"))?;
        let sink = Sink { namespace, device: format!("rls{pid}"), addresses };
        let Sink { namespace, device, .. } = &sink;
        for command in [
            format!(
                "ip link add {device} address 02:00:00:00:00:01 type veth \
                 peer name far address 02:00:00:00:00:02 netns {namespace}"
            ),
            format!("ip address add {near}/30 dev {device}"),
            format!("ip link set {device} up"),
            format!("ip -n {namespace} link set far up"),
            // Nobody is there to answer who has the address.
            format!("ip neighbour add {far} lladdr 02:00:00:00:00:02 dev {device} nud permanent"),
        ] {
            run(&command)?;
        }
        fed(&format!("ip netns exec {namespace} nft -f -"), RULES)?;
        Ok(sink)
    }

    /// Where a relay is to send to.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Packets that the device has taken so far; cheaper to ask for than [`arrived`](Sink::arrived), and at a moment when
    /// some are on their way not exact.
    pub(super) fn passed(&self) -> Result<u64, Error> {
        let count = |name| {
            let path = format!("/sys/class/net/{}/statistics/{name}", self.device);
            let text = fs::read_to_string(&path).map_err(|error| error.to_string());
            let count =
                text.and_then(|text| text.trim().parse().map_err(|_| "it is no number".into()));
            count.map_err(|error: String| Error::Sink(format!("{path}: {error}")))
        };
        let (bytes, messages): (u64, u64) = (count("tx_bytes")?, count("tx_packets")?);
        Ok(bytes.saturating_sub(messages * (ETHERNET + HEADERS)) / PACKET as u64)
    }

    /// Packets that came so far.
    pub(super) fn arrived(&self) -> Result<u64, Error> {
        let counter =
            format!("ip netns exec {} nft -j list counter netdev sink arrived", self.namespace);
        let text = run(&counter)?.stdout;
        let count = |name: &str| {
            let all: serde_json::Value = serde_json::from_slice(&text).ok()?;
            let mut objects = all["nftables"].as_array()?.iter();
            objects.find_map(|object| object["counter"][name].as_u64())
        };
        let (Some(messages), Some(bytes)) = (count("packets"), count("bytes")) else {
            return Err(Error::Sink("nft does not tell what has arrived".into()));
        };
        Ok(bytes.saturating_sub(messages * HEADERS) / PACKET as u64)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // With the namespace the interfaces would go too, but some time later.
        for command in [
            format!("ip link delete {}", self.device),
            format!("ip netns delete {}", self.namespace),
        ] {
            if let Err(error) = run(&command) {
                tracing::warn!(%error, "an interface or network namespace stays behind");
            }
        }
    }
}

fn run(command: &str) -> Result<Output, Error> {
    fed(command, "")
}

/// Runs a command and gives it `input`.
fn fed(command: &str, input: &str) -> Result<Output, Error> {
    let failed = |reason: String| Error::Sink(format!("`{command}`: {reason}"));
    let mut words = command.split_whitespace();
    let mut child = Command::new(words.next().unwrap_or_default())
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let fed = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    match fed {
        _ if !output.status.success() => {
            Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
        }
        Some(Err(error)) => Err(failed(error.to_string())),
        _ => Ok(output),
    }
}
