//! Several proxy servers over one PostgreSQL.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use rillcast::engine::Transport;

use super::*;
use crate::node;
use crate::proxy::pluggable::directory;
use crate::proxy::service::topology::Term;
use crate::proxy::test_server::Server;

/// Nobody is taken for dead who only waits for a processor.
const LEASE: Duration = Duration::from_secs(24 * 3600);
/// Tells a process of its own which directory to use.
const DIRECTORY: &str = "RILLCAST_TEST_DIRECTORY";

fn shared(directory: &str, root_capacity: u32) -> Config {
    let mut config = config(directory);
    config.topology.channels[0].capacity = root_capacity;
    // Nor for gone, who says nothing for a while.
    config.topology.keepalive = LEASE;
    config.topology.settling = LEASE;
    Config { lease: LEASE, max_connections_per_address: 100, ..config }
}

fn wait_until_it_places(proxy: &Proxy) {
    let end = Instant::now() + PATIENCE;
    while !matches!(proxy.next_event(PATIENCE), Some(Event::ChannelOpened { .. })) {
        assert!(Instant::now() < end, "it does not place the nodes");
    }
}

/// A node as the test plays it, that has a place.
struct Placed {
    node: Node,
    connection: ReStreamingConnection,
}

/// How long is waited until somebody who was sent away comes again.
const PAUSE: Duration = Duration::from_millis(100);

/// Logs in at whoever it is for; `Err`: that one lets nobody in.
fn log_in(at: SocketAddr, port: u16, ticket: Option<String>) -> Result<Placed, ErrorReport> {
    let (end, mut proxy) = (Instant::now() + PATIENCE, at);
    loop {
        assert!(Instant::now() < end, "it is for nobody to let the node in");
        let mut node = Node::connect_to(proxy);
        let report = match node.ask(Message::Login(login("alice", port, ticket.clone()))) {
            Message::ReStreamingConnection(connection) => return Ok(Placed { node, connection }),
            Message::Error(report) => report,
            other => panic!("{other:?}"),
        };
        if report.code != ErrorCode::Elsewhere {
            return Err(report);
        }
        let named = report.proxy.map(|proxy| proxy.parse().unwrap());
        // Who is named may be dead.
        let named = named.filter(|named| *named != proxy && TcpStream::connect(named).is_ok());
        proxy = named.unwrap_or_else(|| {
            thread::sleep(PAUSE);
            at
        });
    }
}

/// Logs in as soon as there is room.
fn place(at: SocketAddr, port: u16, ticket: Option<String>) -> Placed {
    let end = Instant::now() + PATIENCE;
    loop {
        match log_in(at, port, ticket.clone()) {
            Ok(placed) => return placed,
            Err(report) => assert!(Instant::now() < end, "{report}"),
        }
        thread::sleep(PAUSE);
    }
}

/// The first node, whose account the others use.
fn sign_up(at: SocketAddr, port: u16) -> Placed {
    let mut node = Node::connect_to(at);
    let connection = connection(node.ask(Message::Subscription(login("alice", port, None))));
    Placed { node, connection }
}

impl Placed {
    /// Says something that is answered by `OK`, and obeys what it is told meanwhile.
    fn say(&mut self, message: Message) {
        let id = self.begin_to_say(message);
        self.is_answered(id);
    }

    fn begin_to_say(&mut self, message: Message) -> u64 {
        let id = self.node.ids.next_id();
        self.send(Envelope { id, message });
        id
    }

    fn is_answered(&mut self, id: u64) {
        loop {
            let told = self.node.receive().expect("an answer");
            match told.message {
                Message::Reassign(connection) => {
                    self.connection = connection;
                    self.send(Envelope { id: told.id, message: Message::Ok });
                }
                message => return assert_eq!((told.id, message), (id, Message::Ok)),
            }
        }
    }

    fn send(&mut self, envelope: Envelope) {
        self.node.stream.write_all(&frame(&envelope).unwrap()).unwrap();
    }
}

fn can_serve(placed: &mut Placed, capacity: u32) {
    placed.say(Message::NodeInformation(NodeInformation { capacity, ..Default::default() }));
}

