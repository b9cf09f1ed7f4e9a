//! A server for a long time: publishers and players come and go, strangers attack it, and at the end it
//! is as it was after the first minutes.
//!
//! `tests/soak` runs it. Not among the ordinary tests, for its length.

mod attackers;
mod slots;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rillcast_tests::memory::Memory;
use rillcast_tests::scene::Scene;
use rillcast_tests::server::Server;
use serde_json::Value;

use slots::{Plan, Slot};

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(500);
/// How long sessions that were left without a word may last.
const PATIENCE: Duration = Duration::from_secs(15);

/// A number of the environment, or what is usual.
fn setting(name: &str, usual: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => usual,
    }
}

#[test]
#[ignore = "takes half an hour; tests/soak runs it"]
fn a_server_is_at_the_end_as_it_was_at_the_beginning() {
    let seconds = setting("SOAK_SECONDS", 1800);
    let plan = Arc::new(Plan {
        streams: setting("SOAK_STREAMS", 50),
        children: setting("SOAK_CHILDREN", 10),
        churn: setting("SOAK_CHURN", 10),
    });
    let scene = Scene::new("soak");
    let mut server = Server::start(&scene, &["--linger", "2", "--session-timeout", "5"]);
    let descriptors = server.process().descriptors();
    let address = server.address().to_owned();

    let (stop, slots) = slots::start(&plan, &address);
    let (stop_attack, attack_stopped) = mpsc::channel::<()>();
    let target = address.clone();
    let attackers = thread::spawn(move || attackers::attack(&target, &attack_stopped));

    let mut memory = Memory::default();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds.into()) {
        thread::sleep(SAMPLE);
        memory.sample(begun.elapsed(), server.process().memory());
        assert!(server.process().is_running(), "the server has ended");
        if let Some(slot) = slots.iter().find(|slot| slot.thread.is_finished()) {
            panic!("{} has failed; its thread said why", slot.name);
        }
    }
    drop((stop, stop_attack));
    let visits: u64 = slots.into_iter().map(Slot::finish).sum();
    let rounds = attackers.join().expect("the attackers end well");

    // Whoever was left without a word is found out.
    let end = Instant::now() + PATIENCE;
    // Players over UDP share one pair of sockets, which stays.
    let allowed = descriptors + 2;
    while server.process().descriptors() > allowed && Instant::now() < end {
        thread::sleep(SAMPLE);
    }
    let left = server.process().descriptors();
    assert!(left <= allowed, "{descriptors} descriptors at the beginning, {left} at the end");
    let events = server.end();
    books_balance(&events);
    println!(
        "{visits} publishers and players in {seconds} s, {rounds} rounds of attacks; {memory}; \
         descriptors {descriptors} → {left}"
    );
    memory.is_level();
}

/// Every stream's ledger balances, and every player that began has ended.
fn books_balance(events: &[Value]) {
    let of = |kind: &'static str| events.iter().filter(move |event| event["event"] == kind);
    for ledger in of("ledger") {
        assert_eq!(ledger["balances"], true, "{ledger}");
    }
    let (begun, ended) = (of("stream_started").count(), of("ledger").count());
    assert_eq!(begun, ended, "streams that began, and that closed their books");
    let (came, gone) = (of("child_started").count(), of("child_ended").count());
    assert_eq!(came, gone, "players that came, and that are gone");
    assert!(begun > 0 && came > 0, "nobody was there");
}
