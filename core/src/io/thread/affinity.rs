//! CPUs of a thread: sched_setaffinity(2).

use std::io;

/// See [`pin_thread`](super::pin_thread).
pub(super) fn pin(number: usize) -> io::Result<()> {
    let allowed = allowed()?;
    let cpus: Vec<usize> = (0..libc::CPU_SETSIZE as usize)
        // SAFETY: CPU_ISSET reads the bit of a number below CPU_SETSIZE, the size of a `cpu_set_t`.
        .filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) })
        .collect();
    let place = number.checked_rem(cpus.len()).and_then(|place| cpus.get(place));
    let cpu = *place.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let mut one = empty();
    // SAFETY: as above; CPU_SET writes the bit.
    unsafe { libc::CPU_SET(cpu, &mut one) };
    // SAFETY: sched_setaffinity(2):
    // > pid: zero: the calling thread
    // > cpusetsize: the length (in bytes) of the data pointed to by mask: the set's own size
    // > mask: read only
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const one) })
}

/// The CPUs that the calling thread may use.
fn allowed() -> io::Result<libc::cpu_set_t> {
    let mut set = empty();
    // SAFETY: sched_getaffinity(2), as in `pin`; the mask is written, and is exclusively borrowed.
    check(unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) })?;
    Ok(set)
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: a `cpu_set_t` is an array of integers: all zero is the empty set.
    unsafe { std::mem::zeroed() }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_kept_on_one_cpu() {
        let pinned = std::thread::spawn(|| {
            pin(7).expect("a CPU that this process may use");
            let set = allowed().expect("the set");
            // SAFETY: it counts the bits of a set.
            unsafe { libc::CPU_COUNT(&set) }
        });
        assert_eq!(pinned.join().expect("no panic"), 1);
    }
}
