//! Clients that come until one of them misses a packet.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rillcast::rtsp::Url;
use serde::Serialize;

use super::super::error::Error;
use super::super::halt::{Halt, pause};
use super::super::network::{Place, Sent};
use super::{BEGIN, END, PAPER_BITS, Plan, STEP};
use crate::fanout::Transport;
use crate::players::Players;

/// Time between two clients.
const APART: Duration = Duration::from_millis(50);
/// How long it takes until what a client is given at once at its beginning has gone by.
const SETTLE: Duration = Duration::from_millis(2_500);
/// Longest time that clients may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a number of clients is tried until nothing is missing: a machine that does other things, too, stands
/// still at times, and sends too much at once when it goes on.
const TRIES: u32 = 3;
/// An uplink of which more is used is full: what waits before it grows, if slowly.
const FULL: f64 = 0.995;
/// How often it is looked whether the end was asked for.
const LOOK: Duration = Duration::from_millis(50);

/// Of whom the clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Of the streaming server.
    Server,
    /// Of nodes.
    Nodes,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Server => "the streaming server",
            Phase::Nodes => "the nodes",
        })
    }
}

/// So many clients, and how they fared.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Level {
    /// How many.
    pub clients: u32,
    /// Packets that they missed while nobody came.
    pub lost: u64,
    /// Packets that they missed while the last ones came, who are given at once what they need for a picture.
    pub lost_joining: u64,
    /// What uplinks dropped while nobody came: packets, or several that the system sends as one.
    pub dropped: u64,
    /// What went over each uplink meanwhile, in bits a second: the mean of all of them.
    pub used: f64,
    /// Whether uplinks carry so many: nothing was missing, no uplink was full, and all of the stream was sent.
    pub carried: bool,
    /// How often it was tried; the last time counts.
    pub tries: u32,
}

/// Whom clients take the stream from.
pub(super) struct Server {
    pub(super) url: Url,
    pub(super) place: Place,
}

/// All clients, at a place of theirs.
pub(super) struct Audience<'a> {
    pub(super) plan: &'a Plan,
    pub(super) home: &'a Place,
    pub(super) halt: Arc<dyn Halt>,
}

impl Audience<'_> {
    /// Lets clients come to all servers alike until one of them misses a packet; then they leave.
    pub(super) fn fill(
        &self,
        servers: &[Server],
        told: &mut (dyn FnMut(&Level) + Send),
    ) -> Result<Vec<Level>, Error> {
        self.home.visit(|| {
            let mut players = Players::new(self.home.address, Transport::Udp)?;
            let by_rule = self.plan.by_rule();
            // To each server the same number.
            let each = |share: f64| (by_rule * share).ceil().max(1.0) as usize * servers.len();
            let mut urls = servers.iter().map(|server| &server.url).cycle();
            let (mut levels, mut goal, mut clients) = (Vec::new(), each(BEGIN), 0);
            loop {
                let before = players.tally();
                for url in urls.by_ref().take(goal - clients) {
                    players.come(url.clone())?;
                    self.play(&mut players, APART)?;
                }
                clients = goal;
                self.gather(&mut players)?;
                self.play(&mut players, SETTLE)?;
                let joining = players.tally().lost.saturating_sub(before.lost);
                let mut level = Level::default();
                while !level.carried && level.tries < TRIES {
                    let again = self.hold(&mut players, servers, clients)?;
                    level = Level { lost_joining: joining, tries: level.tries + 1, ..again };
                }
                told(&level);
                levels.push(level);
                if !level.carried || clients >= each(END) {
                    return Ok(levels);
                }
                goal += each(STEP);
            }
        })
    }

    /// Counts what is missing while nobody comes.
    fn hold(
        &self,
        players: &mut Players,
        servers: &[Server],
        clients: usize,
    ) -> Result<Level, Error> {
        let sent = || servers.iter().map(|server| server.place.sent()).sum::<Result<Sent, Error>>();
        let (came, from, begun) = (players.tally(), sent()?, Instant::now());
        self.play(players, self.plan.hold)?;
        let (end, to, time) = (players.tally(), sent()?, begun.elapsed().as_secs_f64());
        let bytes = to.bytes.saturating_sub(from.bytes) as f64;
        let used = bytes * 8.0 / time / servers.len() as f64;
        let (lost, dropped) =
            (end.lost.saturating_sub(came.lost), to.dropped.saturating_sub(from.dropped));
        let least = f64::from(PAPER_BITS) * clients as f64 / servers.len() as f64;
        let whole = (least..self.plan.uplink as f64 * FULL).contains(&used);
        Ok(Level {
            clients: u32::try_from(clients).unwrap_or(u32::MAX),
            lost,
            dropped,
            used,
            carried: whole && lost + dropped == 0,
            ..Level::default()
        })
    }

    /// Waits until all who came are served.
    fn gather(&self, players: &mut Players) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        while players.waiting() > 0 {
            if Instant::now() >= deadline {
                let text = format!("{} are not served in time", players.waiting());
                return Err(Error::Role { name: "the clients".into(), text });
            }
            self.play(players, LOOK)?;
        }
        Ok(())
    }

    /// Goes on for so long.
    fn play(&self, players: &mut Players, time: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + time;
        loop {
            players.run_until(deadline.min(Instant::now() + LOOK))?;
            pause(&self.halt, Duration::ZERO)?;
            if Instant::now() >= deadline {
                return Ok(());
            }
        }
    }
}
