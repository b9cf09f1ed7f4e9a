//! How much memory a receiver takes.

use std::fmt;

use serde::Serialize;

use super::Report;

/// What each receiver adds to the memory of the relays.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// The fewest receivers that were measured.
    pub from: usize,
    /// The most.
    pub to: usize,
    /// Relays, and the bytes that each receiver more has taken.
    pub bytes: Vec<(String, f64)>,
}

impl Growth {
    /// From the report with the fewest receivers to that with the most; `None` when there are not two.
    pub fn of(reports: &[Report]) -> Option<Growth> {
        let receivers = |report: &&Report| report.plan.load().receivers();
        let few = reports.iter().min_by_key(receivers)?;
        let many = reports.iter().max_by_key(receivers)?;
        let (from, to) = (receivers(&few), receivers(&many));
        let more = to.checked_sub(from).filter(|more| *more > 0)?;
        let pairs = few.figures.iter().zip(&many.figures);
        let bytes = pairs.map(|(few, many)| {
            let grown = many.resident.median - few.resident.median;
            (many.relay.clone(), grown / more as f64)
        });
        Some(Growth { from, to, bytes: bytes.collect() })
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory per receiver, from {} to {}:", self.from, self.to)?;
        for (place, (relay, bytes)) in self.bytes.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma} {relay} {:.1} KiB", bytes / 1024.0)?;
        }
        Ok(())
    }
}
