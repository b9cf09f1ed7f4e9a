//! The frame ring beside `tokio::sync::broadcast` and the `disruptor` crate: what it costs to
//! publish one packet and have it read by 1, 2 and 4 readers.
//!
//! ```text
//! cargo bench -p rillcast-bench --bench ring              criterion's figures, then the table
//! cargo bench -p rillcast-bench --bench ring -- --table   the table alone: half a minute
//! ```
//!
//! What is measured, and how: [`rillcast_bench::ring`]. tokio's receiver clones the handle, as its interface wants
//! it; the other two lend it. The disruptor is read by its `EventPoller`, since its own busy-spin would have four
//! readers wait for each other's time slices on two cores; it holds its producer back by itself. For the other two,
//! which would have slow readers lose packets, the producer looks at the readers' progress when it has gone as far
//! as it may. The disruptor is measured twice: publishing one by one, as the other two do, and a burst at once.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use rillcast_bench::ring::{
    Channel, Contestant, Handle, READERS, Report, Ring, Setting, measure, packets,
};

mod channels;

use channels::{Batched, Broadcast, Disruptor};

/// Times that each is measured for the table.
const ROUNDS: usize = 41;

fn main() {
    if !std::env::args().any(|argument| argument == "--table") {
        let packets = packets();
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        for setting in Setting::ALL {
            for readers in READERS {
                bench::<Ring>(&mut criterion, &packets, setting, readers);
                bench::<Broadcast>(&mut criterion, &packets, setting, readers);
                bench::<Disruptor>(&mut criterion, &packets, setting, readers);
                bench::<Batched>(&mut criterion, &packets, setting, readers);
            }
        }
        criterion.final_summary();
    }
    let contestants = [
        Contestant::of::<Ring>(),
        Contestant::of::<Broadcast>(),
        Contestant::of::<Disruptor>(),
        Contestant::of::<Batched>(),
    ];
    print!("{}", Report::of(&contestants, ROUNDS));
}

fn bench<C: Channel>(
    criterion: &mut Criterion,
    packets: &[Handle],
    setting: Setting,
    readers: usize,
) {
    let mut group = criterion.benchmark_group(setting.name());
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(C::NAME, readers), |bencher| {
        bencher.iter_custom(|wanted| measure::<C>(packets, setting, readers, wanted));
    });
    group.finish();
}
