//! What `rillcast serve` prints: an event a line, and the ledger of each stream at its end.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rillcast::engine::{Event, Figures, StreamFigures, Switched};
use rillcast::stats::Cause;
use serde::Serialize;

/// A line of output.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line {
    Listening {
        rtsp: String,
        rtsps: Option<String>,
        /// Where the figures are.
        http: Option<String>,
        backend: &'static str,
        /// Where to publish, as an example; none when streams come by themselves.
        publish: Option<String>,
        /// Where to play.
        play: Vec<String>,
    },
    StreamStarted {
        path: String,
        from: String,
        play: String,
    },
    StreamInterrupted {
        path: String,
        reason: String,
    },
    StreamResumed {
        path: String,
        from: String,
    },
    StreamEnded {
        path: String,
        reason: String,
    },
    ChildStarted {
        path: String,
        peer: String,
        transport: &'static str,
    },
    ChildEnded {
        path: String,
        peer: String,
        reason: String,
    },
    PublisherRefused {
        path: String,
        peer: String,
        reason: String,
    },
    PullFailed {
        path: String,
        url: String,
        reason: String,
        /// None when it is tried again only when somebody wants it.
        retry_in_s: Option<u64>,
    },
    StandbyReady {
        path: String,
        url: String,
    },
    StandbyLost {
        path: String,
        url: String,
        reason: String,
    },
    /// The stream comes from another server.
    UpstreamSwitched {
        path: String,
        from: String,
        to: String,
        /// `closed`, `left`, `silent`, `moved`, `returned`.
        why: String,
        reason: String,
        /// The longest time without a new packet.
        pause_ms: f64,
        /// Packets that the new server had already.
        replayed: u64,
        /// Packets that came from both.
        duplicates: u64,
        /// Packets that came from neither.
        missing: u64,
        #[serde(skip)]
        text: String,
    },
    /// The configuration was read again; options that changed but need a restart.
    Reloaded {
        needs_restart: Vec<&'static str>,
    },
    Other {
        text: String,
    },
    Ledger(StreamLedger),
    Refusals(Refusals),
}

/// What the server has refused before it came to a stream.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Refusals {
    /// Connections closed at once, because as many as allowed were open.
    connections: u64,
    /// Times that a connection has brought what is no RTSP, or larger than it may be.
    bad_requests: u64,
    /// Interleaved frames of connections that neither played nor published.
    stray_frames: u64,
}

impl Refusals {
    /// The refusals so far; `None` when there are none.
    pub(super) fn new(figures: &Figures) -> Option<Refusals> {
        let refusals = Refusals {
            connections: figures.refused_connections,
            bad_requests: figures.bad_requests,
            stray_frames: figures.stray_frames,
        };
        let Refusals { connections, bad_requests, stray_frames } = refusals;
        ([connections, bad_requests, stray_frames] != [0; 3]).then_some(refusals)
    }
}

/// The books of one stream.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StreamLedger {
    path: String,
    /// Packets in, those that the kernel dropped included.
    received: u64,
    /// Packets passed on to the children.
    published: u64,
    /// RTCP packets that ended here as they should.
    consumed: u64,
    /// Packets dropped, by cause; causes without any are left out.
    dropped: std::collections::BTreeMap<&'static str, u64>,
    /// Children now, and packets sent to all that ever were.
    children: usize,
    sent: u64,
    /// Packets that children did not get: too slow, or refused by the kernel.
    lost_by_children: u64,
    balances: bool,
    /// Whether the stream was over when this was printed, or the server was ended before it.
    ended: bool,
}

impl StreamLedger {
    /// The books as the figures have them.
    pub(super) fn new(stream: &StreamFigures) -> StreamLedger {
        let all = stream.all_children();
        let dropped = Cause::ALL
            .into_iter()
            .map(|cause| (cause.name(), stream.ledger.dropped(cause)))
            .filter(|(_, packets)| *packets > 0);
        StreamLedger {
            path: stream.path.clone(),
            received: stream.ledger.received,
            published: stream.ledger.published,
            consumed: stream.ledger.consumed,
            dropped: dropped.collect(),
            children: stream.children.len(),
            sent: all.sent,
            lost_by_children: all.lost(),
            balances: stream.balances(),
            ended: stream.ended,
        }
    }
}

/// The URL of a stream on the server at `address`, as players on this machine can use it.
pub(super) fn url(address: SocketAddr, path: &str) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("rtsp://{}/{path}", SocketAddr::new(ip, address.port()))
}

