//! The table at the end: all figures of one run, and their ratios.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

type Key = (String, usize);

/// Nanoseconds a packet, per setting and number of readers, per channel, per sample.
#[derive(Default)]
pub(crate) struct Report(RefCell<BTreeMap<Key, BTreeMap<&'static str, Vec<f64>>>>);

impl Report {
    pub(crate) fn add(
        &self,
        setting: &str,
        readers: usize,
        channel: &'static str,
        took: Duration,
        packets: u64,
    ) {
        // Too short to mean anything: criterion feeling its way.
        if packets < 10_000 {
            return;
        }
        let mut samples = self.0.borrow_mut();
        let of = samples.entry((setting.to_owned(), readers)).or_default();
        of.entry(channel).or_default().push(took.as_secs_f64() * 1e9 / packets as f64);
    }

    /// Prints nanoseconds a packet (median), and how many times rillcast's that is.
    pub(crate) fn print(&self) {
        println!(
            "\n{:<11} {:>7}  ns a packet, publish + read by all (times rillcast's)",
            "", "readers"
        );
        for ((setting, readers), channels) in self.0.borrow_mut().iter_mut() {
            let mut medians = BTreeMap::new();
            for (channel, samples) in channels {
                samples.sort_by(f64::total_cmp);
                medians.insert(*channel, samples[samples.len() / 2]);
            }
            let Some(ours) = medians.remove("rillcast") else { continue };
            print!("{setting:<11} {readers:>7}  rillcast {ours:.1}");
            for (channel, median) in medians {
                print!("  {channel} {median:.1} ({:.2})", median / ours);
            }
            println!();
        }
    }
}
