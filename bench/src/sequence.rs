//! Which packets of a track came, by their sequence numbers.

/// Counts what came and what is missing. It is kept apart from the engine's own sequence tracking on
/// purpose: this one judges the other.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// First and highest sequence number, extended beyond 16 bits; None before the first packet.
    range: Option<(u64, u64)>,
    /// Bit n: the packet n below the highest has come.
    recent: u128,
    received: u64,
    duplicates: u64,
}

/// What a packet is, compared with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The one after the highest.
    Next,
    /// Some were passed over, which may come yet.
    Gap,
    /// One that was passed over before.
    Late,
    /// One that came before, or is too old to tell.
    Duplicate,
}

/// Where counting begins, so that a late packet from before the first one stays above zero.
const BASE: u64 = 1 << 32;

impl Sequence {
    /// Counts one packet.
    pub fn packet(&mut self, number: u16) -> Arrival {
        let Some((first, highest)) = self.range else {
            let start = BASE + u64::from(number);
            self.range = Some((start, start));
            self.recent = 1;
            self.received = 1;
            return Arrival::Next;
        };
        let step = number.wrapping_sub(highest as u16) as i16;
        if step > 0 {
            self.recent = self.recent.checked_shl(step as u32).unwrap_or(0) | 1;
            self.range = Some((first, highest + step as u64));
            self.received += 1;
            return if step == 1 { Arrival::Next } else { Arrival::Gap };
        }
        let back = u32::from(step.unsigned_abs());
        let bit = 1u128.checked_shl(back).unwrap_or(0);
        let position = highest - u64::from(back);
        if bit == 0 || self.recent & bit != 0 {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        self.recent |= bit;
        self.received += 1;
        self.range = Some((first.min(position), highest));
        Arrival::Late
    }

    /// Different packets that came.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets between the first and the highest that have not come.
    pub fn lost(&self) -> u64 {
        self.range.map_or(0, |(first, highest)| (highest - first + 1).saturating_sub(self.received))
    }

    /// Packets that came more than once.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: impl IntoIterator<Item = u16>) -> Sequence {
        let mut sequence = Sequence::default();
        numbers.into_iter().for_each(|n| {
            sequence.packet(n);
        });
        sequence
    }

    #[test]
    fn a_whole_run_across_the_wrap_has_no_loss() {
        let sequence = after((65_000..=65_535).chain(0..500));
        assert_eq!((sequence.received(), sequence.lost(), sequence.duplicates()), (1036, 0, 0));
    }

    #[test]
    fn a_gap_is_loss_until_it_is_filled() {
        let mut sequence = after([10, 11, 14]);
        assert_eq!(sequence.lost(), 2);
        assert_eq!(sequence.packet(12), Arrival::Late);
        assert_eq!(sequence.lost(), 1);
        assert_eq!(sequence.packet(12), Arrival::Duplicate);
        assert_eq!(sequence.packet(15), Arrival::Next);
        assert_eq!((sequence.lost(), sequence.duplicates()), (1, 1));
    }

    #[test]
    fn a_packet_from_before_the_first_widens_the_range() {
        let sequence = after([0, 65_535]);
        assert_eq!((sequence.received(), sequence.lost()), (2, 0));
    }

    #[test]
    fn a_jump_counts_all_between() {
        assert_eq!(after([0, 1000]).lost(), 999);
    }
}
