//! Section 4.3.1: how many clients does an uplink carry, that of one server and those of many nodes?
//!
//! ```text
//!             hub: publisher, streaming server, proxy server        uplink shaped
//!                │              │
//!             clients     node 1 … node 10, a namespace each        uplinks shaped
//!                               │
//!                            clients, in a namespace of their own
//! ```
//!
//! The paper reckons `(video + audio bit rate) × 1.05 × 1.25` for each client. Here they are real: players that come,
//! a few at a time, until one of them misses a packet or an uplink is full. Clients of the streaming server come first, then, when those
//! have gone, clients of nodes that it feeds: these are let in by tickets of the proxy server.

mod audience;
mod report;

use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use super::guest;
use super::network::{Network, Uplink};
use super::tree::{Setting, Tree};

pub use audience::{Level, Phase};
pub use report::{Report, Stage};

use audience::{Audience, Server};

/// What the paper's stream has, video and audio together, in bits a second.
pub const PAPER_BITS: u32 = 364_000;
/// What the tone of the test source takes of that.
const TONE_BITS: u32 = 16_000;
/// Where clients begin to come one step at a time, as a share of what the paper's rule says.
const BEGIN: f64 = 0.75;
/// How many come in a step, as a share of what the rule says; at least one to each server.
const STEP: f64 = 0.02;
/// It ends when there are so many times as many as the rule says.
const END: f64 = 3.0;

/// What is to be done.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The programs.
    pub setting: Setting,
    /// What the streaming server and each node may send, in bits a second, with the headers of IP and Ethernet.
    pub uplink: u64,
    /// How much waits before an uplink, as the time that it takes to be sent.
    pub queue: Duration,
    /// Nodes; 0: only the streaming server is measured.
    pub nodes: u32,
    /// How long nobody comes while it is counted what is missing.
    pub hold: Duration,
}

impl Plan {
    /// The paper's stream.
    pub fn setting(setting: Setting) -> Setting {
        Setting { bitrate: PAPER_BITS - TONE_BITS, ..setting }
    }

    /// How many clients an uplink carries by the paper's rule.
    pub fn by_rule(&self) -> f64 {
        self.uplink as f64 / uplink_of_client(PAPER_BITS)
    }
}

/// The paper's rule: 5 % more for headers, and of that 25 % more for peaks.
fn uplink_of_client(bits: u32) -> f64 {
    f64::from(bits) * 1.05 * 1.25
}

/// Does it; `told` hears of each level.
///
/// # Errors
/// When there can be no namespaces, a program does not do its part, or a client is not served at all.
pub fn run(plan: &Plan, told: &mut (dyn FnMut(Phase, &Level) + Send)) -> Result<Report, Error> {
    if let Some(reason) = Network::obstacle() {
        return Err(Error::Namespaces(reason));
    }
    let uplink = Uplink { rate: plan.uplink, queue: plan.queue };
    let setting = Setting { root_capacity: plan.nodes.max(1), ..plan.setting.clone() };
    let mut tree = Tree::plant(setting, Network::namespaces()?)?;
    let home = tree.add_place()?;
    let hub = tree.network().hub();
    hub.shape(uplink)?;
    let server = Server { url: tree.stream_url()?, place: hub };
    let audience = Audience { plan, home: &home, halt: tree.halt() };
    let one = audience.fill(&[server], &mut |level| told(Phase::Server, level))?;
    let mut stages = vec![Stage::new(plan, 1, one)];
    if plan.nodes > 0 {
        let capacity = (plan.by_rule() * END).ceil() as u32;
        let mut servers = Vec::new();
        for _ in 0..plan.nodes {
            let at = tree.add(capacity)?;
            tree.nodes[at].first_frame()?;
            tree.nodes[at].place.shape(uplink)?;
        }
        for url in guest::invitations(&tree, &home, plan.nodes)? {
            let place = tree.place_of(&url)?;
            servers.push(Server { url, place });
        }
        let audience = Audience { plan, home: &home, halt: tree.halt() };
        let all = audience.fill(&servers, &mut |level| told(Phase::Nodes, level))?;
        stages.push(Stage::new(plan, plan.nodes, all));
    }
    tree.fell()?;
    Ok(Report { plan: plan.clone(), stages })
}
