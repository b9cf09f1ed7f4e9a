//! Lists that are filled anew for each batch and keep their memory between batches.

/// Empties a list and gives its memory to one of another lifetime. Nothing is converted: `none` is
/// never called, and collecting in place returns the same allocation.
pub(super) fn recycle<T, U>(mut list: Vec<T>, none: impl Fn() -> U) -> Vec<U> {
    list.clear();
    list.into_iter().map(|_| none()).collect()
}