/// Nobody serves more than `capacity`, and the streaming server not more than `root`.
fn nobody_is_overfull<'a>(
    placed: impl Iterator<Item = &'a ReStreamingConnection>,
    capacity: usize,
    root: usize,
) {
    let mut children: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for connection in placed {
        children.entry(connection.server.id).or_default().push(connection.node);
    }
    for (server, children) in children {
        let most = if server == NodeId::ROOT { root } else { capacity };
        assert!(children.len() <= most, "{server} serves {children:?}");
    }
}

#[test]
fn two_proxies_fill_one_tree_and_overfill_nobody() {
    let Some(server) = Server::start() else { return };
    let config = shared(&server.url(), 2);
    let first = Proxy::start(config.clone()).unwrap();
    wait_until_it_places(&first);
    let second = Proxy::start(config).unwrap();
    let at = [first.address(), second.address()];
    let mut one = sign_up(at[0], 9000);
    can_serve(&mut one, 2);
    // From now on the password is known without hashing it.
    let mut two = place(at[1], 9001, None);
    can_serve(&mut two, 2);
    let others = (2..12u16).map(|n| {
        thread::spawn(move || {
            let mut placed = place(at[usize::from(n % 2)], 9000 + n, None);
            can_serve(&mut placed, 2);
            placed
        })
    });
    // All of them begin before the first is waited for.
    let others: Vec<_> = others.collect();
    let others = others.into_iter().map(|other| other.join().unwrap());
    let mut nodes: Vec<Placed> = [one, two].into_iter().chain(others).collect();
    // What they were told while nobody listened.
    nodes.iter_mut().for_each(|placed| placed.say(Message::Keepalive));
    nobody_is_overfull(nodes.iter().map(|placed| &placed.connection), 2, 2);
}

/// A proxy server in a process of its own, which can be killed.
struct Victim {
    process: Child,
    address: SocketAddr,
}

impl Victim {
    /// One that places the nodes.
    fn start(directory: &str) -> Victim {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "proxy::tests::shared::victim", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let told = output.lines().map_while(Result::ok);
        let address = told.filter_map(|line| Some(line.split_once("places at ")?.1.to_owned()));
        let address = address.map(|address| address.trim().parse().unwrap()).next();
        Victim { process, address: address.expect("it places the nodes") }
    }

    /// As by `kill -9`.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "is a process of the test below"]
fn victim() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let proxy = Proxy::start(shared(&directory, 2)).unwrap();
    wait_until_it_places(&proxy);
    println!("places at {}", proxy.address());
    // The end of the test is the end of its input.
    let _ = std::io::stdin().read(&mut [0]);
}

/// As by the passing of time, for the first who had the seat.
fn the_lease_is_over(directory: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let registry = directory::open_with_trees(directory).await.unwrap().registry.unwrap();
        registry.release(&[("live".to_owned(), Term(1))]).await.unwrap();
    });
}

/// A node of the shipped code, which has been told of both proxy servers.
fn real_node(proxies: [SocketAddr; 2]) -> node::Node {
    node::Node::start(node::Config {
        proxies: proxies.map(|proxy| proxy.to_string()).into(),
        tls: None,
        credentials: Credentials { user: "alice".into(), password: "tulip".into() },
        subscribe: false,
        channel: "live".into(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        host: None,
        capacity: node::Capacity::Fixed(0),
        transport: Transport::Tcp,
        local_players: false,
    })
    .unwrap()
}

/// What it tells as soon as it tells something of this kind.
fn wait_for<T>(node: &node::Node, wanted: impl Fn(node::Event) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(told) = node.next_event(Duration::from_secs(1)).and_then(&wanted) {
            return told;
        }
        assert!(Instant::now() < end && node.is_running(), "it does not tell that");
    }
}

/// What it is called, and its server node.
fn wait_for_place(node: &node::Node) -> (NodeId, NodeId) {
    wait_for(node, |event| match event {
        node::Event::Placed { node, server, .. } => Some((node, server)),
        _ => None,
    })
}

