//! Runs of packets, cut into messages.

use std::io::IoSlice;
use std::ops::Range;

use crate::io::{MAX_DATAGRAM, MAX_SEGMENTS, Run};

/// The most slices of one message (`UIO_MAXIOV` of the kernel).
const MAX_SLICES: usize = 1024;

/// One message that carries a run, or some of it, to any destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::io) struct Part {
    /// Index of the run.
    pub(in crate::io) run: usize,
    /// Which of the run's packets.
    pub(in crate::io) segments: Range<usize>,
    /// Bytes in all.
    pub(in crate::io) bytes: usize,
    /// Which of the plan's own slices; `None` when the caller's serve as they are.
    slices: Option<Range<usize>>,
}

/// How each run goes out: in few messages that the kernel segments, and in one message per packet
/// for whom that is refused.
///
/// The slices of a message are the same for all destinations, so this is done once per call. A
/// plan keeps its memory from call to call; what its slices point to is borrowed by the caller of
/// [`lay_out`](Self::lay_out) and must not be used after that borrow.
#[derive(Default)]
pub(in crate::io) struct Plan {
    slices: Vec<libc::iovec>,
    parts: Vec<Part>,
    runs: Vec<Ways>,
}

/// The parts of one run.
#[derive(Debug, Clone, Default)]
struct Ways {
    joined: Range<usize>,
    single: Range<usize>,
}

impl Plan {
    /// Plans all runs anew: joined into messages of several segments if `joined`, and packet by
    /// packet if `single`. A run of one packet goes the same way in both.
    pub(in crate::io) fn lay_out(&mut self, runs: &[Run<'_>], joined: bool, single: bool) {
        self.slices.clear();
        self.parts.clear();
        self.runs.clear();
        for (index, run) in runs.iter().enumerate() {
            let ways = self.ways(index, run, joined, single);
            self.runs.push(ways);
        }
    }

    /// The messages of a run: packet by packet if `single` and that was planned, else joined.
    pub(in crate::io) fn parts(&self, run: usize, single: bool) -> &[Part] {
        let Some(ways) = self.runs.get(run) else { return &[] };
        let range = if single && !ways.single.is_empty() { &ways.single } else { &ways.joined };
        self.parts.get(range.clone()).unwrap_or_default()
    }

    /// The slices to gather for a part: a pointer, valid until the next
    /// [`lay_out`](Self::lay_out) and as long as the runs are borrowed, and their number.
    pub(in crate::io) fn gather(
        &self,
        part: &Part,
        runs: &[Run<'_>],
    ) -> (*const libc::iovec, usize) {
        let own = part.slices.clone().and_then(|range| self.slices.get(range));
        match (own, runs.get(part.run)) {
            (Some(own), _) => (own.as_ptr(), own.len()),
            // `IoSlice` is guaranteed to have the layout of `iovec`.
            (None, Some(run)) => (run.slices().as_ptr().cast(), run.slices().len()),
            (None, None) => (std::ptr::null(), 0),
        }
    }

    fn ways(&mut self, index: usize, run: &Run<'_>, joined: bool, single: bool) -> Ways {
        let count = run.segments();
        let most = most_segments(run);
        let whole = Part { run: index, segments: 0..count, bytes: run.bytes(), slices: None };
        let begin = self.parts.len();
        if count == 0 {
            return Ways::default();
        }
        if count == 1 {
            self.parts.push(whole);
            return Ways { joined: begin..begin + 1, single: begin..begin + 1 };
        }
        let fits = count <= most && run.slices().len() <= MAX_SLICES;
        if joined && fits && !single {
            let whole = self.merged(whole, run);
            self.parts.push(whole);
            return Ways { joined: begin..begin + 1, single: 0..0 };
        }

        // Cut into packets, whose slices lie one after the other, so that those of several packets
        // are a range as well.
        let mut cutter = Cutter { slices: run.slices(), offset: 0 };
        for segment in 0..count {
            let bytes = run.segment().min(run.bytes() - segment * run.segment());
            let start = self.slices.len();
            cutter.cut(bytes, &mut self.slices);
            let slices = Some(start..self.slices.len());
            self.parts.push(Part { run: index, segments: segment..segment + 1, bytes, slices });
        }
        let singles = begin..self.parts.len();
        if !joined {
            return Ways { joined: singles.clone(), single: singles };
        }
        let begin = self.parts.len();
        if fits {
            let whole = self.merged(whole, run);
            self.parts.push(whole);
        } else {
            self.join(singles.clone(), most);
        }
        Ways { joined: begin..self.parts.len(), single: singles }
    }

    /// The same part, of as few slices as there can be: packets that came in by one read lie one behind the other, and
    /// the kernel takes one long slice in less time than many short ones, anew for each destination.
    fn merged(&mut self, whole: Part, run: &Run<'_>) -> Part {
        let start = self.slices.len();
        for slice in run.slices() {
            let follows = |last: &&mut libc::iovec| {
                (last.iov_base.addr()).checked_add(last.iov_len) == Some(slice.as_ptr().addr())
            };
            match self.slices.get_mut(start..).and_then(<[_]>::last_mut).filter(follows) {
                Some(last) => last.iov_len += slice.len(),
                None => self.slices.push(libc::iovec {
                    iov_base: slice.as_ptr().cast_mut().cast(),
                    iov_len: slice.len(),
                }),
            }
        }
        Part { slices: Some(start..self.slices.len()), ..whole }
    }

    /// Joins consecutive single packets into parts of at most `most`.
    fn join(&mut self, singles: Range<usize>, most: usize) {
        let mut open: Option<Part> = None;
        for index in singles {
            let Some(next) = self.parts.get(index).cloned() else { return };
            open = Some(match open.take() {
                None => next,
                Some(part) => match joined(&part, &next, most) {
                    Some(longer) => longer,
                    None => {
                        self.parts.push(part);
                        next
                    }
                },
            });
        }
        self.parts.extend(open);
    }
}

/// Two parts that follow one another, as one, if one message can be as long.
fn joined(part: &Part, next: &Part, most: usize) -> Option<Part> {
    let (slices, more) = (part.slices.as_ref()?, next.slices.as_ref()?);
    let longer = Part {
        run: part.run,
        segments: part.segments.start..next.segments.end,
        bytes: part.bytes + next.bytes,
        slices: Some(slices.start..more.end),
    };
    (longer.segments.len() <= most && more.end - slices.start <= MAX_SLICES).then_some(longer)
}

/// Packets of a run that one message can carry.
fn most_segments(run: &Run<'_>) -> usize {
    MAX_DATAGRAM.checked_div(run.segment()).unwrap_or(1).clamp(1, MAX_SEGMENTS)
}

/// Takes bytes off the front of slices.
struct Cutter<'a> {
    slices: &'a [IoSlice<'a>],
    /// Bytes of the first slice that are taken.
    offset: usize,
}

