//! How the RTSP session of a player goes on.

use std::io::{ErrorKind, IoSlice};

use rillcast::io::{Event, Io as _, Token, UdpOptions};
use rillcast::media::sdp;
use rillcast::rtsp::client::TrackSetup;
use rillcast::rtsp::{ClientEvent, Parsed, parse};

use super::{Error, Players, Socket, Track, failed};
use crate::fanout::Transport;
use crate::sequence::Sequence;

impl Players {
    pub(super) fn connection(&mut self, event: &Event) -> Result<(), Error> {
        let token = event.token;
        if event.writable
            && let Some(player) = self.players.get_mut(&token)
        {
            if !player.connected {
                self.io.connect_result(token).map_err(Error::System)?;
                player.connected = true;
            }
            self.drive(token)?;
        }
        if event.readable || event.closed {
            self.read(token)?;
        }
        Ok(())
    }

    fn read(&mut self, token: Token) -> Result<(), Error> {
        let Some(player) = self.players.get_mut(&token) else { return Ok(()) };
        match self.io.read(token, &mut self.buffer) {
            Ok(0) if player.leaving => {
                self.gone(token);
                return Ok(());
            }
            Ok(0) => return Err(failed(&"the server hung up")),
            Ok(n) => player.input.extend_from_slice(self.buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(failed(&error)),
        }
        let now = self.epoch.elapsed();
        let mut input = std::mem::take(&mut player.input);
        let (mut at, mut packets) = (0, false);
        loop {
            let Some(player) = self.players.get_mut(&token) else { return Ok(()) };
            let rest = input.get(at..).unwrap_or_default();
            match parse(rest).map_err(|error| failed(&error))? {
                Parsed::Incomplete => break,
                Parsed::Blank(n) => at += n,
                Parsed::Interleaved { len, .. } if rest.len() >= 4 + len => {
                    at += 4 + len;
                    packets = true;
                }
                Parsed::Interleaved { .. } => break,
                Parsed::Message(message, n) => {
                    at += n;
                    player.session.handle_message(message, now);
                    self.drive(token)?;
                }
            }
        }
        input.drain(..at.min(input.len()));
        if let Some(player) = self.players.get_mut(&token) {
            player.input = input;
        }
        if packets {
            self.packet(token);
        }
        Ok(())
    }

    /// Does what a session wants done, and writes what it says.
    pub(super) fn drive(&mut self, token: Token) -> Result<(), Error> {
        while let Some(event) =
            self.players.get_mut(&token).and_then(|player| player.session.poll_event())
        {
            self.hear(token, event)?;
        }
        let Some(player) = self.players.get_mut(&token).filter(|player| player.connected) else {
            return Ok(());
        };
        while let Some(bytes) = player.session.poll_transmit() {
            player.output.extend_from_slice(&bytes);
        }
        if player.output.is_empty() {
            return Ok(());
        }
        match self.io.write(token, &[IoSlice::new(&player.output)]) {
            Ok(taken) => drop(player.output.drain(..taken)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed(&error)),
        }
        Ok(())
    }

    fn hear(&mut self, token: Token, event: ClientEvent) -> Result<(), Error> {
        match event {
            ClientEvent::Described { sdp, .. } => {
                let described = sdp::Session::parse(&sdp).map_err(|error| failed(&error))?;
                let mut tracks = Vec::with_capacity(described.media.len());
                for media in &described.media {
                    let control = media.control.clone().unwrap_or_default();
                    tracks.push(TrackSetup { control, client_port: self.ports(token)? });
                }
                let now = self.epoch.elapsed();
                if let Some(player) = self.players.get_mut(&token) {
                    player.session.set_up(described.control.as_deref(), tracks, now);
                }
            }
            ClientEvent::Started { .. } => {
                if let Some(player) = self.players.get_mut(&token) {
                    player.playing = true;
                    self.told.play.push(player.since.elapsed());
                    self.order.push_back(token);
                }
            }
            ClientEvent::Held => {
                if let Some(player) = self.players.get_mut(&token) {
                    player.held = true;
                }
            }
            ClientEvent::TrackReady { .. } | ClientEvent::Announced => {}
            ClientEvent::Closed => self.gone(token),
            ClientEvent::Failed(error) => return Err(failed(&error)),
            ClientEvent::Redirected(_) => return Err(failed(&"it is sent elsewhere")),
        }
        Ok(())
    }

    /// The ports at which a player receives another track, if it does by UDP.
    fn ports(&mut self, token: Token) -> Result<Option<(u16, u16)>, Error> {
        if self.transport == Transport::Tcp {
            return Ok(None);
        }
        let options = UdpOptions { gro: false, recv_buffer: 0, ..UdpOptions::default() };
        let pair = self.io.bind_udp_pair(self.local, &options);
        let (rtp, rtcp) = pair.map_err(Error::System)?;
        let pair = [rtp.token, rtcp.token];
        if let Some(player) = self.players.get_mut(&token) {
            let tracks = [Some(player.tracks.len()), None];
            for (socket, track) in pair.into_iter().zip(tracks) {
                self.sockets.insert(socket, Socket { player: token, track });
            }
            player.tracks.push(Track { pair, packets: Sequence::default(), frames: Vec::new() });
        }
        Ok(Some((rtp.local_addr.port(), rtcp.local_addr.port())))
    }

    /// A player that was to leave has left.
    fn gone(&mut self, token: Token) {
        let Some(player) = self.players.remove(&token) else { return };
        self.told.leave.push(player.since.elapsed());
        self.io.close(token);
        for socket in player.tracks.into_iter().flat_map(|track| track.pair) {
            self.sockets.remove(&socket);
            self.io.close(socket);
        }
    }
}
