//! The children of one fan-out, by keys that are given out elsewhere.

use super::child::{Child, ChildKey};

/// Children by their keys. A stream gives out the keys; when several fan it out, each has some of them,
/// so that what is missing here costs a word each.
#[derive(Default)]
pub(super) struct Table {
    places: Vec<Option<Box<Child>>>,
    count: usize,
}

impl Table {
    /// Puts a child at its place, in which there must be none.
    pub(super) fn insert(&mut self, key: ChildKey, child: Child) {
        if self.places.len() <= key {
            self.places.resize_with(key + 1, || None);
        }
        if let Some(place) = self.places.get_mut(key) {
            self.count += usize::from(place.replace(Box::new(child)).is_none());
        }
    }

    /// Takes a child out.
    pub(super) fn remove(&mut self, key: ChildKey) -> Option<Child> {
        let child = self.places.get_mut(key)?.take()?;
        self.count -= 1;
        Some(*child)
    }

    pub(super) fn get(&self, key: ChildKey) -> Option<&Child> {
        self.places.get(key)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, key: ChildKey) -> Option<&mut Child> {
        self.places.get_mut(key)?.as_deref_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All children, in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ChildKey, &Child)> + '_ {
        let places = self.places.iter().enumerate();
        places.filter_map(|(key, place)| Some((key, place.as_deref()?)))
    }

    /// As [`iter`](Table::iter), to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (ChildKey, &mut Child)> + '_ {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(key, place)| Some((key, place.as_deref_mut()?)))
    }
}
