//! The proxy server over real connections.

mod shared;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use super::service::topology::{ChannelSettings, Settings};
use super::*;
use crate::NodeId;
use crate::uscp::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn config(directory: &str) -> Config {
    let channel = ChannelSettings {
        name: "live".into(),
        url: "rtsp://127.0.0.1:8554/live".into(),
        capacity: 2,
    };
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tls: None,
        directory: directory.to_owned(),
        advertise: None,
        lease: Duration::from_secs(5),
        subscription: true,
        max_connections: 100,
        max_connections_per_address: 20,
        topology: Settings { channels: vec![channel], ..Settings::default() },
    }
}

/// A node's side of a connection.
struct Node {
    stream: TcpStream,
    decoder: FrameDecoder,
    ids: RequestIds,
}

impl Node {
    fn connect(proxy: &Proxy) -> Node {
        Node::connect_to(proxy.address())
    }

    fn connect_to(proxy: SocketAddr) -> Node {
        let stream = TcpStream::connect(proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Node { stream, decoder: FrameDecoder::default(), ids: RequestIds::default() }
    }

    fn receive(&mut self) -> Option<Envelope> {
        loop {
            if let Some(document) = self.decoder.next_frame().unwrap() {
                return Some(Envelope::parse(&document).unwrap());
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                // With bytes unread at the other side, the end comes as a reset.
                Ok(0) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
                Ok(length) => self.decoder.push(&bytes[..length]),
            }
        }
    }

    fn ask(&mut self, message: Message) -> Message {
        let id = self.ids.next_id();
        self.stream.write_all(&frame(&Envelope { id, message }).unwrap()).unwrap();
        let answer = self.receive().expect("an answer");
        assert_eq!(answer.id, id);
        answer.message
    }

    /// False: the connection is over.
    fn send_raw(&mut self, document: &[u8]) -> bool {
        let length = u32::try_from(document.len()).unwrap();
        let bytes = [&length.to_be_bytes(), document].concat();
        self.stream.write_all(&bytes).is_ok()
    }
}

fn login(user: &str, port: u16, resume: Option<String>) -> Login {
    Login {
        credentials: Credentials { user: user.into(), password: "tulip".into() },
        channel: "live".into(),
        service: Some(ServicePoint { host: None, port }),
        resume,
    }
}

fn connection(answer: Message) -> ReStreamingConnection {
    match answer {
        Message::ReStreamingConnection(connection) => connection,
        other => panic!("{other:?}"),
    }
}

fn code(answer: Message) -> ErrorCode {
    match answer {
        Message::Error(report) => report.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_from_sign_up_to_withdrawal() {
    let proxy = Proxy::start(config(":memory:")).unwrap();
    let mut node = Node::connect(&proxy);
    assert_eq!(code(node.ask(Message::Keepalive)), ErrorCode::NotLoggedIn);
    assert_eq!(
        code(node.ask(Message::Login(login("alice", 9000, None)))),
        ErrorCode::WrongCredentials
    );
    let placed = connection(node.ask(Message::Subscription(login("alice", 9000, None))));
    assert_eq!(placed.server.id, NodeId::ROOT);
    assert_eq!(placed.keepalive, Some(10));
    let four = NodeInformation { capacity: 4, ..NodeInformation::default() };
    assert_eq!(node.ask(Message::NodeInformation(four)), Message::Ok);
    assert_eq!(node.ask(Message::Keepalive), Message::Ok);
    assert_eq!(code(node.ask(Message::Login(login("alice", 1, None)))), ErrorCode::BadRequest);
    assert_eq!(code(node.ask(Message::Unsubscription("rose".into()))), ErrorCode::WrongCredentials);
    assert_eq!(node.ask(Message::Unsubscription("tulip".into())), Message::Ok);
    assert!(node.receive().is_none());
    let mut node = Node::connect(&proxy);
    assert_eq!(
        code(node.ask(Message::Login(login("alice", 1, None)))),
        ErrorCode::WrongCredentials
    );
    let joined = proxy.next_event(PATIENCE);
    assert!(matches!(joined, Some(Event::RequestRefused { .. })), "{joined:?}");
}

#[test]
fn who_leaves_is_replaced_at_its_children() {
    let mut config = config(":memory:");
    config.topology.channels[0].capacity = 1;
    let proxy = Proxy::start(config).unwrap();
    let mut nodes = [1, 2].map(|n| {
        let mut node = Node::connect(&proxy);
        let placed =
            connection(node.ask(Message::Subscription(login(&format!("u{n}"), 9000 + n, None))));
        let one = NodeInformation { capacity: 1, ..NodeInformation::default() };
        assert_eq!(node.ask(Message::NodeInformation(one)), Message::Ok);
        (node, placed)
    });
    assert_eq!(nodes[1].1.server.url, "rtsp://127.0.0.1:9001/live");
    assert_eq!(nodes[0].0.ask(Message::Logout), Message::Ok);
    let told = nodes[1].0.receive().unwrap().message;
    let Message::Reassign(moved) = told else { panic!("{told:?}") };
    assert_eq!(moved.server.id, NodeId::ROOT);
    // The answer to it is taken without one.
    let ok = frame(&Envelope { id: 1, message: Message::Ok }).unwrap();
    nodes[1].0.stream.write_all(&ok).unwrap();
    assert_eq!(nodes[1].0.ask(Message::Keepalive), Message::Ok);
}

/// It is written down that there are nodes, a moment after the first was let in.
fn wait_until_nodes_are_known(file: &std::path::Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = pluggable::directory::open(file.to_str().unwrap()).await.unwrap();
        let end = std::time::Instant::now() + PATIENCE;
        while directory.value("had-nodes").await.unwrap().is_none() {
            assert!(std::time::Instant::now() < end, "it is not written down");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn accounts_and_places_survive_the_proxy() {
    let folder = std::env::temp_dir().join(format!("rillcast-proxy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file: PathBuf = folder.join("directory.sqlite");
    let mut config = config(file.to_str().unwrap());
    config.topology.reserved = Duration::from_secs(3600);
    let first = Proxy::start(config.clone()).unwrap();
    let mut node = Node::connect(&first);
    let placed = connection(node.ask(Message::Subscription(login("alice", 9000, None))));
    wait_until_nodes_are_known(&file);
    drop(first);
    let second = Proxy::start(config).unwrap();
    // Whoever was not there before does not take its place.
    let mut newcomer = Node::connect(&second);
    let refused = newcomer.ask(Message::Login(login("alice", 9001, None)));
    assert_eq!(code(refused), ErrorCode::Unavailable);
    let mut node = Node::connect(&second);
    let back = connection(node.ask(Message::Login(login("alice", 9000, placed.server.ticket))));
    assert_eq!((back.node, back.server.id, back.key), (placed.node, NodeId::ROOT, placed.key));
    drop(second);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn nonsense_is_answered_and_ends() {
    let proxy = Proxy::start(config(":memory:")).unwrap();
    let mut other = Node::connect(&proxy);
    connection(other.ask(Message::Subscription(login("alice", 9000, None))));
    let mut node = Node::connect(&proxy);
    let mut answers = 0;
    while answers < 1_000 && node.send_raw(b"<!DOCTYPE USCP><USCP/>") {
        match node.receive() {
            Some(answer) => assert_eq!(code(answer.message), ErrorCode::BadRequest),
            None => break,
        }
        answers += 1;
    }
    assert!(answers < 100, "{answers}");
    let mut node = Node::connect(&proxy);
    assert!(node.send_raw(b"<USCP version='9.0' id='4'><OK/></USCP>"));
    let answer = node.receive().unwrap();
    assert_eq!((answer.id, code(answer.message)), (4, ErrorCode::UnsupportedVersion));
    // A copy of a request.
    assert_eq!(code(node.ask(Message::Keepalive)), ErrorCode::NotLoggedIn);
    node.ids = RequestIds::default();
    assert_eq!(code(node.ask(Message::Keepalive)), ErrorCode::BadRequest);
    // A length beyond the limit.
    let mut node = Node::connect(&proxy);
    node.stream.write_all(&[0xff; 4]).unwrap();
    assert!(node.receive().is_none());
    assert_eq!(other.ask(Message::Keepalive), Message::Ok);
}

#[test]
fn answers_that_nobody_asked_for_end_the_connection() {
    let proxy = Proxy::start(config(":memory:")).unwrap();
    let mut node = Node::connect(&proxy);
    for _ in 0..1_000 {
        if !node.send_raw(b"<USCP version='1.0' id='1'><OK/></USCP>") {
            break;
        }
    }
    assert!(node.receive().is_none(), "they are not answered");
}

#[test]
fn who_says_much_and_does_not_log_in_is_hung_up_on() {
    let proxy = Proxy::start(config(":memory:")).unwrap();
    let mut node = Node::connect(&proxy);
    let begin = std::time::Instant::now();
    // Few enough for each to be borne, and never silent.
    while begin.elapsed() < PATIENCE {
        let id = node.ids.next_id();
        let asked = frame(&Envelope { id, message: Message::Keepalive }).unwrap();
        if node.stream.write_all(&asked).is_err() || node.receive().is_none() {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
}

#[test]
fn a_crowd_of_one_address_is_kept_out() {
    let proxy = Proxy::start(config(":memory:")).unwrap();
    let mut first = Node::connect(&proxy);
    connection(first.ask(Message::Subscription(login("alice", 9000, None))));
    let crowd: Vec<Node> = (0..40).map(|_| Node::connect(&proxy)).collect();
    let refused = std::iter::from_fn(|| proxy.next_event(PATIENCE))
        .any(|event| matches!(event, Event::ConnectionsRefused { .. }));
    assert!(refused);
    assert_eq!(first.ask(Message::Keepalive), Message::Ok);
    drop(crowd);
}
