//! What has become of every packet that was to be sent.

use std::io;

use super::plan::Part;
use crate::io::{Failure, FanOut};

/// What a message carries, and to whom.
#[derive(Clone)]
pub(in crate::io) struct Mark {
    pub(in crate::io) part: Part,
    /// Index of the destination.
    pub(in crate::io) destination: usize,
}

/// The account of one call of `fan_out`.
pub(in crate::io) struct Account<'a> {
    pub(in crate::io) done: FanOut,
    failed: &'a mut Vec<Failure>,
}

impl<'a> Account<'a> {
    /// A new account, which appends failures to `failed`.
    pub(in crate::io) fn new(failed: &'a mut Vec<Failure>) -> Self {
        Self { done: FanOut::default(), failed }
    }

    /// The kernel took a message.
    pub(in crate::io) fn sent(&mut self, mark: &Mark) {
        self.done.sent += mark.part.segments.len() as u64;
        self.done.bytes += mark.part.bytes as u64;
        self.done.messages += 1;
    }

    /// It did not take a message, and will not be asked again.
    pub(in crate::io) fn failed(&mut self, mark: &Mark, error: io::Error) {
        let segments = mark.part.segments.clone();
        self.done.failed += segments.len() as u64;
        // Packets that follow one another and fail for the same reason are one entry.
        if let Some(last) = self.failed.last_mut()
            && (last.destination, last.run) == (mark.destination, mark.part.run)
            && last.segments.end == segments.start
            && last.error.raw_os_error() == error.raw_os_error()
            && last.error.kind() == error.kind()
        {
            last.segments.end = segments.end;
            return;
        }
        let (destination, run) = (mark.destination, mark.part.run);
        self.failed.push(Failure { destination, run, segments, error });
    }
}
