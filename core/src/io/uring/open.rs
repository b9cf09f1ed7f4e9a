//! Opening a ring, and finding out whether the kernel's has what it takes.

use std::io;

use io_uring::{IoUring, opcode};

use super::buffers::Buffers;
use super::send;

/// Completions that the queue holds: those of a batch of sends and of everything that may come
/// meanwhile.
const COMPLETIONS: u32 = 4096;

/// A ring, not yet any thread's, and the buffers registered with it.
///
/// # Errors
///
/// What the kernel does not have, or does not allow.
pub(super) fn open() -> io::Result<(IoUring, Buffers)> {
    let needs =
        |what: &str, error: &io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        // It belongs to the thread that uses it first, which need not be this one.
        .setup_r_disabled()
        .setup_cqsize(COMPLETIONS)
        .build(send::BATCH as u32)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => needs("the kernel is older than 6.1", &error),
            Some(libc::EPERM) => {
                needs("io_uring is turned off (kernel.io_uring_disabled) or not allowed", &error)
            }
            Some(libc::ENOSYS) => needs("the kernel is built without io_uring", &error),
            _ => needs("no ring can be had", &error),
        })?;
    let mut probe = io_uring::Probe::new();
    ring.submitter().register_probe(&mut probe).map_err(|error| needs("probing", &error))?;
    let operations = [
        opcode::RecvMsgMulti::CODE,
        opcode::SendMsg::CODE,
        opcode::PollAdd::CODE,
        opcode::AsyncCancel::CODE,
    ];
    if !operations.into_iter().all(|code| probe.is_supported(code))
        || !ring.params().is_feature_nodrop()
    {
        let text = "the kernel's io_uring lacks operations on sockets";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let mut buffers = Buffers::new();
    buffers.register(&ring.submitter()).map_err(|error| needs("provided buffers", &error))?;
    Ok((ring, buffers))
}
