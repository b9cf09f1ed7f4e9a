//! A node and its proxy servers over real connections.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rillcast::engine::{self, Engine, Source, Transport};
use rillcast::media::sdp::Session;

use super::{Capacity, Config, Event, Node, Uplink};
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
    proxy_of(format!("rtsp://{}/live", nobody()))
}

/// One whose channel is there.
fn proxy_of(url: String) -> Proxy {
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
    node_with(proxies, Capacity::Fixed(1))
}

fn node_with(proxies: &[SocketAddr], capacity: Capacity) -> Result<Node, super::Error> {
    Node::start(Config {
        proxies: proxies.iter().map(SocketAddr::to_string).collect(),
        tls: None,
        credentials: Credentials { user: "alice".into(), password: "tulip".into() },
        subscribe: true,
        channel: "live".into(),
        listen: anywhere(),
        host: None,
        capacity,
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

const SDP: &[u8] = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:0\r\n";

/// A streaming server that has the channel, and what comes there: nothing.
fn streaming_server() -> (Engine, Source, String) {
    let server = Engine::start(engine::Config::default()).unwrap();
    let address = server.listen(anywhere()).unwrap();
    let source = server.source("live", Session::parse(SDP).unwrap()).unwrap();
    (server, source, format!("rtsp://{address}/live"))
}

#[test]
fn a_node_learns_its_uplink_and_tells_what_it_can_serve() {
    let (_server, _source, url) = streaming_server();
    let proxy = proxy_of(url);
    let tested = Capacity::Reckoned { uplink: Uplink::Tested, bitrate: Some(1_000) };
    let node = node_with(&[proxy.address()], tested).unwrap();
    let told = |event: &Event| matches!(event, Event::Capacity { uplink: Some(1..), .. });
    wait_for(&node, "Capacity", told);
    node.stop().unwrap();
}
