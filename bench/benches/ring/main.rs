//! The frame ring beside `tokio::sync::broadcast` and the `disruptor` crate: what it costs to
//! publish one packet and have it read by 1, 2 and 4 readers.
//!
//! ```text
//! cargo bench -p rillcast-bench --bench ring
//! ```
//!
//! ends with a table of nanoseconds per packet (median of the samples) and of the ratios.
//!
//! All three carry the same handle, an `Arc<[u8]>`, one of 1,024 packets in turn; have 1,024 slots;
//! are published to in bursts of 32 (a frame); and every reader sees every packet:
//!
//! * `one thread`: the producer publishes a burst, then each reader in turn reads it. No scheduler
//!   and no cache line on its way between cores: the cost of the operations themselves.
//! * `threads`: each reader on a thread of its own. A reader that finds nothing yields, so that
//!   four readers get along on two cores (the disruptor's own busy-spin would have them wait for
//!   each other's time slices); the disruptor is read by its `EventPoller`, which leaves that to
//!   us. The disruptor holds its producer back by itself. For the other two, which would have slow
//!   readers lose packets, the producer looks at the readers' progress every half ring.
//!
//! tokio's receiver clones the handle, as its interface wants it; the other two lend it. The
//! disruptor is measured twice: publishing one by one, as the other two do, and a burst at once.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};

mod channels;
mod measure;
mod report;

use channels::{Batched, Broadcast, Disruptor, Ring};
use report::Report;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let report = Report::default();
    for setting in ["one thread", "threads"] {
        for readers in [1, 2, 4] {
            bench::<Ring>(&mut criterion, &report, setting, readers);
            bench::<Broadcast>(&mut criterion, &report, setting, readers);
            bench::<Disruptor>(&mut criterion, &report, setting, readers);
            bench::<Batched>(&mut criterion, &report, setting, readers);
        }
    }
    criterion.final_summary();
    report.print();
}

fn bench<C: channels::Channel>(
    criterion: &mut Criterion,
    report: &Report,
    setting: &str,
    readers: usize,
) {
    let packets: Vec<channels::Handle> =
        (0..1024).map(|n| Arc::from(vec![n as u8; 1200])).collect();
    let mut group = criterion.benchmark_group(setting);
    group.throughput(Throughput::Elements(1));
    group.bench_with_input(BenchmarkId::new(C::NAME, readers), &readers, |bencher, &readers| {
        bencher.iter_custom(|packets_wanted| {
            let took = match setting {
                "threads" => measure::threads::<C>(&packets, readers, packets_wanted),
                _ => measure::one_thread::<C>(&packets, readers, packets_wanted),
            };
            report.add(setting, readers, C::NAME, took, packets_wanted);
            black_box(took)
        });
    });
    group.finish();
}
