//! The relay gets a processor of its own, as far as there are two.

use core_affinity::CoreId;

/// Who runs where.
#[derive(Clone, Copy, Debug)]
pub struct Processors {
    /// Source and receivers.
    pub harness: usize,
    /// The relay.
    pub relay: usize,
}

impl Processors {
    /// Of those that this process may use; `None` when there is only one.
    pub fn choose() -> Option<Processors> {
        let cores = core_affinity::get_core_ids()?;
        let (relay, harness) = (cores.first()?.id, cores.last()?.id);
        (relay != harness).then_some(Processors { harness, relay })
    }

    /// Does something on the relay's processor, where a process started by it stays.
    pub fn at_relay<T>(processors: Option<Processors>, work: impl FnOnce() -> T) -> T {
        let Some(Processors { harness, relay }) = processors else { return work() };
        pin_to(relay);
        let done = work();
        pin_to(harness);
        done
    }
}

/// Puts this thread, and those it starts, on a processor. The system may refuse: then it decides itself.
pub fn pin_to(processor: usize) {
    core_affinity::set_for_current(CoreId { id: processor });
}
