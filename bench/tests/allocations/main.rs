//! In the steady state the engine takes no memory: not one allocation on its thread while it relays.
//!
//! A counting allocator watches the engine's thread alone. A publisher pushes by RTSP, as a camera
//! would, and players receive over UDP and TCP; after a warm-up, in which lists find their sizes, the
//! count must stand still.

mod counting;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rillcast::engine::{Config, Engine};
use rillcast::relay::Limits;
use rillcast_bench::peers::{Pictures, Player, Publisher, Transport};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Long enough for the history to be full.
const WARM_UP: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(2);
/// A machine that is busy makes larger batches than any before, for which lists and buffers grow
/// once more. One allocation per packet would show in every window.
const WINDOWS: usize = 8;
/// What growing may cost in one window; a thousandth of one allocation per packet delivered.
const GROWTH: u64 = 16;

fn threads() -> BTreeSet<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// Allocations on the engine's thread and packets delivered, per window.
fn steady_state(ingest: Transport) -> Vec<(u64, u64, String)> {
    let before = threads();
    // A short history, so that the buffers have come full circle when the count begins.
    let limits = Limits { history: Duration::from_secs(1), ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let engine = Engine::start(config).expect("the engine starts");
    let [thread] = *threads().difference(&before).copied().collect::<Vec<_>>() else {
        panic!("the engine is one thread");
    };
    let address = engine.listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
    let pictures = Pictures::start(Publisher::connect(address, ingest));
    thread::sleep(Duration::from_millis(300));
    let transports = [Transport::Udp, Transport::Tcp].into_iter().cycle().take(16);
    let (players, counts): (Vec<Player>, Vec<Arc<AtomicU64>>) = transports
        .map(|transport| {
            let count = Arc::new(AtomicU64::new(0));
            let counter = count.clone();
            let count_one = move |_: &[u8]| {
                counter.fetch_add(1, Ordering::Relaxed);
            };
            (Player::start(address, transport, count_one), count)
        })
        .unzip();

    thread::sleep(WARM_UP);
    let delivered = || counts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>();
    let mut windows = Vec::new();
    for _ in 0..WINDOWS {
        let packets = delivered();
        counting::watch(thread);
        thread::sleep(WINDOW);
        let (allocations, sizes) = counting::stop();
        windows.push((allocations, delivered() - packets, sizes));
        if allocations == 0 {
            break;
        }
    }
    for count in &counts {
        let count = count.load(Ordering::Relaxed);
        assert!(count > 500, "a player received only {count} packets");
    }
    drop(players);
    drop(pictures);
    windows
}

/// One test, so that no other one's engine runs beside it.
#[test]
fn no_allocation_per_packet() {
    for ingest in [Transport::Udp, Transport::Tcp] {
        let windows = steady_state(ingest);
        for (allocations, packets, sizes) in &windows {
            println!("{ingest:?} publisher: {allocations} allocations {sizes}, {packets} packets");
            assert!(*packets > 10_000, "{ingest:?}: only {packets} packets were delivered");
            assert!(*allocations <= GROWTH, "{ingest:?}: {allocations} allocations {sizes}");
        }
        let last = windows.last().map(|(allocations, ..)| *allocations);
        assert_eq!(last, Some(0), "{ingest:?} publisher: no window without an allocation");
    }
}
