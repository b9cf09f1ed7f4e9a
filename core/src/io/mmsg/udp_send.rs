//! Many packets to many destinations: sendmmsg(2) with segmentation offload.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::io::sockets::account::{Account, Mark};
use crate::io::sockets::call::retry;
use crate::io::sockets::cmsg::{Control, empty_header};
use crate::io::sockets::offload::{Offload, is_refusal};
use crate::io::sockets::patience::Patience;
use crate::io::sockets::plan::{Part, Plan};
use crate::io::{Destination, Failure, FanOut, Gso, Run};

/// Messages per system call: enough that the call itself costs nothing, few enough that their
/// headers stay in the cache.
const BATCH: usize = 256;

/// What is kept from call to call: memory, and what was learnt of offload.
pub(in crate::io) struct Sender {
    plan: Plan,
    batch: Batch,
    /// The control message of each run.
    controls: Vec<(Control, usize)>,
    fallback: Fallback,
    patience: Patience,
}

// SAFETY: what is not `Send` of itself are the raw pointers in headers and slices. They are
// written and followed within one call of `fan_out`, which borrows all they point to; between
// calls nobody follows them.
unsafe impl Send for Sender {}

impl Sender {
    pub(in crate::io) fn new() -> Self {
        Self {
            plan: Plan::default(),
            batch: Batch::default(),
            controls: Vec::new(),
            fallback: Fallback::default(),
            patience: Patience::default(),
        }
    }

    /// Segmentation has worked, by another way of sending.
    pub(in crate::io) fn gso_works(&mut self) {
        self.fallback.offload.accepted = true;
    }

    /// A new turn of the loop begins: full buffers are waited for again.
    pub(in crate::io) fn renew_patience(&mut self) {
        self.patience.renew();
    }

    /// From now on every packet is a message of its own.
    pub(in crate::io) fn disable_gso(&mut self, reason: String) {
        self.fallback.offload.off = Some(reason);
    }

    pub(in crate::io) fn gso(&self) -> Gso {
        self.fallback.offload.state()
    }

    pub(in crate::io) fn fan_out(
        &mut self,
        fd: BorrowedFd<'_>,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> FanOut {
        let joined = self.fallback.offload.off.is_none();
        let single = !joined || to.iter().any(Destination::is_plain);
        self.plan.lay_out(runs, joined, single);
        self.controls.clear();
        self.controls.extend(runs.iter().map(|run| {
            // A message of several segments is shorter than 64 KiB, so each of them is.
            Control::segment(u16::try_from(run.segment()).unwrap_or(u16::MAX))
        }));

        let (account, patience) = (Account::new(failed), &mut self.patience);
        let mut call = Call { fd, runs, to, account, patience, refused: false };
        self.batch.clear();
        for (index, _) in runs.iter().enumerate() {
            let control = self.controls.get(index);
            for (destination, address) in to.iter().enumerate() {
                for part in self.plan.parts(index, address.is_plain()) {
                    let slices = self.plan.gather(part, runs);
                    self.batch.put(part, slices, destination, address, control);
                    if self.batch.is_full() {
                        call.flush(&mut self.batch, Some(&mut self.fallback));
                    }
                }
            }
        }
        call.flush(&mut self.batch, Some(&mut self.fallback));
        call.account.done
    }
}

/// Messages ready to be sent.
#[derive(Default)]
struct Batch {
    headers: Vec<libc::mmsghdr>,
    marks: Vec<Mark>,
}

impl Batch {
    fn clear(&mut self) {
        self.headers.clear();
        self.marks.clear();
    }

    fn is_full(&self) -> bool {
        self.headers.len() >= BATCH
    }

    fn put(
        &mut self,
        part: &Part,
        slices: (*const libc::iovec, usize),
        destination: usize,
        address: &Destination,
        control: Option<&(Control, usize)>,
    ) {
        let (name, name_length) = address.name();
        let mut message = empty_header();
        let header = &mut message.msg_hdr;
        // The kernel only reads what these point to (sendmsg(2)), so that all messages of a run
        // share slices and control message.
        header.msg_name = name.cast_mut().cast();
        header.msg_namelen = name_length;
        header.msg_iov = slices.0.cast_mut();
        header.msg_iovlen = slices.1 as _;
        if let Some((control, length)) = control.filter(|_| part.segments.len() > 1) {
            header.msg_control = control.0.as_ptr().cast_mut().cast();
            header.msg_controllen = *length as _;
        }
        if self.headers.capacity() == 0 {
            // All at once, so that no later and larger batch takes memory.
            self.headers.reserve(BATCH);
            self.marks.reserve(BATCH);
        }
        self.headers.push(message);
        self.marks.push(Mark { part: part.clone(), destination });
    }
}

