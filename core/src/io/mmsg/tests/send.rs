//! What `fan_out` sends arrives, whole and in order, or is accounted for.

use std::io::IoSlice;
use std::net::UdpSocket as StdSocket;

use super::*;

const SEGMENT: usize = 1200;

/// Plain receivers, and their addresses.
fn receivers(count: usize, addr: &str) -> (Vec<StdSocket>, Vec<Destination>) {
    (0..count)
        .map(|_| {
            let socket = StdSocket::bind(addr).unwrap();
            socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let addr = socket.local_addr().unwrap();
            (socket, Destination::new(addr))
        })
        .unzip()
}

/// Packets that tell their number, the last one short.
fn packets(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            let length = if number + 1 == count { SEGMENT / 3 } else { SEGMENT };
            let mut packet = vec![number as u8; length];
            packet[..8].copy_from_slice(&(number as u64).to_be_bytes());
            packet
        })
        .collect()
}

fn slices(packets: &[Vec<u8>]) -> Vec<IoSlice<'_>> {
    packets.iter().map(|packet| IoSlice::new(packet)).collect()
}

#[track_caller]
fn expect(socket: &StdSocket, packets: &[Vec<u8>]) {
    let mut buffer = [0; 65_536];
    for (number, packet) in packets.iter().enumerate() {
        let length = socket.recv(&mut buffer).expect("a packet");
        assert_eq!(length, packet.len(), "length of packet {number}");
        assert!(buffer[..length] == packet[..], "content of packet {number}");
    }
}

#[track_caller]
fn expect_nothing(socket: &StdSocket) {
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// Two runs to fifty receivers.
fn to_fifty(io: &mut Mmsg) -> FanOut {
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (sockets, to) = receivers(50, "127.0.0.1:0");
    let (first, second) = (packets(20), packets(7));
    let (first_slices, second_slices) = (slices(&first), slices(&second));
    let runs = [Run::new(&first_slices, SEGMENT), Run::new(&second_slices, SEGMENT)];
    let mut failed = Vec::new();
    let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!((done.sent, done.failed), (50 * 27, 0));
    for socket in &sockets {
        expect(socket, &first);
        expect(socket, &second);
        expect_nothing(socket);
    }
    done
}

#[test]
fn runs_reach_fifty_receivers_by_one_call() {
    let mut io = backend();
    let done = to_fifty(&mut io);
    assert_eq!(io.gso(), Gso::On);
    assert_eq!((done.messages, done.calls), (100, 1), "one message per run and receiver");
}

#[test]
fn without_gso_the_same_arrives() {
    let mut io = backend();
    io.disable_gso("to see what happens");
    let done = to_fifty(&mut io);
    assert_eq!(done.messages, done.sent);
    assert_eq!(io.gso().to_string(), "off: to see what happens");
}

#[test]
fn more_than_one_message_can_carry_is_cut() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (sockets, to) = receivers(1, "127.0.0.1:0");
    let packets = packets(130);
    let slices = slices(&packets);
    let mut failed = Vec::new();
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut failed).unwrap();
    assert_eq!((done.sent, failed.len()), (130, 0));
    assert_eq!(done.messages, 3, "54 packets of 1,200 bytes fit into a message");
    expect(&sockets[0], &packets);
}

#[test]
fn a_packet_is_gathered_from_header_and_payload() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (sockets, to) = receivers(3, "127.0.0.1:0");
    let packets = packets(5);
    let slices: Vec<_> = packets
        .iter()
        .flat_map(|packet| [IoSlice::new(&packet[..12]), IoSlice::new(&packet[12..])])
        .collect();
    io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut Vec::new()).unwrap();
    sockets.iter().for_each(|socket| expect(socket, &packets));
}

#[test]
fn a_bad_destination_fails_alone() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (sockets, mut to) = receivers(4, "127.0.0.1:0");
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
    for socket in &sockets {
        expect(socket, &packets);
        expect(socket, &[b"alone".to_vec()]);
    }
    assert_eq!(io.gso(), Gso::On, "nobody refused segmentation");
    assert!(to.iter().all(|to| !to.is_plain()));
}

#[test]
fn who_is_refused_segmentation_gets_single_packets_in_order() {
    const HUGE: usize = 30_000;
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let socket = &io.sockets[token.index() as usize].socket;
    // Without a checksum the kernel refuses to segment, as on a route without checksum offload.
    sockopt::set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
    let (sockets, to) = receivers(3, "127.0.0.1:0");
    let large = vec![vec![1; HUGE], vec![2; HUGE]];
    let small = packets(5);
    let (large_slices, small_slices) = (slices(&large), slices(&small));
    let runs = [Run::new(&small_slices, SEGMENT), Run::new(&large_slices, HUGE)];
    for round in 0..3 {
        let mut failed = Vec::new();
        let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
        assert_eq!((done.sent, done.failed), (3 * 7, 0), "{failed:?}");
        for socket in &sockets {
            expect(socket, &small);
            expect(socket, &large);
        }
        assert!(to.iter().all(Destination::is_plain));
        assert_eq!(done.messages, 3 * 7);
        assert_eq!(round == 0, done.calls > 1, "learnt in the first round: {done:?}");
        assert!(io.gso().to_string().contains("127.0.0.1 refuses UDP_SEGMENT"), "{}", io.gso());
    }
}

