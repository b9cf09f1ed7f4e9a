//! What the tests of the sources share.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use super::{Source, Unit};

/// Where a fixture lies.
pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A fixture, opened.
pub(super) fn open(name: &str) -> File {
    File::open(path(name)).expect("the fixture is there")
}

/// An access unit, as a value to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) track: usize,
    pub(super) dts: Duration,
    pub(super) pts: Duration,
    pub(super) parts: Vec<Vec<u8>>,
}

/// The next `count` access units, fewer if the source ends, each due at its decoding time.
pub(super) fn take(source: &mut dyn Source, count: usize) -> Vec<Given> {
    let mut unit = Unit::default();
    let mut given = Vec::new();
    while given.len() < count {
        let due = source.due();
        if !source.next(&mut unit).expect("the source goes on") {
            break;
        }
        assert_eq!(due, Some(unit.dts));
        given.push(Given {
            track: unit.track,
            dts: unit.dts,
            pts: unit.pts,
            parts: unit.parts().map(<[u8]>::to_vec).collect(),
        });
    }
    given
}
