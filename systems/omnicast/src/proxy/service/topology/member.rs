//! What the proxy server knows of a node, beside its place in the tree.

use std::time::Duration;

use super::{Arrival, SessionId};
use crate::NodeId;
use crate::bucket::Bucket;
use crate::uscp::Quality;

/// How often a node may report its server node gone: so many in one go, and one more in each interval.
const REPORTS: (u32, Duration) = (5, Duration::from_secs(5));
/// So many packets have to be lost before it counts.
const FEW: u64 = 10;
/// How long it counts what a node has told of its own loss: while there is some it tells it more often.
const TOLD: Duration = Duration::from_secs(60);
/// How long it is remembered that a node was given another server node because it was starved.
const RELIEVED: Duration = Duration::from_secs(600);
/// A node is starved that loses so many packets in a thousand more than its server node does.
const STARVED: u64 = 50;

/// A node as the proxy server knows it, beside its place in the tree.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) user: String,
    /// When its tickets were written, in seconds since 1970.
    pub(super) issued: u64,
    /// Where it serves others, if it does.
    pub(super) url: Option<String>,
    pub(super) reports: Bucket,
    /// One of its children says that it is gone, which it has not denied yet.
    pub(super) suspected: bool,
    state: State,
    /// The server node that it was told last, and the standbys behind it.
    told: Vec<NodeId>,
    /// What it was told before that: it may have acted on it when the last was on its way.
    told_before: Vec<NodeId>,
    /// Until when it gets no more places than it has.
    pub(super) rests_until: Duration,
    /// How many it wants to have then.
    pub(super) wish: Option<u32>,
    /// Packets in a thousand that it lost, when it last told and the time before, and when that was.
    losses: ([u64; 2], Duration),
    /// The server node by which it was starved then.
    starved_by: Option<NodeId>,
    /// Until when it has been given another server node of late because it was starved.
    relieved_until: Duration,
    /// Until when its own loss is no excuse.
    unexcused_until: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Connected(SessionId),
    /// Its connection was lost then.
    Lost(Duration),
}

impl Member {
    pub(super) fn new(arrival: &Arrival) -> Member {
        let state = State::Connected(arrival.session);
        Member::of(arrival.user.clone(), service_url(arrival), state)
    }

    /// One that another proxy server has written down; its connection is lost since then.
    pub(super) fn restored(user: String, url: Option<String>, lost: Duration) -> Member {
        Member::of(user, url, State::Lost(lost))
    }

    fn of(user: String, url: Option<String>, state: State) -> Member {
        Member {
            user,
            issued: 0,
            url,
            reports: Bucket::new(REPORTS.0, REPORTS.1),
            suspected: false,
            state,
            told: Vec::new(),
            told_before: Vec::new(),
            rests_until: Duration::ZERO,
            wish: None,
            losses: ([0; 2], Duration::ZERO),
            starved_by: None,
            relieved_until: Duration::ZERO,
            unexcused_until: Duration::ZERO,
        }
    }

    /// Packets in a thousand that it loses, as it has told twice in a row. Who says so is moved like anybody. Who
    /// then says the same of his next server node has no excuse by it for what he does to his children: be it a lie, or his own way.
    pub(super) fn loss(&self, now: Duration) -> u64 {
        let ([last, before], told) = self.losses;
        let is_old = now.saturating_sub(told) > TOLD;
        if is_old || now < self.unexcused_until { 0 } else { last.min(before) }
    }

    /// It is given another server node, because it was starved.
    pub(super) fn relieve(&mut self, now: Duration) {
        self.relieved_until = now.saturating_add(RELIEVED);
    }

    /// It tells how its server node serves it, which itself loses `excused` packets in a thousand. Whether it
    /// is starved, now and when it told last: the loss of a moment is no reason, and the server node may not
    /// have had its say of a loss that both have.
    pub(super) fn starves(&mut self, quality: Quality, excused: u64, now: Duration) -> bool {
        let all = quality.received.saturating_add(quality.lost);
        let loss = quality.lost.saturating_mul(1000) / all.max(1);
        let ([before, _], _) = self.losses;
        self.losses = ([loss, before], now);
        if loss > STARVED && now < self.relieved_until {
            self.unexcused_until = now.saturating_add(TOLD);
        }
        let starved = quality.lost >= FEW && loss > excused.saturating_add(STARVED);
        let by = starved.then_some(quality.server);
        let again = starved && self.starved_by == by;
        // When nothing comes of it, it is said again only after that many reports more.
        self.starved_by = by.filter(|_| !again);
        again
    }

    /// Comes over another connection. The session that this one takes the place of.
    pub(super) fn rejoin(&mut self, arrival: &Arrival) -> Option<SessionId> {
        let replaced = self.session();
        self.state = State::Connected(arrival.session);
        self.suspected = false;
        self.url = service_url(arrival);
        (self.losses, self.starved_by) = (([0; 2], Duration::ZERO), None);
        replaced
    }

    /// Its session, when it is connected.
    pub(super) fn session(&self) -> Option<SessionId> {
        match self.state {
            State::Connected(session) => Some(session),
            State::Lost(_) => None,
        }
    }

    /// Its connection was lost at that time.
    pub(super) fn lose(&mut self, now: Duration) {
        self.state = State::Lost(now);
    }

    /// Whether its connection was lost at that time or before.
    pub(super) fn is_lost_before(&self, time: Duration) -> bool {
        matches!(self.state, State::Lost(at) if at <= time)
    }

    /// The server node that it was told last.
    pub(super) fn server(&self) -> Option<NodeId> {
        self.told.first().copied()
    }

    /// It is told of a server node, with standbys behind it.
    pub(super) fn tell(&mut self, servers: Vec<NodeId>) {
        if servers != self.told {
            self.told_before = std::mem::replace(&mut self.told, servers);
        }
    }

    /// Whether it was told of that node, or streaming server, of late.
    pub(super) fn knows(&self, server: NodeId) -> bool {
        self.told.iter().chain(&self.told_before).any(|told| *told == server)
    }
}

fn service_url(arrival: &Arrival) -> Option<String> {
    let (host, port) = arrival.service.as_ref()?;
    Some(format!("rtsp://{host}:{port}/{}", arrival.channel))
}
