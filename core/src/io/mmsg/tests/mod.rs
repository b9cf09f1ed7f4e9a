//! The backend on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::*;

mod receive;
mod send;
mod tcp;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn backend() -> Mmsg {
    Mmsg::new().expect("a backend")
}

/// Waits until an event satisfies `wanted`, and gives it.
fn event(io: &mut Mmsg, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    let mut events = Vec::new();
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        io.wait(Some(Duration::from_millis(100)), &mut events).expect("wait");
        if let Some(event) = events.iter().find(|event| wanted(event)) {
            return *event;
        }
    }
    panic!("the event did not come in 5 s; last: {events:?}");
}

/// Runs an ignored test in a process of its own, started by `by`, and gives what it said. `None` if
/// that cannot be done here.
fn child(by: &[&str], test: &str) -> Option<String> {
    let (program, arguments) = by.split_first()?;
    let output = std::process::Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().ok()?)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_wait_without_events_ends_in_time() {
    let mut io = backend();
    let mut events = Vec::new();
    let start = Instant::now();
    io.wait(Some(Duration::from_micros(1500)), &mut events).unwrap();
    assert!(start.elapsed() >= Duration::from_micros(1500));
    assert!(events.is_empty());
    io.wait(Some(Duration::ZERO), &mut events).unwrap();
}

#[test]
fn many_wakes_end_one_wait() {
    let mut io = backend();
    let mut events = Vec::new();
    let waker = io.waker();
    (0..1000).for_each(|_| waker.wake());
    io.wait(None, &mut events).unwrap();
    // All of them were for that wait.
    let start = Instant::now();
    io.wait(Some(Duration::from_millis(20)), &mut events).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn no_wake_from_another_thread_is_lost() {
    use std::sync::mpsc;
    let mut io = backend();
    let waker = io.waker();
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        for number in 0..20_000_u32 {
            sender.send(number).unwrap();
            waker.wake();
        }
    });
    let mut events = Vec::new();
    let mut next = 0;
    while next < 20_000 {
        let start = Instant::now();
        io.wait(Some(Duration::from_secs(5)), &mut events).unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "stuck before {next}");
        for number in receiver.try_iter() {
            assert_eq!(number, next);
            next += 1;
        }
    }
    thread.join().unwrap();
}

#[test]
fn a_stale_token_reaches_no_other_socket() {
    let mut io = backend();
    let old = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    io.close(old);
    let new = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    assert_eq!(old.index(), new.index(), "the slot is used again");
    let kind = |result: io::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(io.local_addr(old).map(drop)), io::ErrorKind::NotFound);
    assert_eq!(kind(io.read(old, &mut [0]).map(drop)), io::ErrorKind::NotFound);
    assert_eq!(kind(io.fan_out(old, &[], &[], &mut Vec::new()).map(drop)), io::ErrorKind::NotFound);
    assert_eq!(kind(io.set_reading(old, false)), io::ErrorKind::NotFound);
    io.close(old);
    assert!(io.local_addr(new).is_ok(), "closing the stale one did nothing");
    // And a token of another kind of socket is refused.
    assert_eq!(kind(io.read(new, &mut [0]).map(drop)), io::ErrorKind::InvalidInput);
    assert_eq!(kind(io.accept(new).map(drop)), io::ErrorKind::InvalidInput);
}

#[test]
fn a_pair_is_an_even_port_and_the_next() {
    let mut io = backend();
    let ips: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    for ip in ips {
        for _ in 0..20 {
            let (rtp, rtcp) = io.bind_udp_pair(ip, &UdpOptions::default()).unwrap();
            assert_eq!(rtp.local_addr.port() % 2, 0);
            assert_eq!(rtcp.local_addr.port(), rtp.local_addr.port() + 1);
            assert!(rtp.gro && !rtcp.gro);
        }
    }
}

#[test]
fn a_small_buffer_is_warned_of_with_the_command_that_mends_it() {
    let warning = sockopt::Buffer::Receive.warning(4_194_304, 212_992).unwrap();
    assert!(warning.contains("sysctl -w net.core.rmem_max=4194304"), "{warning}");
    assert!(warning.contains("212992"), "{warning}");
    let warning = sockopt::Buffer::Send.warning(2, 1).unwrap();
    assert!(warning.contains("sysctl -w net.core.wmem_max=2"), "{warning}");
    assert_eq!(sockopt::Buffer::Send.warning(4096, 4096), None);

    let mut io = backend();
    let asked = UdpOptions { recv_buffer: 1 << 30, ..UdpOptions::default() };
    let granted = io.bind_udp(LOOPBACK, &asked).unwrap().recv_buffer;
    io.bind_udp(LOOPBACK, &asked).unwrap();
    assert_eq!(io.warnings().len(), usize::from(granted < 1 << 30), "once, if there is a limit");
}
