//! The relay gets a processor of its own, as far as there are two.

use core_affinity::CoreId;

/// Who runs where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processors {
    /// Source and receivers.
    pub(super) harness: usize,
    /// The relay.
    pub(super) relay: usize,
}

impl Processors {
    /// Of those that this process may use; `None` when there is only one.
    pub(super) fn choose() -> Option<Processors> {
        let cores = core_affinity::get_core_ids()?;
        let (relay, harness) = (cores.first()?.id, cores.last()?.id);
        (relay != harness).then_some(Processors { harness, relay })
    }

    /// Does something on the relay's processor, where a process started by it stays.
    pub(super) fn at_relay<T>(processors: Option<Processors>, work: impl FnOnce() -> T) -> T {
        let Some(Processors { harness, relay }) = processors else { return work() };
        to(relay);
        let done = work();
        to(harness);
        done
    }
}

/// Puts this thread, and those it starts, on a processor. The system may refuse: then it decides itself.
pub(super) fn to(processor: usize) {
    core_affinity::set_for_current(CoreId { id: processor });
}