impl Cutter<'_> {
    /// The next `bytes` bytes, as slices appended to `out`.
    fn cut(&mut self, mut bytes: usize, out: &mut Vec<libc::iovec>) {
        while bytes > 0 {
            let Some((first, rest)) = self.slices.split_first() else { return };
            let left = first.get(self.offset..).unwrap_or_default();
            let taken = left.len().min(bytes);
            if taken > 0 {
                // The kernel only reads it.
                out.push(libc::iovec { iov_base: left.as_ptr().cast_mut().cast(), iov_len: taken });
            }
            bytes -= taken;
            if taken == left.len() {
                (self.slices, self.offset) = (rest, 0);
            } else {
                self.offset += taken;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the slices of a part.
    fn bytes(plan: &Plan, part: &Part, runs: &[Run<'_>]) -> Vec<u8> {
        let (slices, count) = plan.gather(part, runs);
        // SAFETY: `gather` gives `count` slices, which point into what `runs` borrows: here into one vector, also
        // where one slice stands for several.
        let slices = unsafe { std::slice::from_raw_parts(slices.cast::<IoSlice<'_>>(), count) };
        slices.iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    fn check(sizes: &[usize], segment: usize) {
        let total: usize = sizes.iter().sum();
        let data: Vec<u8> = (0..total).map(|i| (i % 251) as u8).collect();
        let mut rest = data.as_slice();
        let slices: Vec<IoSlice<'_>> = sizes
            .iter()
            .map(|&size| {
                let (slice, tail) = rest.split_at(size);
                rest = tail;
                IoSlice::new(slice)
            })
            .collect();
        let runs = [Run::new(&slices, segment)];
        let mut plan = Plan::default();
        for (joined, single) in [(true, false), (false, true), (true, true)] {
            plan.lay_out(&runs, joined, single);
            for ask in [false, true] {
                let parts = plan.parts(0, ask);
                let mut sent = Vec::new();
                let mut next = 0;
                for part in parts {
                    assert_eq!(part.segments.start, next, "packets in order, none left out");
                    next = part.segments.end;
                    let part_bytes = bytes(&plan, part, &runs);
                    assert_eq!(part.bytes, part_bytes.len());
                    if part.segments.len() > 1 {
                        assert!(joined && part.segments.len() <= MAX_SEGMENTS);
                        assert!(part.bytes <= MAX_DATAGRAM);
                        assert!(part.bytes > (part.segments.len() - 1) * segment);
                        assert!(plan.gather(part, &runs).1 <= MAX_SLICES);
                    }
                    if ask && single {
                        assert_eq!(part.segments.len(), 1);
                    }
                    sent.extend(part_bytes);
                }
                assert_eq!(next, runs[0].segments());
                assert_eq!(sent, data);
            }
        }
    }

    #[test]
    fn every_packet_is_in_exactly_one_message() {
        check(&[1200; 10], 1200);
        check(&[1200, 1200, 700], 1200);
        check(&[12, 1188, 12, 1188, 12, 40], 1200); // headers of the child's own
        check(&[5000, 0, 3000], 1200); // packets across slices
        check(&[1], 1200);
        check(&[100; 200], 100); // more packets than one message may have
        check(&[1400; 60], 1400); // more bytes than one message may have
        check(&[1; 6400], 100); // more slices than one message may have
        check(&[40_000; 3], 40_000); // packets of which not even two fit
    }

    #[test]
    fn what_lies_together_is_one_slice() {
        let data = vec![7; 4 * 1200];
        let packets: Vec<&[u8]> = data.chunks(1200).collect();
        let [first, second, third, fourth] = packets[..] else { panic!("four packets") };
        let count = |packets: &[&[u8]]| {
            let slices: Vec<IoSlice<'_>> =
                packets.iter().map(|bytes| IoSlice::new(bytes)).collect();
            let runs = [Run::new(&slices, 1200)];
            let mut plan = Plan::default();
            plan.lay_out(&runs, true, false);
            plan.gather(&plan.parts(0, false)[0], &runs).1
        };
        assert_eq!(count(&[first, second, third, fourth]), 1);
        assert_eq!(count(&[first, second, fourth]), 2);
        assert_eq!(count(&[third, second, first]), 3);
    }

    #[test]
    fn nothing_is_nothing() {
        let runs = [Run::new(&[], 1200)];
        let mut plan = Plan::default();
        plan.lay_out(&runs, true, true);
        assert!(plan.parts(0, false).is_empty() && plan.parts(0, true).is_empty());
        assert!(plan.parts(7, true).is_empty());
    }
}
