//! The relay gets a processor of its own, as far as there are two.

use core_affinity::CoreId;

/// The processors that this process may use, first and last; `None` when there is only one.
fn ends() -> Option<(CoreId, CoreId)> {
    let cores = core_affinity::get_core_ids()?;
    let (first, last) = (*cores.first()?, *cores.last()?);
    (first != last).then_some((first, last))
}

/// Puts this thread, and those it starts, on the last processor; returns the number of the one that is
/// left for the relay.
pub(super) fn harness() -> Option<usize> {
    let (first, last) = ends()?;
    core_affinity::set_for_current(last).then_some(first.id)
}

/// Puts this thread, and those it starts, on a processor.
pub(super) fn to(processor: usize) {
    core_affinity::set_for_current(CoreId { id: processor });
}
