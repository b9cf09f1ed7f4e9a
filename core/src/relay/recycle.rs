//! Lists of borrowed things whose memory is used again.

/// Keeps a list's memory for things of another lifetime. The list is emptied first, so that nothing is
/// converted (`never` is not called); collecting in place then returns the same allocation.
pub(super) fn recycle<T, U>(mut list: Vec<T>, never: impl Fn() -> U) -> Vec<U> {
    list.clear();
    list.into_iter().map(|_| never()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    #[test]
    fn the_memory_stays_where_it_is() {
        let bytes = [1, 2, 3];
        let list = vec![IoSlice::new(&bytes); 100];
        let (place, room) = (list.as_ptr().addr(), list.capacity());
        let recycled: Vec<IoSlice<'static>> = super::recycle(list, || IoSlice::new(&[]));
        assert!(recycled.is_empty());
        assert_eq!((recycled.as_ptr().addr(), recycled.capacity()), (place, room));
    }
}
