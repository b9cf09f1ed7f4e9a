//! Children that the program adds itself, and readers.

use std::time::Duration;

use crate::media::sdp;
use crate::relay::{FrameReader, Packet, PacketReader, ReaderOptions, Start};
use crate::ring::Subscriber;

use super::super::children::{ChildCommand, ChildId, ChildOptions, Receiver};
use super::super::command::{Command, Reply};
use super::super::error::Error;
use super::{Engine, normal_path};

const TOO_MANY_READERS: Error = Error::TooMany("readers of one stream");

impl Engine {
    /// Sends the stream at `path` to one more receiver. It is served like a player that came by RTSP: from the same
    /// buffers, in the same batches. [`Event::AddedChildEnded`](crate::engine::Event::AddedChildEnded) tells when
    /// it is gone by itself; its figures are among those of the stream, with its number as their
    /// [`tag`](crate::relay::ChildFigures::tag).
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`]; [`Error::Session`] when it wants no track; [`Error::Io`] when its socket is
    /// none that can be sent to; [`Error::TooMany`].
    pub fn add_child(
        &self,
        path: &str,
        receiver: Receiver,
        options: ChildOptions,
    ) -> Result<ChildId, Error> {
        let path = normal_path(path);
        self.about_child(|reply| ChildCommand::Add { path, receiver, options, reply })
    }

    /// Stops sending to a child, until it is resumed.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`].
    pub fn pause_child(&self, child: ChildId) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Pause { child, reply })
    }

    /// Sends to a paused child again, from where `start` says. Does nothing to one that plays.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`].
    pub fn resume_child(&self, child: ChildId, start: Start) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Resume { child, start, reply })
    }

    /// Writes bytes between two packets into the connection of a child: an answer to an RTSP request
    /// that the program has read from it, say.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`] when there is none, or it has no connection.
    pub fn write_to_child(&self, child: ChildId, bytes: Vec<u8>) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Write { child, bytes, reply })
    }

    /// Removes a child; its connection is shut down and closed. No event tells it.
    ///
    /// # Errors
    ///
    /// [`Error::NoChild`].
    pub fn remove_child(&self, child: ChildId) -> Result<(), Error> {
        self.about_child(|reply| ChildCommand::Remove { child, reply })
    }

    fn about_child<T>(&self, command: impl FnOnce(Reply<T>) -> ChildCommand) -> Result<T, Error> {
        self.commands.ask(|reply| Command::Child(command(reply)))
    }

    /// Reads frames of the stream at `path`; waits up to `patience` for the stream to come.
    ///
    /// # Errors
    ///
    /// [`Error::NoStream`] when it did not come, [`Error::TooMany`] when all readers are taken.
    pub fn reader(&self, path: &str, patience: Duration) -> Result<FrameReader, Error> {
        self.reader_with(path, patience, ReaderOptions::default())
    }

    /// As [`reader`](Engine::reader), with options.
    ///
    /// # Errors
    ///
    /// As [`reader`](Engine::reader), and [`Error::NoTrack`].
    pub fn reader_with(
        &self,
        path: &str,
        patience: Duration,
        options: ReaderOptions,
    ) -> Result<FrameReader, Error> {
        let (session, subscriber) = self.subscribe(path, patience, &options)?;
        FrameReader::with(&subscriber, session, options).map_err(|_| TOO_MANY_READERS)
    }

    /// Reads the packets of the stream at `path` as they come; waits up to `patience` for the stream
    /// to come.
    ///
    /// # Errors
    ///
    /// As [`reader_with`](Engine::reader_with).
    pub fn packet_reader(
        &self,
        path: &str,
        patience: Duration,
        options: ReaderOptions,
    ) -> Result<PacketReader, Error> {
        let (session, subscriber) = self.subscribe(path, patience, &options)?;
        PacketReader::new(&subscriber, session, options).map_err(|_| TOO_MANY_READERS)
    }

    fn subscribe(
        &self,
        path: &str,
        patience: Duration,
        options: &ReaderOptions,
    ) -> Result<(sdp::Session, Subscriber<Packet>), Error> {
        let path = normal_path(path);
        let asked = path.clone();
        let question = |reply| Command::Reader { path: asked, patience, reply };
        // The engine knows at once, though not in no time.
        let answer = match patience.is_zero() {
            true => Some(self.commands.ask(question)),
            false => self.commands.ask_within(patience, question),
        };
        let parts = match answer {
            Some(answer) => answer?,
            None => return Err(Error::NoStream(path)),
        };
        match options.track {
            Some(track) if track >= parts.0.media.len() => Err(Error::NoTrack { path, track }),
            _ => Ok(parts),
        }
    }
}
