//! Where a stream is pulled from: one server feeds it, others stand by.
//!
//! A *link* is one of these servers, whether it feeds or not. Every link but the one that feeds is kept **warm**: its
//! connection stands, its tracks are set up, it is known to have the same tracks from the same source, and it does
//! not play. When the one that feeds is gone, a warm one is asked to play from the last packet that is here
//! ([`crate::rtsp::Resume`]), so that nothing is lost; what it repeats is dropped by its sequence number. To the
//! children nothing has happened.
//!
//! | file | what is there |
//! |---|---|
//! | `upstreams.rs` | the table of links, and what the program asks for |
//! | `standbys.rs` | links that are to become warm, are, or fail |
//! | `switching.rs`, `switched.rs` | from one link to another, and what is told of it |
//! | `losing.rs` | what follows when one is gone |
//! | `watch.rs` | what is looked for every few milliseconds |
//! | `rhythm.rs` | how long a silence means something |

use std::fmt;
use std::time::Duration;

use crate::io::Token;

use super::backoff::Backoff;
use super::command::{Remote, StreamId};
use super::config::Transport;
use super::error::Error;
use super::role::Job;
use super::worker::Worker;

mod losing;
mod rhythm;
mod standbys;
mod switched;
mod switching;
mod watch;

pub(super) use rhythm::Rhythm;
pub use switched::{Switched, Why};
use switching::Switch;
pub(super) use watch::WATCH;

/// Time between two attempts to reach the same server: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// A server from which a stream can be pulled.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The stream's URL there; it may hold a user and password, or a token in its query.
    pub url: String,
    /// How it is to come.
    pub transport: Transport,
}

impl Upstream {
    /// The stream at a URL, over UDP or TCP as it can be had.
    pub fn new(url: impl Into<String>) -> Upstream {
        Upstream { url: url.into(), transport: Transport::Auto }
    }

    /// The same over this transport.
    pub fn over(self, transport: Transport) -> Upstream {
        Upstream { transport, ..self }
    }
}

/// Without password.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = super::client::without_credentials(&self.url);
        f.debug_struct("Upstream").field("url", &url).field("transport", &self.transport).finish()
    }
}

/// Where a stream is pulled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The server that is to feed it.
    pub parent: Upstream,
    /// Servers that have the very same packets, because they have them from the same source without changing
    /// them. The first that can takes over when the parent is gone. At most [`Sources::MAX_STANDBYS`].
    pub standbys: Vec<Upstream>,
}

impl Sources {
    /// Standbys of one stream at most.
    pub const MAX_STANDBYS: usize = 7;

    /// A parent without standbys.
    pub fn new(parent: Upstream) -> Sources {
        Sources { parent, standbys: Vec::new() }
    }

    /// With one more standby.
    #[must_use]
    pub fn standby(mut self, standby: Upstream) -> Sources {
        self.standbys.push(standby);
        self
    }

    /// What the engine's thread needs to know of each, the parent first.
    pub(super) fn remotes(&self, path: &str) -> Result<Vec<Remote>, Error> {
        if self.standbys.len() > Sources::MAX_STANDBYS {
            return Err(Error::TooMany("standbys of one stream"));
        }
        let all = [&self.parent].into_iter().chain(&self.standbys);
        all.map(|one| super::handle::remote(path, &one.url, one.transport)).collect()
    }
}

/// Names a link for as long as the engine lives.
pub(super) type LinkId = u64;

/// The links of one path.
pub(super) struct Upstreams {
    links: Vec<Link>,
    /// The link that is to feed as soon as it is warm.
    wanted: Option<LinkId>,
    switch: Option<Switch>,
    /// A link that fed has said that the stream is over.
    left: bool,
    /// Nobody feeds, and why; the link that is about to be warm again will.
    waits: Option<(Why, String)>,
}

