//! One message to many destinations by one call: a submission per message.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{opcode, types};

use super::Ring;
use super::state::State;
use super::tag::Tag;
use super::watch::push;
use crate::io::sockets::Table;
use crate::io::sockets::cmsg::{Control, empty_header};
use crate::io::{Destination, Failure, FanOut, Gso, MAX_DATAGRAM, MAX_SEGMENTS, Run};

/// Messages per call.
pub(super) const BATCH: usize = 256;

/// The most slices of one message (`UIO_MAXIOV` of the kernel).
const MAX_SLICES: usize = 1024;

/// Headers of the messages of a batch, kept from call to call.
#[derive(Default)]
pub(super) struct Headers(Vec<libc::msghdr>);

// SAFETY: what is not `Send` of itself are the raw pointers in the headers. They are written and
// followed within one call of `fan_out`, which borrows all they point to; between calls nobody
// follows them.
unsafe impl Send for Headers {}

impl Ring {
    /// Sends run after run. A run that is one message goes to all destinations through the ring;
    /// what the kernel does not take there, and runs of several messages, which have to stay in
    /// order, go by sendmmsg, which knows how to wait, and to do without segmentation.
    pub(super) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        sockets: &mut Table<State>,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> FanOut {
        if to.len() == 1 {
            // All runs by one call.
            return self.calls.sender.fan_out(fd, runs, to, failed);
        }
        let mut sum = FanOut::default();
        for (index, run) in runs.iter().enumerate() {
            let runs = std::slice::from_ref(run);
            let known = failed.len();
            if !self.is_one_message(run) || self.start().is_err() {
                add(&mut sum, &self.calls.sender.fan_out(fd, runs, to, failed));
            } else {
                for (place, batch) in to.chunks(BATCH).enumerate() {
                    self.batch(fd, sockets, run, batch, &mut sum);
                    self.again(fd, run, batch, place * BATCH, failed, &mut sum);
                }
            }
            failed.iter_mut().skip(known).for_each(|failure| failure.run = index);
        }
        sum
    }

    fn is_one_message(&self, run: &Run<'_>) -> bool {
        let count = run.segments();
        let fits = count <= MAX_SEGMENTS && run.bytes() <= MAX_DATAGRAM;
        fits && count > 0
            && run.slices().len() <= MAX_SLICES
            && (count == 1 || self.calls.sender.gso() == Gso::On)
    }

    /// Submits a message for each destination and waits until the kernel has dealt with all.
    /// [`Watch::results`](super::watch::Watch::results) tells how.
    fn batch(
        &mut self,
        fd: BorrowedFd<'_>,
        sockets: &mut Table<State>,
        run: &Run<'_>,
        to: &[Destination],
        sum: &mut FanOut,
    ) {
        let control = Control::segment(u16::try_from(run.segment()).unwrap_or(u16::MAX));
        self.headers.0.clear();
        self.headers.0.extend(to.iter().map(|address| {
            let (name, length) = address.name();
            let mut header = empty_header().msg_hdr;
            // The kernel only reads what these point to (sendmsg(2)), so that all messages share
            // slices and control message.
            header.msg_name = name.cast_mut().cast();
            header.msg_namelen = length;
            // `IoSlice` is guaranteed to have the layout of `iovec`.
            header.msg_iov = run.slices().as_ptr().cast_mut().cast();
            header.msg_iovlen = run.slices().len() as _;
            if run.segments() > 1 {
                header.msg_control = control.0.0.as_ptr().cast_mut().cast();
                header.msg_controllen = control.1 as _;
            }
            header
        }));
        self.watch.results.clear();
        self.watch.results.resize(to.len(), None);
        let mut submitted = 0;
        for (index, (header, address)) in self.headers.0.iter().zip(to).enumerate() {
            if address.is_plain() && run.segments() > 1 {
                continue;
            }
            let flags = (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as u32;
            let send = opcode::SendMsg::new(types::Fd(fd.as_raw_fd()), header).flags(flags);
            let tag = Tag::Send(index as u32);
            let Some(ring) = &mut self.ring else { break };
            if let Err(error) = push(ring, send.build().user_data(tag.to_u64())) {
                // Who was not reached gets it by sendmmsg.
                self.note_failure(error);
                break;
            }
            submitted += 1;
        }
        // What was pushed is seen through to its end, since it points into this call's borrows; if
        // the kernel does not let us, the ring is never entered again.
        while self.failure.is_none() && self.sent() < submitted {
            let outstanding = submitted - self.sent();
            let Some(ring) = &mut self.ring else { break };
            sum.calls += 1;
            if let Err(error) = ring.submit_and_wait(outstanding) {
                self.note_failure(error);
            }
            self.complete(sockets);
        }
        let taken = self.watch.results.iter().filter(|result| matches!(result, Some(0..))).count();
        if taken > 0 && run.segments() > 1 {
            self.calls.sender.gso_works();
        }
        sum.sent += (taken * run.segments()) as u64;
        sum.bytes += (taken * run.bytes()) as u64;
        sum.messages += taken as u64;
    }

    fn sent(&self) -> usize {
        self.watch.results.iter().filter(|result| result.is_some()).count()
    }

    /// Sends by sendmmsg to those of a batch to whom the ring has not.
    fn again(
        &mut self,
        fd: BorrowedFd<'_>,
        run: &Run<'_>,
        to: &[Destination],
        first: usize,
        failed: &mut Vec<Failure>,
        sum: &mut FanOut,
    ) {
        let taken = |index| matches!(self.watch.results.get(index), Some(Some(0..)));
        let mut start = 0;
        while start < to.len() {
            if taken(start) {
                start += 1;
                continue;
            }
            let end = (start..to.len()).find(|&index| taken(index)).unwrap_or(to.len());
            let known = failed.len();
            let (runs, rest) = (std::slice::from_ref(run), to.get(start..end).unwrap_or_default());
            add(sum, &self.calls.sender.fan_out(fd, runs, rest, failed));
            failed.iter_mut().skip(known).for_each(|failure| failure.destination += first + start);
            start = end;
        }
    }
}

/// Whether a call into the ring may be repeated after this error: a signal, or completions that
/// have to be taken first.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN | libc::ETIME))
}

fn add(sum: &mut FanOut, more: &FanOut) {
    sum.sent += more.sent;
    sum.failed += more.failed;
    sum.bytes += more.bytes;
    sum.messages += more.messages;
    sum.calls += more.calls;
}
