//! The frame ring beside `tokio::sync::broadcast` and the `disruptor` crate: what it costs to
//! publish one packet and have it read by 1, 2 and 4 readers.
//!
//! ```text
//! cargo bench -p rillcast-bench --bench ring              criterion's figures, then the table
//! cargo bench -p rillcast-bench --bench ring -- --table   the table alone: half a minute
//! ```
//!
//! The table has nanoseconds per packet and ratios: the channels take turns, round by round, so
//! that whatever else the machine does meets all of them, and the ratio is the median over the
//! rounds.
//!
//! All carry the same handle, an `Arc<[u8]>`, one of 1,024 packets in turn; have 1,024 slots; are
//! published to in bursts of 32 (a frame); and every reader sees every packet:
//!
//! * `one thread`: the producer publishes a burst, then each reader in turn reads it. No scheduler
//!   and no cache line on its way between cores: the cost of the operations themselves.
//! * `threads`: each reader on a thread of its own. A reader that finds nothing yields, so that
//!   four readers get along on two cores (the disruptor's own busy-spin would have them wait for
//!   each other's time slices); the disruptor is read by its `EventPoller`, which leaves that to
//!   us. The disruptor holds its producer back by itself. For the other two, which would have slow
//!   readers lose packets, the producer looks at the readers' progress when it has gone as far as
//!   it may.
//!
//! tokio's receiver clones the handle, as its interface wants it; the other two lend it. The
//! disruptor is measured twice: publishing one by one, as the other two do, and a burst at once.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};

mod channels;
mod measure;
mod table;

use channels::{Batched, Broadcast, Channel, Disruptor, Ring};
use measure::Setting;

const READERS: [usize; 3] = [1, 2, 4];

fn main() {
    let packets: Vec<channels::Handle> =
        (0..1024).map(|n| Arc::from(vec![n as u8; 1200])).collect();
    if !std::env::args().any(|argument| argument == "--table") {
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        for setting in [Setting::OneThread, Setting::Threads] {
            for readers in READERS {
                bench::<Ring>(&mut criterion, &packets, setting, readers);
                bench::<Broadcast>(&mut criterion, &packets, setting, readers);
                bench::<Disruptor>(&mut criterion, &packets, setting, readers);
                bench::<Batched>(&mut criterion, &packets, setting, readers);
            }
        }
        criterion.final_summary();
    }
    table::print(&packets);
}

fn bench<C: Channel>(
    criterion: &mut Criterion,
    packets: &[channels::Handle],
    setting: Setting,
    readers: usize,
) {
    let mut group = criterion.benchmark_group(setting.name());
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(C::NAME, readers), |bencher| {
        bencher.iter_custom(|wanted| measure::run::<C>(packets, setting, readers, wanted));
    });
    group.finish();
}