struct Link {
    id: LinkId,
    remote: Remote,
    state: State,
    backoff: Backoff,
    /// It was told that this link does not come about.
    told: bool,
    /// It was told that it stands by.
    told_ready: bool,
    /// It is not wanted any more when another feeds.
    retired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is tried again at this time.
    Down(Duration),
    /// On its way to be warm.
    Opening,
    /// Set up, not playing.
    Warm(Token),
    /// Asked to play in a silence, and told to pause again.
    Pausing,
    /// Asked to take over.
    Starting(Token),
    /// What it sends is taken, and nobody else is to send.
    Feeding(Token),
}

impl Upstreams {
    fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    fn feeding(&self) -> Option<(LinkId, Token)> {
        self.links.iter().find_map(|link| match link.state {
            State::Feeding(token) => Some((link.id, token)),
            _ => None,
        })
    }

    /// The first link that could take over at once, but for some.
    fn warm(&self, but: &[LinkId]) -> Option<(LinkId, Token)> {
        self.links.iter().find_map(|link| match link.state {
            State::Warm(token) if !but.contains(&link.id) => Some((link.id, token)),
            _ => None,
        })
    }

    /// The first link is to feed, if another does now; it need not wait to be tried.
    fn wish_first(&mut self, flows: bool, now: Duration) {
        let feeding = self.feeding().map(|(fed, _)| fed);
        let first = self.links.first().map(|link| link.id);
        self.wanted = first.filter(|_| flows && first != feeding);
        if let Some(link) = self.wanted.and_then(|id| self.link(id))
            && let State::Down(_) = link.state
        {
            link.state = State::Down(now);
        }
    }

    /// Whether a link will be warm again in a moment.
    fn is_pausing(&self) -> bool {
        self.links.iter().any(|link| link.state == State::Pausing)
    }

    /// Whether there is something to look after.
    fn is_tended(&self) -> bool {
        self.has_choice() || self.wanted.is_some() || self.switch.is_some()
    }

    /// Whether there is more than one server to turn to, so that the engine sees to it by itself.
    fn has_choice(&self) -> bool {
        self.links.len() > 1
    }
}

impl Link {
    fn new(id: LinkId, remote: Remote) -> Link {
        let backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let state = State::Down(Duration::ZERO);
        Link { id, remote, state, backoff, told: false, told_ready: false, retired: false }
    }

    fn is(&self, remote: &Remote) -> bool {
        (&self.remote.url, self.remote.transport) == (&remote.url, remote.transport)
    }

    /// What it is called to people.
    fn name(&self) -> String {
        super::client::without_credentials(&self.remote.url)
    }
}

impl Worker {
    /// Begins to pull a stream: the first of the remotes is to feed it, the others stand by.
    pub(super) fn pull(&mut self, path: String, remotes: Vec<Remote>) -> Result<(), Error> {
        if self.has_source(&path) {
            return Err(Error::PathTaken(path));
        }
        self.forget_upstreams(&path, "it is fetched anew");
        let links = remotes.into_iter().map(|remote| self.new_link(remote)).collect();
        let upstreams = Upstreams { links, wanted: None, switch: None, left: false, waits: None };
        self.upstreams.insert(path.clone(), upstreams);
        self.open_next(&path);
        Ok(())
    }

    fn new_link(&mut self, remote: Remote) -> Link {
        self.next_link += 1;
        Link::new(self.next_link, remote)
    }

    /// From now on the first of the remotes is to feed the stream at a path, and the others stand by. The one
    /// that feeds now does so until the other has begun.
    pub(super) fn set_upstreams(&mut self, path: &str, remotes: Vec<Remote>) -> Result<(), Error> {
        let flows = self.paths.contains_key(path);
        let fed = self.upstreams.get(path).is_some_and(|upstreams| upstreams.feeding().is_some());
        if fed && !flows {
            // It is forgotten soon, anyway.
            self.forget_upstreams(path, "the stream has ended");
        }
        let Some(mut upstreams) = self.upstreams.remove(path) else {
            return Err(Error::NoStream(path.to_owned()));
        };
        let now = self.io.now();
        let mut leaving = self.relink(&mut upstreams, remotes);
        upstreams.wish_first(flows, now);
        let waits = upstreams.links.first().is_some_and(|link| link.state == State::Opening);
        let begins = !flows && !waits;
        if begins {
            leaving.extend(self.begin_anew(&mut upstreams));
        }
        self.upstreams.insert(path.to_owned(), upstreams);
        self.leave(&leaving, "it is no longer wanted");
        if begins {
            self.open_next(path);
        }
        self.follow_wish(path);
        self.tend_upstreams(now);
        Ok(())
    }

