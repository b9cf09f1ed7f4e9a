//! The table: all channels in turn, and their ratios.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Channel, Handle, READERS, Setting, measure, packets};

/// Packets of one measurement.
const PACKETS: u64 = 200_000;

/// Who is compared.
pub struct Contestant {
    name: &'static str,
    measure: fn(&[Handle], Setting, usize, u64) -> Duration,
}

impl Contestant {
    /// A channel.
    pub fn of<C: Channel>() -> Contestant {
        Contestant { name: C::NAME, measure: measure::<C> }
    }
}

/// What a packet costs, published and read by all readers.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Which channel.
    pub channel: &'static str,
    /// Nanoseconds: the median of all rounds.
    pub ns: f64,
    /// As a multiple of the first channel's in the same round: the median.
    pub ratio: f64,
}

/// A line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who reads where.
    pub setting: &'static str,
    /// How many.
    pub readers: usize,
    /// All channels.
    pub figures: Vec<Figure>,
}

/// The table.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How often each was measured.
    pub rounds: usize,
    /// Its lines.
    pub rows: Vec<Row>,
}

impl Report {
    /// Measures them in turn, so many rounds.
    pub fn of(contestants: &[Contestant], rounds: usize) -> Report {
        let packets = packets();
        let mut rows = Vec::new();
        for setting in Setting::ALL {
            for readers in READERS {
                let round = || {
                    contestants
                        .iter()
                        .map(|one| (one.measure)(&packets, setting, readers, PACKETS))
                        .map(|took| took.as_secs_f64() * 1e9 / PACKETS as f64)
                        .collect::<Vec<f64>>()
                };
                let rounds: Vec<_> = (0..rounds.max(1)).map(|_| round()).collect();
                let figures = contestants.iter().enumerate().map(|(place, one)| Figure {
                    channel: one.name,
                    ns: median(rounds.iter().map(|round| round[place])),
                    ratio: median(rounds.iter().map(|round| round[place] / round[0])),
                });
                rows.push(Row { setting: setting.name(), readers, figures: figures.collect() });
            }
        }
        Report { rounds, rows }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "ns per packet, published and read by all readers; medians of {} rounds",
            self.rounds
        )?;
        write!(f, "{:<12}{:>8}", "", "readers")?;
        for figure in self.rows.iter().take(1).flat_map(|row| &row.figures) {
            write!(f, "{:>24}", figure.channel)?;
        }
        writeln!(f)?;
        for row in &self.rows {
            write!(f, "{:<12}{:>8}", row.setting, row.readers)?;
            for figure in &row.figures {
                write!(f, "{:>24}", format!("{:.1} ({:.2})", figure.ns, figure.ratio))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
