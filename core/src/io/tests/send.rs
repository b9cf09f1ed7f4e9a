//! What `fan_out` sends arrives, whole and in order, or is accounted for.

use std::io::IoSlice;
use std::net::UdpSocket as StdSocket;

use super::load::{SEGMENT, expect, packets, receivers, slices};
use super::*;

pub(super) fn runs_reach_fifty_receivers(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (mut sockets, to) = receivers(peers, 50, "127.0.0.1:0");
    let (first, second) = (packets(20), packets(7));
    let (first_slices, second_slices) = (slices(&first), slices(&second));
    let runs = [Run::new(&first_slices, SEGMENT), Run::new(&second_slices, SEGMENT)];
    let mut failed = Vec::new();
    let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    let bytes = first.iter().chain(&second).map(Vec::len).sum::<usize>() as u64;
    assert_eq!((done.sent, done.failed, done.bytes), (50 * 27, 0, 50 * bytes));
    let per_receiver = if io.gso() == Gso::On { 2 } else { 27 };
    assert_eq!(done.messages, 50 * per_receiver, "a message carries a run, or a packet");
    for socket in &mut sockets {
        expect(&mut **socket, &first);
        expect(&mut **socket, &second);
        assert!(socket.is_empty());
    }
}

pub(super) fn more_than_one_message_can_carry_is_cut(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (mut sockets, to) = receivers(peers, 1, "127.0.0.1:0");
    let packets = packets(130);
    let slices = slices(&packets);
    let mut failed = Vec::new();
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut failed).unwrap();
    assert_eq!((done.sent, failed.len()), (130, 0));
    let messages = if io.gso() == Gso::On { 3 } else { 130 };
    assert_eq!(done.messages, messages, "54 packets of 1,200 bytes fit into a message");
    expect(&mut *sockets[0], &packets);
}

pub(super) fn a_packet_is_gathered_from_header_and_payload(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (mut sockets, to) = receivers(peers, 3, "127.0.0.1:0");
    let packets = packets(5);
    let slices: Vec<_> = packets
        .iter()
        .flat_map(|packet| [IoSlice::new(&packet[..12]), IoSlice::new(&packet[12..])])
        .collect();
    io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut Vec::new()).unwrap();
    sockets.iter_mut().for_each(|socket| expect(&mut **socket, &packets));
}

pub(super) fn a_bad_destination_fails_alone(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (mut sockets, mut to) = receivers(peers, 4, "127.0.0.1:0");
    to.insert(0, Destination::new("127.0.0.1:0".parse().unwrap())); // no port
    to.insert(3, Destination::new("[::1]:9".parse().unwrap())); // not of this socket's family
    to.push(Destination::new("255.255.255.255:9".parse().unwrap())); // not allowed
    let packets = packets(6);
    let slices = slices(&packets);
    let single = [IoSlice::new(b"alone")];
    let runs = [Run::new(&slices, SEGMENT), Run::new(&single, 5)];
    let mut failed = Vec::new();
    let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert_eq!((done.sent, done.failed), (4 * 7, 3 * 7));
    let mut bad: Vec<_> =
        failed.iter().map(|f| (f.destination, f.run, f.segments.clone())).collect();
    bad.sort_by_key(|bad| (bad.0, bad.1));
    let expected: Vec<_> =
        [0, 3, 6].into_iter().flat_map(|bad| [(bad, 0, 0..6), (bad, 1, 0..1)]).collect();
    assert_eq!(bad, expected);
    for socket in &mut sockets {
        expect(&mut **socket, &packets);
        expect(&mut **socket, &[b"alone".to_vec()]);
    }
    assert!(to.iter().all(|to| !to.is_plain()), "nobody refused segmentation");
}

pub(super) fn more_receivers_than_one_call_takes(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (mut sockets, to) = receivers(peers, 600, "127.0.0.1:0");
    let packets = packets(2);
    let slices = slices(&packets);
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut Vec::new()).unwrap();
    assert_eq!((done.sent, done.failed), (1200, 0));
    sockets.iter_mut().for_each(|socket| expect(&mut **socket, &packets));
}

pub(super) fn ipv6_and_ipv4_from_one_socket(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp("[::]:0".parse().unwrap(), &UdpOptions::default()).unwrap().token;
    let (mut v4, to_v4) = receivers(peers, 2, "127.0.0.1:0");
    let (mut v6, to_v6) = receivers(peers, 2, "[::1]:0");
    let to: Vec<_> = to_v4.into_iter().chain(to_v6).collect();
    let packets = packets(9);
    let slices = slices(&packets);
    let mut failed = Vec::new();
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut failed).unwrap();
    assert_eq!((done.sent, done.failed), (36, 0), "{failed:?}");
    v4.iter_mut().chain(&mut v6).for_each(|socket| expect(&mut **socket, &packets));
}