/// What a message that the kernel refused to segment needs.
#[derive(Default)]
struct Fallback {
    offload: Offload,
    plan: Plan,
    batch: Batch,
}

/// One call of `fan_out`.
struct Call<'a, 'r> {
    fd: BorrowedFd<'a>,
    runs: &'a [Run<'r>],
    to: &'a [Destination],
    account: Account<'a>,
    patience: &'a mut Patience,
    /// The kernel takes nothing at present, and the time for waiting is used up.
    refused: bool,
}

/// How far some messages came.
enum Step {
    /// The kernel took so many, at least one.
    Sent(usize),
    /// It did not take the first one.
    Failed(io::Error),
    /// It takes none at present, and the time for waiting is used up.
    Refused,
}

impl Call<'_, '_> {
    /// Sends the messages of a batch, accounts for each, and empties it.
    fn flush(&mut self, batch: &mut Batch, mut fallback: Option<&mut Fallback>) {
        let mut start = 0;
        while let Some(first) = batch.marks.get(start) {
            match self.send(batch.headers.get_mut(start..).unwrap_or_default()) {
                Step::Sent(count) => {
                    let end = start.saturating_add(count);
                    for mark in batch.marks.get(start..end).unwrap_or_default() {
                        self.account.sent(mark);
                        if let Some(fallback) = &mut fallback {
                            fallback.offload.accepted |= mark.part.segments.len() > 1;
                        }
                    }
                    start = end;
                }
                Step::Failed(error) => {
                    match &mut fallback {
                        Some(fallback) if first.part.segments.len() > 1 && is_refusal(&error) => {
                            self.packet_by_packet(first, &error, fallback);
                        }
                        _ => self.account.failed(first, error),
                    }
                    start += 1;
                }
                Step::Refused => {
                    for mark in batch.marks.get(start..).unwrap_or_default() {
                        self.account.failed(mark, io::ErrorKind::WouldBlock.into());
                    }
                    break;
                }
            }
        }
        batch.clear();
    }

    /// Sends the packets of a message that was refused one by one, before anything that comes
    /// after it. If that goes well, it was the offload that was refused, not the destination.
    fn packet_by_packet(&mut self, refused: &Mark, error: &io::Error, fallback: &mut Fallback) {
        let Fallback { offload, plan, batch } = fallback;
        let index = refused.destination;
        let (Some(run), Some(address)) = (self.runs.get(refused.part.run), self.to.get(index))
        else {
            return;
        };
        let runs = std::slice::from_ref(run);
        plan.lay_out(runs, false, true);
        batch.clear();
        for part in plan.parts(0, true) {
            if refused.part.segments.contains(&part.segments.start) {
                let slices = plan.gather(part, runs);
                let mut part = part.clone();
                part.run = refused.part.run;
                batch.put(&part, slices, index, address, None);
            }
        }
        let before = self.account.done.sent;
        self.flush(batch, None);
        if self.account.done.sent > before {
            address.set_plain();
            offload.refused(address.addr(), error);
        }
    }

    /// Sends from the first message on, waiting for room as long as there is patience.
    fn send(&mut self, messages: &mut [libc::mmsghdr]) -> Step {
        loop {
            if self.refused {
                return Step::Refused;
            }
            self.account.done.calls += 1;
            let error = match sendmmsg(self.fd, messages) {
                Ok(count) if count > 0 => return Step::Sent(count),
                // Not known to happen; to be safe from a loop without end.
                Ok(_) => io::Error::from(io::ErrorKind::WouldBlock),
                Err(error) => error,
            };
            let waited = match error.raw_os_error() {
                Some(libc::ENOBUFS) => self.patience.wait(None),
                _ if error.kind() == io::ErrorKind::WouldBlock => self.patience.wait(Some(self.fd)),
                _ => return Step::Failed(error),
            };
            self.refused = !waited;
        }
    }
}

/// Sends messages, as many as possible without blocking, and tells how many.
fn sendmmsg(fd: BorrowedFd<'_>, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    // SAFETY: sendmmsg(2):
    // > sockfd: the socket on which data is to be transmitted: open, because it is borrowed
    // > msgvec: a pointer to an array of mmsghdr structures. The msg_len field is used to return
    // >   the number of bytes sent: the slice is borrowed exclusively. What the msg_hdr fields
    // >   point to is only read: names in `Call::to`, slices and the bytes behind them in the plan
    // >   and in `Call::runs`, control messages in `Sender::controls`. `fan_out` builds every
    // >   header from these after they have got their final place, borrows them until its end,
    // >   and empties the batch before any of them changes
    // > vlen: the size of this array, capped to UIO_MAXIOV (1024)
    // > flags: MSG_DONTWAIT; MSG_NOSIGNAL
    retry(|| unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            messages.as_mut_ptr(),
            messages.len().min(BATCH) as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        ) as isize
    })
}