#[test]
fn segmentation_refused_by_all_is_given_up() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let socket = &io.sockets[token.index() as usize].socket;
    sockopt::set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
    let (sockets, to) = receivers(20, "127.0.0.1:0");
    let packets = packets(4);
    let slices = slices(&packets);
    let runs = [Run::new(&slices, SEGMENT)];
    io.fan_out(token, &runs, &to, &mut Vec::new()).unwrap();
    // A destination that has learnt nothing yet costs no failed call any more.
    let fresh: Vec<_> = to.iter().map(|to| Destination::new(to.addr())).collect();
    let done = io.fan_out(token, &runs, &fresh, &mut Vec::new()).unwrap();
    assert_eq!((done.sent, done.calls), (80, 1));
    assert!(matches!(io.gso(), Gso::Off(_)));
    for socket in &sockets {
        expect(socket, &packets);
        expect(socket, &packets);
    }
}

#[test]
fn more_messages_than_one_call_takes() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (sockets, to) = receivers(600, "127.0.0.1:0");
    let packets = packets(2);
    let slices = slices(&packets);
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut Vec::new()).unwrap();
    assert_eq!((done.sent, done.messages, done.calls), (1200, 600, 3));
    sockets.iter().for_each(|socket| expect(socket, &packets));
}

#[test]
fn ipv6_and_ipv4_from_one_socket() {
    let mut io = backend();
    let token = io.bind_udp("[::]:0".parse().unwrap(), &UdpOptions::default()).unwrap().token;
    let (v4, to_v4) = receivers(2, "127.0.0.1:0");
    let (v6, to_v6) = receivers(2, "[::1]:0");
    let to: Vec<_> = to_v4.into_iter().chain(to_v6).collect();
    let packets = packets(9);
    let slices = slices(&packets);
    let mut failed = Vec::new();
    let done = io.fan_out(token, &[Run::new(&slices, SEGMENT)], &to, &mut failed).unwrap();
    assert_eq!((done.sent, done.calls), (36, 1), "{failed:?}");
    v4.iter().chain(&v6).for_each(|socket| expect(socket, &packets));
}

#[test]
fn nothing_to_send_is_no_call() {
    let mut io = backend();
    let token = io.bind_udp(LOOPBACK, &UdpOptions::default()).unwrap().token;
    let (_sockets, to) = receivers(2, "127.0.0.1:0");
    let runs = [Run::new(&[], SEGMENT)];
    assert_eq!(io.fan_out(token, &runs, &to, &mut Vec::new()).unwrap(), FanOut::default());
    assert_eq!(io.fan_out(token, &[], &to, &mut Vec::new()).unwrap(), FanOut::default());
    let packet = [IoSlice::new(b"x")];
    let runs = [Run::new(&packet, 0)];
    assert_eq!(io.fan_out(token, &runs, &[], &mut Vec::new()).unwrap(), FanOut::default());
}

#[test]
fn an_address_survives_packing() {
    for addr in ["1.2.3.4:5678", "[2001:db8::1]:9", "[fe80::1%3]:65535"] {
        let addr: SocketAddr = addr.parse().unwrap();
        assert_eq!(Destination::new(addr).addr(), addr);
    }
}

#[test]
fn a_full_buffer_is_waited_for_and_then_refuses() {
    // Packets to a neighbour that does not answer stay in the socket's buffer until it is full.
    // That needs a network of its own.
    let script = "ip link add a0 type veth peer name a1 && ip link set a0 up && \
                  ip link set a1 up && ip addr add 10.0.0.1/24 dev a0 && exec \"$@\"";
    let name = "io::mmsg::tests::send::in_a_network_where_nobody_answers";
    let Some(output) = child(&["unshare", "-rn", "sh", "-c", script, "sh"], name) else { return };
    if !output.contains("running 1 test") {
        eprintln!("skipped, no network of its own can be had here: {output}");
        return;
    }
    assert!(output.contains("1 passed"), "{output}");
}

#[test]
#[ignore = "run by a_full_buffer_is_waited_for_and_then_refuses"]
fn in_a_network_where_nobody_answers() {
    let mut io = backend();
    let options = UdpOptions { send_buffer: 16 * 1024, ..UdpOptions::default() };
    let token = io.bind_udp("10.0.0.1:0".parse().unwrap(), &options).unwrap().token;
    let (_sockets, mut to) = receivers(1, "10.0.0.1:0");
    let silent: SocketAddr = "10.0.0.2:9".parse().unwrap();
    to.extend((0..400).map(|_| Destination::new(silent)));
    let packets = packets(3);
    let slices = slices(&packets);
    let start = Instant::now();
    let mut failed = Vec::new();
    let runs = [Run::new(&slices, SEGMENT); 2];
    let done = io.fan_out(token, &runs, &to, &mut failed).unwrap();
    assert!(start.elapsed() >= crate::io::SEND_PATIENCE);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!(done.sent + done.failed, 2 * 3 * 401, "{done:?}");
    assert!(done.sent > 3 && done.failed > 0, "{done:?}");
    assert!(done.calls < 50, "it waits, it does not spin: {done:?}");
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