pub(super) fn nothing_to_send_is_nothing(io: &mut dyn Io, peers: &dyn Peers) {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (_sockets, to) = receivers(peers, 2, "127.0.0.1:0");
    let runs = [Run::new(&[], SEGMENT)];
    assert_eq!(io.fan_out(token, &runs, &to, &mut Vec::new()).unwrap(), FanOut::default());
    assert_eq!(io.fan_out(token, &[], &to, &mut Vec::new()).unwrap(), FanOut::default());
    let packet = [IoSlice::new(b"x")];
    let runs = [Run::new(&packet, 0)];
    assert_eq!(io.fan_out(token, &runs, &[], &mut Vec::new()).unwrap(), FanOut::default());
}

pub(super) fn a_multicast_group_is_sent_to_as_the_options_say(io: &mut dyn Io, _: &dyn Peers) {
    let group = Ipv4Addr::new(239, 255, 77, 7);
    let member = StdSocket::bind("0.0.0.0:0").unwrap();
    member.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    if let Err(error) = member.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST) {
        eprintln!("skipped, loopback has no multicast here: {error}");
        return;
    }
    let multicast = Some(MulticastOptions { ttl: 1, interface: Some(Ipv4Addr::LOCALHOST) });
    let options = UdpOptions { multicast, ..UdpOptions::default() };
    let (rtp, rtcp) = io.bind_udp_pair(Ipv4Addr::LOCALHOST.into(), &options).unwrap();
    let to = [Destination::new((group, member.local_addr().unwrap().port()).into())];
    let mut buffer = [0; 100];
    for from in [rtp, rtcp] {
        let slices = [IoSlice::new(b"to all")];
        let done = io.fan_out(from.token, &[Run::new(&slices, 6)], &to, &mut Vec::new()).unwrap();
        assert_eq!((done.sent, done.failed), (1, 0));
        let (length, sender) = member.recv_from(&mut buffer).expect("a packet");
        assert_eq!((&buffer[..length], sender), (&b"to all"[..], from.local_addr));
    }
}

pub(super) fn without_answers(test: &str) {
    // Packets to a neighbour that does not answer stay in the socket's buffer until it is full.
    // That needs a network of its own.
    let script = "ip link add a0 type veth peer name a1 && ip link set a0 up && \
                  ip link set a1 up && ip addr add 10.0.0.1/24 dev a0 && exec \"$@\"";
    let Some(output) = child(&["unshare", "-rn", "sh", "-c", script, "sh"], test) else { return };
    if !output.contains("running 1 test") {
        eprintln!("skipped, no network of its own can be had here: {output}");
        return;
    }
    assert!(output.contains("1 passed"), "{output}");
}

pub(super) fn where_nobody_answers(io: &mut dyn Io) {
    let peers = &Kernel;
    let options = UdpOptions { send_buffer: 16 * 1024, ..UdpOptions::default() };
    let token = io.bind_udp("10.0.0.1:0".parse().unwrap(), &options).unwrap().token;
    let (_sockets, mut to) = receivers(peers, 1, "10.0.0.1:0");
    let silent: SocketAddr = "10.0.0.2:9".parse().unwrap();
    to.extend((0..400).map(|_| Destination::new(silent)));
    let packets = packets(3);
    let slices = slices(&packets);
    let start = Instant::now();
    let mut failed = Vec::new();
    let runs = [Run::new(&slices, SEGMENT); 2];
    let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert!(start.elapsed() >= crate::io::SEND_PATIENCE);
    assert_eq!(done.sent + done.failed, 2 * 3 * 401, "{done:?}");
    assert!(done.sent > 3 && done.failed > 0, "{done:?}");
    assert!(done.calls < 50 + done.messages, "it waits, it does not spin: {done:?}");
    let told: usize = failed.iter().map(|failure| failure.segments.len()).sum();
    assert_eq!(told as u64, done.failed);
    assert!(failed.iter().all(|f| f.error.kind() == io::ErrorKind::WouldBlock));

    // All calls of one turn wait together for no longer than one does.
    let again = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert_eq!(again.sent + again.failed, 2 * 3 * 401, "{again:?}");
    io.wait(Some(Duration::ZERO), &mut Vec::new()).unwrap();
    let later = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert!(again.calls < later.calls, "{again:?}, {later:?}");
}