#[test]
fn the_nodes_of_a_proxy_that_is_killed_keep_their_places() {
    let Some(server) = Server::start() else { return };
    let mut victim = Victim::start(&server.url());
    let heir = Proxy::start(shared(&server.url(), 2)).unwrap();
    let (first, second) = (victim.address, heir.address());
    // A tree that is full, of nodes that were sent from one to the other; nobody says that one of those is gone
    // which are only played.
    let mut nodes = vec![sign_up(first, 9000)];
    let mut other = place(second, 9001, None);
    can_serve(&mut nodes[0], 1);
    nodes.push(place(second, 9002, None));
    other.say(Message::Logout);
    let real = real_node([second, first]);
    let real_place = wait_for_place(&real);
    let servers = [nodes[0].connection.server.id, real_place.1, nodes[1].connection.server.id];
    assert_eq!(servers, [NodeId::ROOT, NodeId::ROOT, nodes[0].connection.node]);
    assert_eq!(log_in(second, 9009, None).err().unwrap().code, ErrorCode::NoServerNode);

    victim.kill();
    the_lease_is_over(&server.url());
    // Somebody new comes before those that were there: their places are not his.
    assert_eq!(log_in(second, 9010, None).err().unwrap().code, ErrorCode::NoServerNode);
    wait_for(&real, |event| matches!(event, node::Event::ProxyLost { .. }).then_some(()));
    assert_eq!(wait_for_place(&real), real_place);
    // The child comes before its server node.
    for (n, before) in nodes.into_iter().enumerate().rev() {
        let before = before.connection;
        let port = if n == 0 { 9000 } else { 9002 };
        let back = place(second, port, before.server.ticket).connection;
        assert_eq!((back.node, back.server.id), (before.node, before.server.id));
    }
    real.stop().unwrap();
}

#[test]
fn who_ends_leaves_the_trees_to_the_others_at_once() {
    let Some(server) = Server::start() else { return };
    let config = shared(&server.url(), 1);
    let first = Proxy::start(config.clone()).unwrap();
    wait_until_it_places(&first);
    let before = sign_up(first.address(), 9000).connection;
    drop(first);
    let second = Proxy::start(config).unwrap();
    wait_until_it_places(&second);
    let back = place(second.address(), 9000, before.server.ticket).connection;
    assert_eq!((back.node, back.server.id), (before.node, before.server.id));
}

#[test]
fn a_database_that_is_away_for_a_while_costs_nobody_his_place() {
    let Some(mut server) = Server::start() else { return };
    let config = shared(&server.url(), 1);
    let proxy = Proxy::start(config.clone()).unwrap();
    let at = proxy.address();
    wait_until_it_places(&proxy);
    let mut first = sign_up(at, 9000);
    can_serve(&mut first, 1);
    server.stop();
    // Nobody is let in, and is told so; whoever is in says what he likes, and is answered when it is written down.
    let refused = log_in(at, 9001, None).err().unwrap();
    assert_eq!((refused.code, refused.retry_after), (ErrorCode::Unavailable, Some(5)));
    let two = NodeInformation { capacity: 2, ..NodeInformation::default() };
    let said = first.begin_to_say(Message::NodeInformation(two));
    server.start_again();
    first.is_answered(said);
    let others = [9001, 9002].map(|port| place(at, port, None));
    assert_eq!(log_in(at, 9003, None).err().unwrap().code, ErrorCode::NoServerNode);
    nobody_is_overfull(others.iter().chain([&first]).map(|placed| &placed.connection), 2, 1);
    // All of it was written down: accounts, places, and who can serve how many.
    drop(proxy);
    let heir = Proxy::start(config).unwrap();
    wait_until_it_places(&heir);
    for (placed, port) in others.into_iter().zip([9001, 9002]).chain([(first, 9000)]) {
        let before = placed.connection;
        let back = place(heir.address(), port, before.server.ticket).connection;
        assert_eq!((back.node, back.server.id), (before.node, before.server.id));
    }
    assert_eq!(log_in(heir.address(), 9003, None).err().unwrap().code, ErrorCode::NoServerNode);
}
