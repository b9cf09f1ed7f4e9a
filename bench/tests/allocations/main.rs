//! In the steady state the engine takes no memory: not one allocation on its thread while it relays.
//!
//! A counting allocator watches the engine's thread alone. A publisher pushes by RTSP, as a camera
//! would, and players receive over UDP and TCP; after a warm-up, in which lists find their sizes, the
//! count must stand still.

mod counting;
mod peers;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use peers::{Player, Publisher, Transport};
use rillcast::engine::{Config, Engine};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(3);

fn threads() -> BTreeSet<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// Allocations on the engine's thread and packets delivered, in the steady state.
fn steady_state(ingest: Transport) -> (u64, u64, String) {
    let before = threads();
    let engine = Engine::start(Config::default()).expect("the engine starts");
    let [thread] = *threads().difference(&before).copied().collect::<Vec<_>>() else {
        panic!("the engine is one thread");
    };
    let address = engine.listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
    let publisher = Publisher::start(address, ingest);
    thread::sleep(Duration::from_millis(300));
    let players: Vec<Player> = [Transport::Udp, Transport::Tcp]
        .into_iter()
        .flat_map(|transport| (0..8).map(move |_| Player::start(address, transport)))
        .collect();

    thread::sleep(WARM_UP);
    let delivered = || players.iter().map(Player::packets).sum::<u64>();
    let packets_before = delivered();
    counting::watch(thread);
    thread::sleep(MEASURED);
    let (allocations, sizes) = counting::stop();
    let packets = delivered() - packets_before;
    for player in &players {
        assert!(player.packets() > 500, "a player received only {}", player.packets());
    }
    drop(players);
    drop(publisher);
    (allocations, packets, sizes)
}

/// One test, so that no other one's engine runs beside it.
#[test]
fn no_allocation_per_packet() {
    for ingest in [Transport::Udp, Transport::Tcp] {
        let (allocations, packets, sizes) = steady_state(ingest);
        println!("{ingest:?} publisher: {allocations} allocations for {packets} delivered packets");
        assert!(packets > 10_000, "{ingest:?}: only {packets} packets were delivered");
        assert_eq!(allocations, 0, "{ingest:?} publisher: {packets} packets; sizes: {sizes}");
    }
}
