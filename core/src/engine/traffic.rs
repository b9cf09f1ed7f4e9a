//! The bytes of RTSP connections: messages to the sessions, media to the streams.

use std::io::ErrorKind;

use crate::io::{self, Token};
use crate::media::rtcp;
use crate::relay::{ChildKey, MAX_BACKLOG, PREFIX};
use crate::ring::Filling;
use crate::rtsp::{self, Message, Parsed};
use crate::stats::Cause;

use super::command::StreamId;
use super::connection::{Connection, Input};
use super::egress::Sockets;
use super::role::Role;
use super::shards::Order;
use super::turns::Share;
use super::wire::{CLOSED, why_lost};
use super::worker::Worker;

/// The longest interleaved frame: its length is 16 bits.
const MAX_FRAME: usize = PREFIX + u16::MAX as usize;

/// Why no more of a connection's input is to be looked at.
enum Stop {
    /// Read more first.
    Incomplete,
    /// The connection carries media now, which needs buffers of another kind.
    Media,
    /// A request waits to be let in; what comes behind it waits too.
    Waiting,
    /// Others are to have their turn first: see [`turns`](super::turns).
    Turn,
    /// The connection is gone or about to be.
    Gone,
}

impl Worker {
    /// A connection is readable, writable, or broken.
    pub(super) fn connection_ready(&mut self, token: Token, event: &io::Event) {
        if self.is_connecting(token) {
            if event.writable || event.closed {
                self.connected(token);
            }
            return;
        }
        if event.writable {
            self.flush(token);
        }
        if event.readable || event.closed {
            self.read(token);
        }
    }

    pub(super) fn read(&mut self, token: Token) {
        self.read_once(token, true);
        self.read_buffered(token);
    }

    /// Reads what an encrypted connection has decrypted already: its socket is not reported for it.
    pub(super) fn read_buffered(&mut self, token: Token) {
        let more =
            |connection: &Connection| connection.wire.has_buffered() && !connection.is_waiting();
        while self.connections.get(&token).is_some_and(more) {
            self.read_once(token, false);
        }
    }

    fn read_once(&mut self, token: Token, fresh: bool) {
        self.look_at(token, |worker, input| match input {
            Input::Control(held) => worker.read_control(token, held, fresh),
            Input::Media(filling) => worker.read_media(token, filling, fresh),
        });
    }

    /// Goes on with what was read of a connection and has had to wait.
    pub(super) fn look_at_held(&mut self, token: Token) {
        self.look_at(token, |worker, input| match input {
            Input::Control(held) => worker.process_held(token, held),
            Input::Media(filling) => worker.process_media(token, filling),
        });
    }

    /// Does something with a connection's input, and sends on what has come of it.
    fn look_at(&mut self, token: Token, f: impl FnOnce(&mut Worker, Input)) {
        let (now, before) = (self.io.now(), self.fed_before(token));
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let input = std::mem::take(&mut connection.input);
        f(self, input);
        if let Some(connection) = self.connections.get_mut(&token) {
            if connection.role.feeds().is_some() {
                connection.role.alive(now);
            }
            let fed = connection.role.feeds().map(|(id, _)| id);
            if let Some(id) = fed {
                self.fan_out(id);
            }
        }
        if let Some(before) = before {
            self.fed(token, before);
        }
    }

    fn read_control(&mut self, token: Token, mut held: Vec<u8>, fresh: bool) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        match connection.wire.read(&mut *self.io, &mut scratch, fresh) {
            Ok(0) => self.lose(token, CLOSED),
            Ok(n) => {
                let fresh = scratch.get(..n).unwrap_or(&[]);
                if held.is_empty() {
                    let (used, stop) = self.process(token, fresh);
                    self.hold(token, fresh.get(used..).unwrap_or(&[]).to_vec(), &stop);
                } else {
                    held.extend_from_slice(fresh);
                    self.process_held(token, held);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.hold(token, held, &Stop::Incomplete);
            }
            Err(error) => self.lose(token, &why_lost(&error)),
        }
        self.scratch = scratch;
    }

    /// Goes through what was kept of a connection's input.
    fn process_held(&mut self, token: Token, mut held: Vec<u8>) {
        let (used, stop) = self.process(token, &held);
        held.drain(..used.min(held.len()));
        self.hold(token, held, &stop);
    }

