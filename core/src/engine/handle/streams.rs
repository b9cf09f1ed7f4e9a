//! Where streams come from, and where they are pushed to.

use std::net::SocketAddr;
use std::time::Duration;

use crate::media::sdp;
use crate::rtsp::Url;

use super::super::command::Command;
use super::super::config::Transport;
use super::super::error::Error;
use super::super::on_demand::OnDemand;
use super::super::rtp_source::RtpSource;
use super::super::source::Source;
use super::super::upstreams::{Sources, Upstream};
use super::{Engine, normal_path, remote};

impl Engine {
    /// Plays `url` and makes what comes the stream at `path`. Returns when the attempt has begun; how it goes on is
    /// told by [`Event::StreamStarted`](crate::engine::Event::StreamStarted) or
    /// [`Event::PullFailed`](crate::engine::Event::PullFailed).
    ///
    /// # Errors
    ///
    /// When the URL cannot be used, its host is not found, or the path is taken.
    pub fn pull(&self, path: &str, url: &str, transport: Transport) -> Result<(), Error> {
        self.pull_from(path, &Sources::new(Upstream::new(url).over(transport)))
    }

    /// As [`pull`](Engine::pull), from a server for which others [stand by](Sources::standbys): each has a
    /// connection with all set up, and plays not. When the one that feeds the stream is gone or silent, one of them
    /// goes on from the last packet that is here ([`crate::rtsp::Resume`]): the children lose nothing, get nothing
    /// twice and notice nothing. [`Event::UpstreamSwitched`](crate::engine::Event::UpstreamSwitched) tells of it.
    /// Servers that were lost are tried again, and stand by when they are back. When none is left the stream waits
    /// as long as [`Config::linger`](crate::engine::Config::linger) says, and goes on with the first that comes
    /// back.
    ///
    /// A server stands by only if it has the same tracks from the same source (SSRC). One that has not, or that has
    /// the stream from this engine itself, is refused: [`Event::StandbyLost`](crate::engine::Event::StandbyLost).
    ///
    /// # Errors
    ///
    /// As [`pull`](Engine::pull), for any of the servers; [`Error::TooMany`].
    pub fn pull_from(&self, path: &str, sources: &Sources) -> Result<(), Error> {
        let remotes = sources.remotes(path)?;
        let path = normal_path(path);
        self.commands.ask(|reply| Command::Pull { path, remotes, reply })
    }

    /// From now on a stream that is [pulled](Engine::pull_from) has these sources. When its parent is another, the
    /// stream goes over to that one as soon as it plays, and only then leaves the present one: nothing is lost.
    /// Until then, and when it does not come about, all stays as it is. A stream of which nothing has come yet begins
    /// at the new parent.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when nothing is pulled at the path; as [`pull_from`](Engine::pull_from) but for
    /// [`Error::PathTaken`].
    pub fn set_upstreams(&self, path: &str, sources: &Sources) -> Result<(), Error> {
        let remotes = sources.remotes(path)?;
        let path = normal_path(path);
        self.commands.ask(|reply| Command::SetUpstreams { path, remotes, reply })
    }

    /// Plays `url` while somebody wants the stream at `path`: from the first DESCRIBE or SETUP for it, which waits
    /// until the stream is there (at most [`Config::connect_timeout`](crate::engine::Config::connect_timeout)),
    /// until it has had no player, push or child for `grace`. Readers in this process are not counted. A pull that
    /// fails is told to those who wait, by 404, 503 or 504, and is not tried again at once (see
    /// [`Backoff`](crate::engine::Backoff)). It takes the place of one that the path had before, but a stream that
    /// is there goes on.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used. A host that is not found is told by
    /// [`Event::PullFailed`](crate::engine::Event::PullFailed) when it is wanted.
    pub fn pull_on_demand(
        &self,
        path: &str,
        url: &str,
        transport: Transport,
        grace: Duration,
    ) -> Result<(), Error> {
        let bad = |reason: String| Error::Url { url: url.to_owned(), reason };
        Url::parse(url).map_err(|error| bad(error.to_string()))?;
        let demand = Some(OnDemand::new(url.to_owned(), transport, grace));
        let path = normal_path(path);
        self.commands.ask(|reply| Command::OnDemand { path, demand, reply })
    }

