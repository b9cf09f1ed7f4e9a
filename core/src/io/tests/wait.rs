//! Waiting, waking, and the names of sockets.

use super::*;

pub(super) fn a_wait_without_events_ends_in_time(io: &mut dyn Io, _: &dyn Peers) {
    let mut events = Vec::new();
    let start = io.now();
    io.wait(Some(Duration::from_micros(1500)), &mut events).unwrap();
    assert!(io.now() - start >= Duration::from_micros(1500));
    assert!(events.is_empty());
    io.wait(Some(Duration::ZERO), &mut events).unwrap();
}

pub(super) fn many_wakes_end_one_wait(io: &mut dyn Io, _: &dyn Peers) {
    let mut events = Vec::new();
    let waker = io.waker();
    (0..1000).for_each(|_| waker.wake());
    io.wait(None, &mut events).unwrap();
    // All of them were for that wait.
    let start = io.now();
    io.wait(Some(Duration::from_millis(20)), &mut events).unwrap();
    assert!(io.now() - start >= Duration::from_millis(20));
}

pub(super) fn no_wake_from_another_thread_is_lost(io: &mut dyn Io, _: &dyn Peers) {
    use std::sync::mpsc;
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
        io.wait(Some(Duration::from_secs(30)), &mut events).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "stuck before {next}");
        for number in receiver.try_iter() {
            assert_eq!(number, next);
            next += 1;
        }
    }
    thread.join().unwrap();
}

pub(super) fn a_stale_token_reaches_no_other_socket(io: &mut dyn Io, _: &dyn Peers) {
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

pub(super) fn a_closed_socket_is_not_reported(io: &mut dyn Io, peers: &dyn Peers) {
    let mut peer = peers.datagrams(LOOPBACK, 0);
    let old = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap();
    peer.send_to(b"read by nobody", old.local_addr);
    event(io, |event| event.token == old.token);
    io.close(old.token);
    assert_eq!(events_now(io), []);
    // Nor does the one that has its place get what it had.
    let new = io.bind_udp(LOOPBACK, &UdpOptions { gro: false, ..UdpOptions::default() }).unwrap();
    assert_eq!(events_now(io), []);
    peer.send_to(b"for the new one", new.local_addr);
    assert_eq!(event(io, |_| true).token, new.token);
    let mut got = Vec::new();
    io.receive_small(new.token, &mut |bytes, _| got.push(bytes.to_vec())).unwrap();
    assert_eq!(got, [b"for the new one"]);
}

pub(super) fn what_is_closed_is_free_at_once(io: &mut dyn Io, peers: &dyn Peers) {
    let mut addr = LOOPBACK;
    for _ in 0..10 {
        let socket = io.bind_udp(addr, &UdpOptions::default()).expect("the address is free");
        addr = socket.local_addr;
        assert_eq!(events_now(io), []);
        io.close(socket.token);
    }
    // Free for others as well.
    peers.datagrams(addr, 0);
    let mut addr = LOOPBACK;
    for _ in 0..10 {
        let (listener, local) = io.listen(addr).expect("the address is free");
        addr = local;
        assert_eq!(events_now(io), []);
        io.close(listener);
    }
    assert!(peers.connect(addr).is_err(), "nobody listens");
}

pub(super) fn a_pair_is_an_even_port_and_the_next(io: &mut dyn Io, _: &dyn Peers) {
    let ips: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    for ip in ips {
        for _ in 0..20 {
            let (rtp, rtcp) = io.bind_udp_pair(ip, &UdpOptions::default()).unwrap();
            assert_eq!(rtp.local_addr.port() % 2, 0);
            assert_eq!(rtcp.local_addr.port(), rtp.local_addr.port() + 1);
            assert!(!rtcp.gro);
        }
    }
}

pub(super) fn a_granted_buffer_is_told_and_a_small_one_warned_of(io: &mut dyn Io, _: &dyn Peers) {
    let asked = UdpOptions { recv_buffer: 1 << 30, ..UdpOptions::default() };
    let granted = io.bind_udp(LOOPBACK, &asked).unwrap().recv_buffer;
    let warnings = io.warnings().len();
    io.bind_udp(LOOPBACK, &asked).unwrap();
    assert_eq!(io.warnings().len(), warnings, "once");
    let told = io.warnings().iter().any(|warning| warning.contains("net.core.rmem_max=1073741824"));
    assert_eq!(told, granted < 1 << 30, "if there is a limit");
}