/// The line for an event of the engine's. `address` is where it listens, for telling the URL.
pub(super) fn line(event: Event, address: SocketAddr) -> Line {
    match event {
        Event::StreamStarted { path, from } => {
            let play = url(address, &path);
            Line::StreamStarted { path, from, play }
        }
        Event::StreamInterrupted { path, reason } => Line::StreamInterrupted { path, reason },
        Event::StreamResumed { path, from } => Line::StreamResumed { path, from },
        Event::StreamEnded { path, reason } => Line::StreamEnded { path, reason },
        Event::ChildStarted { path, peer, transport } => {
            Line::ChildStarted { path, peer, transport }
        }
        Event::ChildEnded { path, peer, reason } => Line::ChildEnded { path, peer, reason },
        Event::PullFailed { path, url, reason } => {
            Line::PullFailed { path, url, reason, retry_in_s: None }
        }
        Event::PublisherRefused { path, peer, reason } => {
            Line::PublisherRefused { path, peer, reason }
        }
        Event::StandbyReady { path, url } => Line::StandbyReady { path, url },
        Event::StandbyLost { path, url, reason } => Line::StandbyLost { path, url, reason },
        Event::UpstreamSwitched(switched) => {
            let text = switched.to_string();
            let Switched { path, from, to, why, reason, gap, .. } = *switched;
            let Switched { replayed, duplicates, missing, .. } = *switched;
            let (why, pause_ms) = (why.to_string(), gap.as_secs_f64() * 1e3);
            Line::UpstreamSwitched {
                path,
                from,
                to,
                why,
                reason,
                pause_ms,
                replayed,
                duplicates,
                missing,
                text,
            }
        }
        Event::StreamClosed(stream) => Line::Ledger(StreamLedger::new(&stream)),
        other => Line::Other { text: other.to_string() },
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Listening { rtsp, rtsps, http, publish, play, .. } => {
                write!(f, "serving at {rtsp}")?;
                if let Some(rtsps) = rtsps {
                    write!(f, " and {rtsps}")?;
                }
                if let Some(url) = publish {
                    write!(f, "\n  publish: rillcast publish test {url}")?;
                }
                play.iter().try_for_each(|url| write!(f, "\n  play:    ffplay {url}"))?;
                http.iter().try_for_each(|url| write!(f, "\n  figures: {url}metrics"))
            }
            Line::StreamStarted { from, play, .. } => write!(f, "+ stream {play} from {from}"),
            Line::StreamInterrupted { path, reason } => {
                write!(f, "! stream {path} waits for its source to come back: {reason}")
            }
            Line::StreamResumed { path, from } => write!(f, "+ stream {path} goes on, from {from}"),
            Line::StreamEnded { path, reason } => write!(f, "- stream {path} ended: {reason}"),
            Line::ChildStarted { path, peer, transport } => {
                write!(f, "+ {peer} plays {path} over {transport}")
            }
            Line::ChildEnded { path, peer, reason } => {
                write!(f, "- {peer} no longer plays {path}: {reason}")
            }
            Line::PublisherRefused { path, peer, reason } => {
                write!(f, "! {peer} may not publish at {path}: {reason}")
            }
            Line::PullFailed { path, url, reason, retry_in_s } => {
                write!(f, "cannot fetch {path} from {url}: {reason}")?;
                retry_in_s.map_or(Ok(()), |seconds| write!(f, "; trying again in {seconds} s"))
            }
            Line::StandbyReady { path, url } => write!(f, "+ {url} stands by for {path}"),
            Line::StandbyLost { path, url, reason } => {
                write!(f, "! {url} does not stand by for {path}: {reason}")
            }
            Line::UpstreamSwitched { text, .. } => write!(f, "! {text}"),
            Line::Reloaded { needs_restart } => {
                f.write_str("the configuration was read again")?;
                if !needs_restart.is_empty() {
                    write!(f, "; {} will change at the next start", needs_restart.join(", "))?;
                }
                Ok(())
            }
            Line::Other { text } => f.write_str(text),
            Line::Ledger(ledger) => ledger.fmt(f),
            Line::Refusals(Refusals { connections, bad_requests, stray_frames }) => write!(
                f,
                "refused: {connections} connections too many, {bad_requests} requests that were none, \
                 {stray_frames} media frames of nobody's"
            ),
        }
    }
}

impl fmt::Display for StreamLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamLedger { path, received, published, consumed, .. } = self;
        write!(
            f,
            "{path}: {received} packets in = {published} passed on + {consumed} RTCP ended here"
        )?;
        for (cause, packets) in &self.dropped {
            write!(f, " + {packets} dropped ({cause})")?;
        }
        write!(f, "; {} sent to children", self.sent)?;
        if self.lost_by_children > 0 {
            write!(f, ", {} lost by slow or unreachable ones", self.lost_by_children)?;
        }
        if !self.balances {
            f.write_str(" (DOES NOT BALANCE)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_can_be_used_on_this_machine() {
        for (listens_at, url_of_s) in [
            ("127.0.0.1:8554", "rtsp://127.0.0.1:8554/s"),
            ("0.0.0.0:8554", "rtsp://127.0.0.1:8554/s"),
            ("[::]:554", "rtsp://[::1]:554/s"),
            ("192.0.2.1:554", "rtsp://192.0.2.1:554/s"),
        ] {
            assert_eq!(url(listens_at.parse().unwrap(), "s"), url_of_s);
        }
    }
}
