//! More connections than a server has room for.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rillcast_tests::rtsp::Connection;
use rillcast_tests::scene::Scene;
use socket2::{Domain, Socket, Type};

use super::Siege;

/// Connections that an attacker opens, where the system lets him.
const CROWD: u64 = 10_000;

/// A connection from an address of this machine.
fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from: SocketAddr = format!("{from}:0").parse().expect("an address");
    socket.bind(&from.into()).expect("a second address of this machine");
    socket.connect(&to.into()).expect("the server's port");
    socket.into()
}

/// Whether the server hangs up within `limit`.
fn hangs_up(stream: &mut TcpStream, limit: Duration) -> bool {
    stream.set_read_timeout(Some(limit)).expect("a deadline for reads");
    match stream.read(&mut [0]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn idle_connections_take_nobodys_place() {
    let scene = Scene::new("idle_connections_take_nobodys_place");
    // Both this process and the server need a descriptor for each; the server raises its own limit.
    let allowed = rlimit::increase_nofile_limit(u64::MAX).expect("the limit of open files");
    let crowd = CROWD.min(allowed.saturating_sub(200));
    let share = crowd / 3;
    let mut siege = Siege::lay(&scene, &["--max-connections-per-address", &share.to_string()]);
    let address: SocketAddr = siege.server.address().parse().expect("the server's address");
    let descriptors = siege.server.process().descriptors();
    siege.attack(&format!("{crowd} idle connections"), |server| {
        let from = ["127.0.0.2", "127.0.0.3"];
        let mut idle: Vec<TcpStream> =
            (0..crowd as usize).map(|n| connect(from[n % 2], address)).collect();
        // Somebody else is served at once.
        let mut other = Connection::open(server.address());
        other.ask("OPTIONS", &server.url("bystander"), &[], "");
        // Those beyond the share of their address are sent away, the others when they stay silent.
        for stream in &mut idle {
            assert!(hangs_up(stream, Duration::from_secs(10)), "it may stay, and say nothing");
        }
        assert!(
            server.process().descriptors() <= descriptors + 8,
            "{descriptors} descriptors before, {} after",
            server.process().descriptors()
        );
    });
    let refused = siege.lift()["connections"].as_u64();
    assert_eq!(refused, Some(crowd - 2 * share));
}
