//! What is done when its time has come.

use std::time::Duration;

use crate::io::Token;
use crate::rtsp::Status;

use super::super::command::StreamId;
use super::super::connection::Connection;
use super::super::egress::Sockets;
use super::super::event::Event;
use super::super::role::Role;
use super::super::upstreams::WATCH;
use super::Worker;

/// How often sessions, stalled connections and ended streams are looked at.
const HOUSEKEEPING: Duration = Duration::from_millis(100);
/// The clock of paced bursts.
const TICK: Duration = Duration::from_millis(1);

impl Worker {
    /// Does what is due in a stream of which something waits for its time; true while more does.
    fn tick_stream(&mut self, id: StreamId, now: Duration) -> bool {
        if self.streams.get(&id).is_some_and(|live| live.stream.is_holding()) {
            // Asked for first: nothing is given up that has not been asked for, however late this is.
            self.ask_source(id, now);
            if let Some(live) = self.streams.get_mut(&id) {
                live.stream.tend(now);
            }
            self.fan_out(id);
        }
        let Worker { io, connections, pairs, streams, .. } = self;
        let Some(live) = streams.get_mut(&id) else { return false };
        live.stream.pace(now, &mut Sockets { io: &mut **io, connections, pairs });
        live.ticking = live.stream.wants_ticks();
        live.ticking
    }

    /// Sees to it that a stream of which something waits for its time is looked at each tick.
    pub(in crate::engine) fn arm(&mut self, id: StreamId) {
        let live = self.streams.get_mut(&id).filter(|live| !live.ticking);
        if let Some(live) = live.filter(|live| live.stream.wants_ticks()) {
            live.ticking = true;
            self.ticking.push(id);
        }
    }

    pub(super) fn tick(&mut self) {
        let now = self.io.now();
        if now >= self.next_burst {
            self.next_burst = now + TICK;
            let mut ticking = std::mem::take(&mut self.ticking);
            ticking.retain(|id| self.tick_stream(*id, now));
            self.ticking.append(&mut ticking);
        }
        if self.watches() && now >= self.next_watch {
            self.next_watch = now + WATCH;
            self.watch_upstreams(now);
        }
        if now < self.housekeeping {
            return;
        }
        self.housekeeping = now + HOUSEKEEPING;
        self.look_after_shards(now);
        self.give_up_waiting(now);
        self.check_sessions(now);
        self.end_announced(now);
        self.end_left();
        self.end_orphaned(now);
        self.tend_upstreams(now);
        self.tend_fallbacks();
        self.tend_demands(now);
        self.cut_off_stalled(now);
        self.forget_ended(now);
        self.send_reports(now);
        self.ask_for_key_frames(now);
        self.tell_refusals(now);
        self.share_buffers();
        self.tell_warnings();
    }

    fn tell_warnings(&mut self) {
        let new: Vec<_> = self.io.warnings().iter().skip(self.warnings_told).cloned().collect();
        self.warnings_told += new.len();
        for warning in new {
            self.tell(Event::Warning(warning));
        }
    }

    /// Sessions that fell silent, connections that do not come about.
    fn check_sessions(&mut self, now: Duration) {
        // Mostly nothing is due, and an empty list takes no memory.
        let due = |connection: &Connection| match &connection.role {
            Role::Server(server) => server.session.poll_timeout().is_some_and(|at| at <= now),
            Role::Client(_) => true,
            Role::Child { .. } => false,
        };
        let tokens: Vec<Token> = self
            .connections
            .iter()
            .filter(|(_, connection)| due(connection))
            .map(|(token, _)| *token)
            .collect();
        for token in tokens {
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            match &mut connection.role {
                Role::Server(server) => {
                    if server.session.poll_timeout().is_some_and(|at| at <= now) {
                        server.session.handle_timeout(now);
                        self.server_events(token);
                    }
                }
                Role::Client(client) => {
                    let Some(session) = &mut client.session else {
                        if now.saturating_sub(connection.opened) > self.config.connect_timeout {
                            client.failure = Status::GATEWAY_TIMEOUT;
                            self.try_next(token, "it does not answer");
                        }
                        continue;
                    };
                    if session.poll_timeout().is_some_and(|at| at <= now) {
                        session.handle_timeout(now);
                        self.drive(token);
                    }
                    self.check_silence(token, now);
                }
                Role::Child { .. } => {}
            }
        }
    }
}
