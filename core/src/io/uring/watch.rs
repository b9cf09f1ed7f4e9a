//! What is asked of the kernel for each socket, and what it has answered.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use super::buffers::{Buffers, COUNT, GROUP, header};
use super::state::{Arrived, State, event};
use super::tag::Tag;
use crate::io::sockets::eventfd::Waker;
use crate::io::sockets::{Entry, Kind, Table};
use crate::io::{Event, Token};

/// All that is watched.
pub(super) struct Watch {
    pub(super) buffers: Buffers,
    pub(super) waker: Arc<Waker>,
    /// What the kernel needs to know of messages to be received; it reads it while submitting.
    header: Box<libc::msghdr>,
    /// A poll of the waker is under way.
    polling_waker: bool,
    /// The waker has rung since a wait last returned: perhaps while something was sent.
    woken: bool,
    /// Indices of sockets of which something may have to be asked.
    to_ask: Vec<u32>,
    /// Indices of sockets with something to report.
    answered: Vec<u32>,
    /// Results of the messages that are being sent.
    pub(super) results: Vec<Option<i32>>,
    pub(super) warning: Option<String>,
    /// What sockets are polled by has failed.
    pub(super) failure: Option<io::Error>,
}

// SAFETY: what is not `Send` of itself are the pointers in the header, which are NULL.
unsafe impl Send for Watch {}

impl Watch {
    pub(super) fn new(buffers: Buffers, waker: Arc<Waker>) -> Self {
        Self {
            buffers,
            waker,
            header: Box::new(header()),
            polling_waker: false,
            woken: false,
            to_ask: Vec::new(),
            answered: Vec::new(),
            results: Vec::new(),
            warning: None,
            failure: None,
        }
    }

    /// Something else may be wanted of a socket.
    pub(super) fn note(&mut self, token: Token, state: &mut State) {
        if !state.to_ask {
            state.to_ask = true;
            self.to_ask.push(token.index());
        }
    }

    /// A new socket.
    pub(super) fn add(&mut self, token: Token, entry: &mut Entry<State>) {
        entry.state.connecting = entry.kind == Kind::Connection && entry.writing;
        self.note(token, &mut entry.state);
    }

    /// Forgets a socket, and tells whether the kernel is still busy with it.
    pub(super) fn remove(&mut self, token: Token, state: &mut State) -> bool {
        let index = token.index();
        self.to_ask.retain(|&other| other != index);
        self.answered.retain(|&other| other != index);
        for arrived in state.arrived.drain(..) {
            self.buffers.done(&arrived);
        }
        state.polling_read || state.polling_write || state.receiving
    }

    /// Puts what is to be asked of the kernel into the submission queue.
    pub(super) fn ask(&mut self, ring: &mut IoUring, sockets: &mut Table<State>) -> io::Result<()> {
        if !self.polling_waker {
            let poll = opcode::PollAdd::new(types::Fd(self.waker.as_raw_fd()), libc::POLLIN as u32);
            push(ring, poll.multi(true).build().user_data(Tag::Wake.to_u64()))?;
            self.polling_waker = true;
        }
        for place in (0..self.to_ask.len()).rev() {
            let Some(&index) = self.to_ask.get(place) else { continue };
            let Some((token, entry)) = sockets.at(index) else {
                self.to_ask.swap_remove(place);
                continue;
            };
            self.ask_for(ring, token, entry)?;
            entry.state.to_ask = false;
            self.to_ask.swap_remove(place);
        }
        Ok(())
    }

    /// Asks what is wanted of a socket and not asked yet.
    fn ask_for(
        &self,
        ring: &mut IoUring,
        token: Token,
        entry: &mut Entry<State>,
    ) -> io::Result<()> {
        let fd = types::Fd(entry.socket.as_raw_fd());
        let input = entry.wants_input();
        let state = &mut entry.state;
        if entry.writing && !state.polling_write {
            let poll = opcode::PollAdd::new(fd, libc::POLLOUT as u32);
            push(ring, poll.build().user_data(Tag::Write(token).to_u64()))?;
            state.polling_write = true;
        }
        let datagrams = matches!(entry.kind, Kind::Udp { .. });
        if datagrams && !input && state.receiving && !state.stopping {
            let cancel = opcode::AsyncCancel::new(Tag::Receive(token).to_u64());
            push(ring, cancel.build().user_data(Tag::Other.to_u64()))?;
            state.stopping = true;
        }
        // Who turns reading off and on without reading does not make it keep more and more.
        let has_room = state.arrived.len() < usize::from(COUNT);
        if datagrams && input && !state.receiving && !state.by_calls && has_room {
            if self.buffers.any_given() {
                let receive = opcode::RecvMsgMulti::new(fd, &raw const *self.header, GROUP);
                push(ring, receive.build().user_data(Tag::Receive(token).to_u64()))?;
                state.receiving = true;
            } else {
                state.by_calls = true;
            }
        }
        let polled = !datagrams || state.by_calls;
        if input && polled && !state.connecting && !state.polling_read {
            let end = if entry.kind == Kind::Connection { libc::POLLRDHUP } else { 0 };
            let poll = opcode::PollAdd::new(fd, (libc::POLLIN | end) as u32);
            push(ring, poll.build().user_data(Tag::Read(token).to_u64()))?;
            state.polling_read = true;
        }
        Ok(())
    }

    /// A socket was read empty by calls: the next datagrams may come into buffers again.
    pub(super) fn read_by_calls(&mut self, token: Token, state: &mut State) {
        if !state.refused && self.buffers.any_given() {
            state.by_calls = false;
            self.note(token, state);
        }
    }

