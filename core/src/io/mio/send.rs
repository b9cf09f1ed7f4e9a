//! Packets, one by one.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use socket2::{SockAddr, Socket};

use crate::io::sockets::account::{Account, Mark};
use crate::io::sockets::patience::Patience;
use crate::io::sockets::plan::Plan;
use crate::io::{Destination, Failure, FanOut, Run};

/// What is kept from call to call.
#[derive(Default)]
pub(super) struct Sender {
    plan: Plan,
    patience: Patience,
}

// SAFETY: what is not `Send` of itself are the raw pointers in the plan. They are followed within
// one call of `fan_out`, which borrows all they point to; between calls nobody follows them.
unsafe impl Send for Sender {}

impl Sender {
    /// A new turn of the loop begins: full buffers are waited for again.
    pub(super) fn renew_patience(&mut self) {
        self.patience.renew();
    }

    pub(super) fn fan_out(
        &mut self,
        socket: &Socket,
        runs: &[Run<'_>],
        to: &[Destination],
        failed: &mut Vec<Failure>,
    ) -> FanOut {
        let Self { plan, patience } = self;
        plan.lay_out(runs, false, true);
        let mut account = Account::new(failed);
        // The kernel takes nothing at present, and the time for waiting is used up.
        let mut refused = false;
        for (index, _) in runs.iter().enumerate() {
            for (destination, address) in to.iter().enumerate() {
                let address = SockAddr::from(address.addr());
                for part in plan.parts(index, true) {
                    let mark = Mark { part: part.clone(), destination };
                    if refused {
                        account.failed(&mark, io::ErrorKind::WouldBlock.into());
                        continue;
                    }
                    let (slices, count) = plan.gather(part, runs);
                    let slices = if count == 0 {
                        &[]
                    } else {
                        // SAFETY: `gather` gives `count` slices, laid out like `IoSlice`, of the
                        // plan or of `runs`, which point into what `runs` borrows; neither changes
                        // before the end of this call.
                        unsafe { std::slice::from_raw_parts(slices.cast::<IoSlice<'_>>(), count) }
                    };
                    let mut calls = 0;
                    let result = send(socket, slices, &address, patience, &mut calls);
                    account.done.calls += calls;
                    match result {
                        Ok(()) => account.sent(&mark),
                        Err(error) => {
                            refused = error.kind() == io::ErrorKind::WouldBlock;
                            account.failed(&mark, error);
                        }
                    }
                }
            }
        }
        account.done
    }
}

/// Sends a packet, waiting for room as long as there is patience.
fn send(
    socket: &Socket,
    slices: &[IoSlice<'_>],
    to: &SockAddr,
    patience: &mut Patience,
    calls: &mut u64,
) -> io::Result<()> {
    loop {
        *calls += 1;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let Err(error) = socket.send_to_vectored_with_flags(slices, to, flags) else {
            return Ok(());
        };
        let waited = match error.raw_os_error() {
            Some(libc::ENOBUFS) => patience.wait(None),
            _ if error.kind() == io::ErrorKind::WouldBlock => patience.wait(Some(socket.as_fd())),
            _ if error.kind() == io::ErrorKind::Interrupted => true,
            _ => return Err(error),
        };
        if !waited {
            return Err(io::ErrorKind::WouldBlock.into());
        }
    }
}