    /// The path is no longer fetched on demand. A stream that is there stays until its source ends.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`].
    pub fn forget_on_demand(&self, path: &str) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::OnDemand { path, demand: None, reply })
    }

    /// From now on the stream at `source`, another path of this engine, stands in at `path` while it has no source
    /// of its own: before the first comes, and after it has gone, whether it has said so or not. Players of `path`
    /// stay; a publisher, a source of this program or plain RTP takes over at its next key frame. Both have to have
    /// the same tracks, coded alike, as for a publisher that comes back
    /// ([`Config::linger`](crate::engine::Config::linger)); else the players are sent away and may come again. Its
    /// packets are copied once for `path`. `None`: nothing stands in any more.
    ///
    /// # Errors
    ///
    /// [`Error::Circle`] when `path` would stand in for itself.
    pub fn set_fallback(&self, path: &str, source: Option<&str>) -> Result<(), Error> {
        let (path, source) = (normal_path(path), source.map(normal_path));
        self.commands.ask(|reply| Command::Fallback { path, source, reply })
    }

    /// Publishes the stream at `path`, now or as soon as it comes, to `url` by RTSP RECORD. Returns when this is
    /// noted; how it goes on is told by [`Event::PushStarted`](crate::engine::Event::PushStarted) and
    /// [`Event::PushEnded`](crate::engine::Event::PushEnded).
    ///
    /// # Errors
    ///
    /// When the URL cannot be used or its host is not found.
    pub fn push(&self, path: &str, url: &str, transport: Transport) -> Result<(), Error> {
        let remote = remote(path, url, transport)?;
        self.commands.ask(|reply| Command::Push(remote, reply))
    }

    /// Receives plain RTP as `session` describes it (ports, payload types) and makes it the stream
    /// at `path`.
    ///
    /// # Errors
    ///
    /// When the path is taken, the description has no port, or a port cannot be bound.
    pub fn ingest_rtp(&self, path: &str, session: sdp::Session) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::IngestRtp { path, session, reply })
    }

    /// Sends the stream at `path` as plain RTP: one pair of addresses (RTP, RTCP) per track.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when there is no such stream, [`Error::Io`] when no socket can be bound.
    pub fn send_rtp(
        &self,
        path: &str,
        targets: Vec<(SocketAddr, SocketAddr)>,
    ) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::SendRtp { path, targets, reply })
    }

    /// A stream at `path` made of media that this process has: see [`Source`].
    ///
    /// # Errors
    ///
    /// When the path is taken or the description has a track that a [`Source`] cannot packetise.
    pub fn source(&self, path: &str, session: sdp::Session) -> Result<Source, Error> {
        Source::new(self.commands.clone(), normal_path(path), session)
    }

    /// A stream at `path` made of RTP packets that this process has: see [`RtpSource`].
    ///
    /// # Errors
    ///
    /// When the path is taken or the description cannot be used.
    pub fn rtp_source(&self, path: &str, session: sdp::Session) -> Result<RtpSource, Error> {
        RtpSource::new(self.commands.clone(), normal_path(path), session)
    }

    /// Ends what this engine does at `path`: the stream, whatever it comes from, with its players and pushes; a
    /// pull that has not come about yet; pushes that wait for the stream. Players are given what is left and the
    /// end; a publisher is hung up on. A [`Source`] or an [`RtpSource`] takes nothing more
    /// ([`PushError::Ended`](crate::engine::PushError::Ended)). Returns when the end has begun:
    /// [`Event::StreamEnded`](crate::engine::Event::StreamEnded),
    /// [`Event::PullFailed`](crate::engine::Event::PullFailed) and
    /// [`Event::PushEnded`](crate::engine::Event::PushEnded) tell of it.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when there is nothing of the kind.
    pub fn end(&self, path: &str) -> Result<(), Error> {
        let path = normal_path(path);
        self.commands.ask(|reply| Command::End { path, reply })
    }
}