    /// Nobody reads from a socket for now: its buffers are for the others.
    pub(super) fn release(&mut self, state: &mut State) {
        state.arrived.iter_mut().for_each(|arrived| self.buffers.keep(arrived));
    }

    /// Takes a completion into the state of its socket.
    pub(super) fn take(&mut self, completion: &cqueue::Entry, sockets: &mut Table<State>) {
        let (result, more) = (completion.result(), cqueue::more(completion.flags()));
        let buffer = cqueue::buffer_select(completion.flags());
        if buffer.is_some() {
            self.buffers.taken();
        }
        match Tag::from_u64(completion.user_data()) {
            Tag::Send(index) => {
                if let Some(place) = self.results.get_mut(index as usize) {
                    *place = Some(result);
                }
            }
            Tag::Wake => {
                self.waker.acknowledge();
                self.woken = true;
                self.polling_waker = more;
            }
            Tag::Read(token) => self.polled(token, sockets, result, |state| {
                state.polling_read = false;
            }),
            Tag::Write(token) => self.polled(token, sockets, result, |state| {
                state.polling_write = false;
                state.connecting = false;
            }),
            Tag::Receive(token) => self.received(token, sockets, result, buffer, more),
            Tag::Other => {}
        }
    }

    fn polled(
        &mut self,
        token: Token,
        sockets: &mut Table<State>,
        result: i32,
        done: impl FnOnce(&mut State),
    ) {
        let socket = sockets.at(token.index()).filter(|(socket, _)| Tag::is(token, *socket));
        let Some((token, entry)) = socket else { return };
        done(&mut entry.state);
        if result >= 0 {
            entry.state.polled |= result;
            self.answer(token, &mut entry.state);
        } else {
            if result != -libc::ECANCELED {
                // It would fail again and again, and nothing be heard of the socket.
                self.failure = Some(io::Error::from_raw_os_error(-result));
            }
            self.note(token, &mut entry.state);
        }
    }

    fn received(
        &mut self,
        token: Token,
        sockets: &mut Table<State>,
        result: i32,
        buffer: Option<u16>,
        more: bool,
    ) {
        let socket = sockets.at(token.index()).filter(|(socket, _)| Tag::is(token, *socket));
        let Some((token, entry)) = socket else {
            // The socket is closed; what came for it has no reader.
            if let Some(buffer) = buffer {
                self.buffers.give(buffer);
            }
            return;
        };
        match (u32::try_from(result), buffer) {
            (Ok(length), Some(buffer)) => {
                entry.state.arrived.push_back(Arrived::In { buffer, length });
                self.answer(token, &mut entry.state);
                if !entry.wants_input() {
                    self.release(&mut entry.state);
                }
            }
            (_, Some(buffer)) => self.buffers.give(buffer),
            _ => {}
        }
        if !more {
            entry.state.receiving = false;
            entry.state.stopping = false;
            self.note(token, &mut entry.state);
            // An errno that says the kernel cannot do it, in contrast to one that an ICMP message
            // left on the socket, or no buffer (ENOBUFS), or our own will (ECANCELED).
            const REFUSALS: [libc::c_int; 6] = [
                libc::EINVAL,
                libc::EOPNOTSUPP,
                libc::ENOSYS,
                libc::EPERM,
                libc::EIO,
                libc::ENOMEM,
            ];
            if REFUSALS.contains(&-result) {
                entry.state.by_calls = true;
                entry.state.refused = true;
                self.warning = Some(format!(
                    "io_uring refuses to receive from a socket ({}), so it is read by recvmmsg",
                    io::Error::from_raw_os_error(-result)
                ));
            }
        }
    }

    fn answer(&mut self, token: Token, state: &mut State) {
        if !state.answered {
            state.answered = true;
            self.answered.push(token.index());
        }
    }

    /// Whether something is to be reported now.
    pub(super) fn has_answers(&self, sockets: &mut Table<State>) -> bool {
        self.woken
            || self.answered.iter().any(|&index| {
                sockets.at(index).is_some_and(|(token, entry)| event(token, entry).is_some())
            })
    }

    /// Reports what there is.
    pub(super) fn report(&mut self, sockets: &mut Table<State>, events: &mut Vec<Event>) {
        self.woken = false;
        for place in (0..self.answered.len()).rev() {
            let Some(&index) = self.answered.get(place) else { continue };
            let Some((token, entry)) = sockets.at(index) else {
                self.answered.swap_remove(place);
                continue;
            };
            if let Some(event) = event(token, entry) {
                events.push(event);
                entry.writing &= !event.writable;
            }
            entry.state.polled = 0;
            // Polls are asked for again; datagrams that wait are reported again as they are.
            self.note(token, &mut entry.state);
            if entry.state.arrived.is_empty() {
                entry.state.answered = false;
                self.answered.swap_remove(place);
            }
        }
    }
}

/// Puts an operation into the submission queue, which is emptied into the kernel when it is full.
pub(super) fn push(ring: &mut IoUring, entry: squeue::Entry) -> io::Result<()> {
    // SAFETY: what the operations here point to is valid until the kernel has read it, which it
    // does while they are submitted: the header of messages to be received is that of `Watch`, which
    // `super::Ring` drops after the ring; that of messages to be sent is kept by `super::send`.
    while unsafe { ring.submission().push(&entry) }.is_err() {
        ring.submit()?;
    }
    Ok(())
}
