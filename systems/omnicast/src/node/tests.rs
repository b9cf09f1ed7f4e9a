//! A node and its proxy servers over real connections.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rillcast::engine::Transport;

use super::{Config, Event, Node};
use crate::proxy::service::topology::{ChannelSettings, Settings};
use crate::proxy::{self, Proxy};
use crate::uscp::Credentials;

const PATIENCE: Duration = Duration::from_secs(60);

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// An address at which nobody is.
fn nobody() -> SocketAddr {
    TcpListener::bind(anywhere()).unwrap().local_addr().unwrap()
}

fn proxy() -> Proxy {
    let url = format!("rtsp://{}/live", nobody());
    let channel = ChannelSettings { name: "live".into(), url, capacity: 2 };
    Proxy::start(proxy::Config {
        listen: anywhere(),
        tls: None,
        directory: ":memory:".into(),
        advertise: None,
        lease: Duration::from_secs(5),
        subscription: true,
        max_connections: 10,
        max_connections_per_address: 10,
        topology: Settings { channels: vec![channel], ..Settings::default() },
    })
    .unwrap()
}

fn node(proxies: &[SocketAddr]) -> Result<Node, super::Error> {
    Node::start(Config {
        proxies: proxies.iter().map(SocketAddr::to_string).collect(),
        tls: None,
        credentials: Credentials { user: "alice".into(), password: "tulip".into() },
        subscribe: true,
        channel: "live".into(),
        listen: anywhere(),
        host: None,
        capacity: 1,
        transport: Transport::Tcp,
        local_players: false,
    })
}

/// The account of the node, which is in one directory only.
fn sign_up(proxy: &Proxy) {
    let node = node(&[proxy.address()]).unwrap();
    wait_for(&node, "Placed", |event| matches!(event, Event::Placed { .. }));
    node.stop().unwrap();
}

fn wait_for(node: &Node, what: &str, fits: impl Fn(&Event) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !node.next_event(Duration::from_secs(1)).is_some_and(|event| fits(&event)) {
        assert!(Instant::now() < end && node.is_running(), "no {what}");
    }
}

#[test]
fn a_node_turns_to_the_next_proxy_server_when_one_is_away() {
    let (first, second) = (proxy(), proxy());
    sign_up(&second);
    let node = node(&[nobody(), first.address(), second.address()]).unwrap();
    wait_for(&node, "ProxyLost", |event| matches!(event, Event::ProxyLost { .. }));
    wait_for(&node, "Placed", |event| matches!(event, Event::Placed { .. }));
    drop(first);
    wait_for(&node, "ProxyLost", |event| matches!(event, Event::ProxyLost { .. }));
    wait_for(&node, "Placed", |event| matches!(event, Event::Placed { .. }));
    node.stop().unwrap();
}

#[test]
fn a_node_without_a_proxy_server_does_not_start() {
    let error = node(&[]).err().unwrap();
    assert_eq!(error.to_string(), "no proxy server was named");
}