    /// Goes through messages and frames of a connection without media buffers; returns how many
    /// bytes are done with.
    fn process(&mut self, token: Token, bytes: &[u8]) -> (usize, Stop) {
        let now = self.io.now();
        let (mut at, mut share) = (0, Share::default());
        loop {
            let rest = bytes.get(at..).unwrap_or(&[]);
            let parsed = rtsp::parse(rest);
            if !matches!(parsed, Ok(Parsed::Incomplete)) && !self.turn.take(&mut share) {
                return (at, Stop::Turn);
            }
            match parsed {
                Ok(Parsed::Incomplete) => return (at, Stop::Incomplete),
                Ok(Parsed::Blank(n)) => at += n,
                Ok(Parsed::Interleaved { channel, len }) => {
                    let frame = rest.get(..PREFIX + len).unwrap_or(&[]);
                    self.interleaved_outside(token, channel, frame);
                    at += PREFIX + len;
                }
                Ok(Parsed::Message(message, n)) => {
                    at += n;
                    let fed = self.feeds(token);
                    self.message(token, message);
                    match self.connections.get(&token) {
                        None => return (at, Stop::Gone),
                        Some(connection) if connection.closing.is_some() => {
                            return (at, Stop::Gone);
                        }
                        Some(_) if !fed && self.feeds(token) => return (at, Stop::Media),
                        Some(connection) if connection.role.is_waiting() => {
                            return (at, Stop::Waiting);
                        }
                        Some(_) => {}
                    }
                }
                Err(error) => {
                    self.refuse(token, &error);
                    return (at, Stop::Gone);
                }
            }
            // Any whole message is a sign of life.
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.role.alive(now);
            }
        }
    }

    /// Keeps what is left of a connection's input, in a buffer of the stream's if it feeds one.
    fn hold(&mut self, token: Token, rest: Vec<u8>, stop: &Stop) {
        match stop {
            Stop::Gone => return,
            Stop::Waiting => {
                // Whatever more comes stays in the kernel.
                if let Err(error) = self.io.set_reading(token, false) {
                    return self.lose(token, &format!("the connection is broken: {error}"));
                }
            }
            Stop::Turn => self.postpone(token),
            Stop::Incomplete | Stop::Media => {}
        }
        let fed = self.connections.get(&token).and_then(|c| Some(c.role.feeds()?.0));
        let filling = fed
            .and_then(|id| self.streams.get_mut(&id))
            .and_then(|live| live.filling())
            .and_then(|filling| refilled(filling, &rest));
        match filling {
            Some(filling) => {
                if let Stop::Media = stop {
                    self.process_media(token, filling);
                } else if let Some(connection) = self.connections.get_mut(&token) {
                    connection.input = Input::Media(filling);
                }
            }
            None => {
                if let Some(connection) = self.connections.get_mut(&token) {
                    connection.input = Input::Control(rest);
                }
            }
        }
    }

    fn feeds(&self, token: Token) -> bool {
        self.connections.get(&token).is_some_and(|c| c.role.feeds().is_some())
    }

    fn read_media(&mut self, token: Token, mut filling: Filling, fresh: bool) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        match connection.wire.read(&mut *self.io, filling.unfilled(), fresh) {
            Ok(0) => self.lose(token, CLOSED),
            Ok(n) => {
                filling.advance(n);
                self.process_media(token, filling);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Some(connection) = self.connections.get_mut(&token) {
                    connection.input = Input::Media(filling);
                }
            }
            Err(error) => self.lose(token, &why_lost(&error)),
        }
    }

    /// Splits packets off the front of a buffer, in place.
    fn process_media(&mut self, token: Token, mut filling: Filling) {
        let now = self.io.now();
        let mut share = Share::default();
        loop {
            match rtsp::parse(filling.filled()) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Blank(n)) => filling.skip(n),
                Ok(Parsed::Interleaved { channel, len }) => {
                    let Some(connection) = self.connections.get(&token) else { return };
                    let Some((id, inlets)) = connection.role.feeds() else { break };
                    let inlet = inlets.track_of(channel);
                    let Some(live) = self.streams.get_mut(&id) else { break };
                    match inlet {
                        Some((track, kind)) => {
                            let frame = PREFIX + len;
                            if !live.ingest_interleaved(&mut filling, frame, track, kind, now) {
                                break;
                            }
                            if live.stream.backlog() >= MAX_BACKLOG {
                                self.fan_out(id);
                            }
                        }
                        None => {
                            filling.skip(PREFIX + len);
                            live.stream.count_drop(Cause::Channel, 1);
                        }
                    }
                }
                Ok(Parsed::Message(..)) if !self.turn.take(&mut share) => {
                    self.postpone(token);
                    break;
                }
                Ok(Parsed::Message(message, n)) => {
                    filling.skip(n);
                    self.message(token, message);
                    let Some(connection) = self.connections.get(&token) else { return };
                    if connection.closing.is_some() {
                        return;
                    }
                }
                Err(error) => return self.refuse(token, &error),
            }
        }
        self.keep_filling(token, filling);
    }

    /// Keeps a buffer for the next read, or what is left in it in a new one when it is nearly full.
    fn keep_filling(&mut self, token: Token, filling: Filling) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let Some((id, _)) = connection.role.feeds() else {
            // It feeds nothing any more; what came behind is requests.
            return self.process_held(token, filling.filled().to_vec());
        };
        if filling.filled().len() + filling.remaining() >= MAX_FRAME {
            connection.input = Input::Media(filling);
            return;
        }
        // Less than one packet is copied, once per buffer.
        let rest = filling.filled().to_vec();
        drop(filling);
        let next = self.streams.get_mut(&id).and_then(|live| live.filling());
        let next = next.and_then(|next| refilled(next, &rest));
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.input = match next {
                Some(next) => Input::Media(next),
                // All buffers are held by readers: media is dropped, and counted, until one is free.
                None => Input::Control(rest),
            };
        }
    }

    /// An interleaved frame that did not come into a media buffer: a report of a child, or media
    /// for which there is no buffer.
    fn interleaved_outside(&mut self, token: Token, channel: u8, frame: &[u8]) {
        let now = self.io.now();
        let Some(connection) = self.connections.get(&token) else { return };
        let Some((id, inlets)) = connection.role.feeds() else {
            let child = connection.role.child();
            // A server that was told to pause has more on its way.
            if child.is_none() && !matches!(connection.role, Role::Client(_)) {
                self.stray_frames += 1;
            }
            // Players send reports.
            let report = frame.get(PREFIX..).filter(|report| rtcp::asks(report));
            if let (Some((id, key)), Some(report)) = (child, report) {
                self.hear_child(id, key, report);
            }
            return;
        };
        let inlet = inlets.track_of(channel);
        let Some(live) = self.streams.get_mut(&id) else { return };
        match inlet {
            Some((track, kind)) => live.ingest_outside(frame, track, kind, now),
            None => live.stream.count_drop(Cause::Channel, 1),
        }
    }

    fn message(&mut self, token: Token, message: Message) {
        let Some(connection) = self.connections.get(&token) else { return };
        match (&connection.role, message) {
            (Role::Server(_), Message::Request(request)) => self.serve(token, request),
            // We have asked nothing of it.
            (Role::Server(_), Message::Response(_)) => {}
            // Nobody here speaks RTSP to it.
            (Role::Child { .. }, _) => {}
            (Role::Client(_), message) => self.heard_from_server(token, message),
        }
    }

    /// Answers bytes that are no RTSP, and hangs up.
    fn refuse(&mut self, token: Token, error: &rtsp::Error) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        tracing::info!(peer = %connection.peer, %error, "what came is not RTSP");
        self.bad_requests += 1;
        if let Role::Server(server) = &mut connection.role {
            let response = server.session.handle_error(error).to_bytes();
            self.send(token, response);
        }
        self.close_after_flush(token, &error.to_string());
    }

    /// Queues a message and writes what can be written.
    pub(super) fn send(&mut self, token: Token, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if let Some(shard) = connection.writer {
            return self.shards.order(shard, Order::Write(token, bytes));
        }
        if connection.wire.send(bytes) {
            self.flush(token);
        } else {
            self.lose(token, "it does not read the answers to its requests");
        }
    }

    /// Gives a child that begins its first packets.
    pub(super) fn kick_child(&mut self, id: StreamId, key: ChildKey) {
        if self.kick_distant(id, key) {
            return;
        }
        let now = self.io.now();
        let Worker { io, connections, pairs, streams, .. } = self;
        if let Some(live) = streams.get_mut(&id) {
            live.stream.kick(key, now, &mut Sockets { io: &mut **io, connections, pairs });
        }
        self.arm(id);
    }
}

/// A buffer that begins with `bytes`; `None` when they do not fit and leave room for a frame.
fn refilled(mut filling: Filling, bytes: &[u8]) -> Option<Filling> {
    if filling.remaining() < MAX_FRAME {
        return None;
    }
    filling.unfilled().get_mut(..bytes.len())?.copy_from_slice(bytes);
    filling.advance(bytes.len());
    Some(filling)
}