    /// Makes these remotes the links, in this order: those that there are stay as they are, and behind them those
    /// that feed until another does. Returns the links that are not needed any more.
    fn relink(&mut self, upstreams: &mut Upstreams, remotes: Vec<Remote>) -> Vec<LinkId> {
        let mut former = std::mem::take(&mut upstreams.links);
        for remote in remotes {
            let link = match former.iter().position(|link| link.is(&remote)) {
                Some(at) => former.swap_remove(at),
                None => self.new_link(remote),
            };
            upstreams.links.push(Link { retired: false, ..link });
        }
        let switch = upstreams.switch.as_ref();
        let needed = |link: &Link| {
            let switches = switch.is_some_and(|switch| switch.involves(link.id));
            switches || matches!(link.state, State::Feeding(_))
        };
        let (kept, left): (Vec<_>, Vec<_>) = former.into_iter().partition(needed);
        upstreams.links.extend(kept.into_iter().map(|link| Link { retired: true, ..link }));
        left.into_iter().map(|link| link.id).collect()
    }

    /// Nothing has come yet, and is to come from elsewhere: all links are as if none had been tried. Returns those
    /// that are not waited for any longer.
    fn begin_anew(&mut self, upstreams: &mut Upstreams) -> Vec<LinkId> {
        // With names of their own: the end of an attempt that was given up is none of those that follow.
        let former = std::mem::take(&mut upstreams.links).into_iter();
        let (ids, remotes): (Vec<_>, Vec<_>) = former.map(|link| (link.id, link.remote)).unzip();
        upstreams.links = remotes.into_iter().map(|remote| self.new_link(remote)).collect();
        ids
    }

    /// Forgets where the stream at a path can be had, and leaves whoever does not feed it.
    pub(super) fn forget_upstreams(&mut self, path: &str, reason: &str) {
        let Some(upstreams) = self.upstreams.remove(path) else { return };
        self.switches -= usize::from(upstreams.switch.is_some());
        let fed = upstreams.feeding().map(|(id, _)| id);
        let others: Vec<LinkId> =
            upstreams.links.iter().map(|link| link.id).filter(|id| Some(*id) != fed).collect();
        self.leave(&others, reason);
    }

    /// Says goodbye to servers that are links no more.
    fn leave(&mut self, links: &[LinkId], reason: &str) {
        let left: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                connection.role.link().is_some_and(|link| links.contains(&link))
            })
            .map(|(token, _)| *token)
            .collect();
        for token in left {
            self.detach(token);
            self.say_teardown(token, reason);
        }
    }

    /// What a connection sends is no longer taken. Its sockets are kept, so that it can begin again.
    fn detach(&mut self, token: Token) {
        let fed = self.ingests.extract_if(|_, ingest| ingest.session == Some(token));
        let fed: Vec<_> = fed.map(|(socket, ingest)| (socket, ingest.track, ingest.kind)).collect();
        for (socket, _, _) in &fed {
            if let Err(error) = self.io.set_reading(*socket, false) {
                tracing::debug!(%error, "a media socket cannot be let rest");
            }
        }
        if let Some(client) = self.client(token)
            && let Job::Pull { stream, inlets, .. } = &mut client.job
        {
            *stream = None;
            client.started = None;
            inlets.sockets.extend(fed);
        }
    }

    /// The stream at a path that is fed or waits to be, and its links.
    fn upstreams_of(&mut self, path: &str) -> Option<(StreamId, &mut Upstreams)> {
        let id = *self.paths.get(path)?;
        Some((id, self.upstreams.get_mut(path)?))
    }
}
