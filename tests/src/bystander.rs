//! A session that must not notice what others do to the server.

use std::net::UdpSocket;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::rtp::{self, Source};
use crate::rtsp::Connection;
use crate::server::Server;

const PATH: &str = "bystander";
const PACKETS: usize = 5;
/// One picture in so many is a key frame.
const GROUP: usize = 25;
/// Fifty pictures a second.
const PACE: Duration = Duration::from_millis(20);
/// Pictures that have to arrive before the bystander counts as unharmed.
const PROOF: usize = 10;
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A publisher and two players (over TCP and UDP) of one stream. Each player compares every packet
/// with the one that was sent: one that is lost, late, out of order or changed ends the test.
#[derive(Debug)]
pub struct Bystander {
    stop: Sender<()>,
    publisher: JoinHandle<usize>,
    /// By player: the number of each picture it has got whole.
    players: Vec<(&'static str, Receiver<usize>, JoinHandle<usize>)>,
}

impl Bystander {
    /// Starts all three and waits until both players have seen pictures.
    ///
    /// # Panics
    /// When the server does not let them.
    pub fn start(server: &mut Server) -> Bystander {
        let url = server.url(PATH);
        let publisher = server.publish(PATH, &rtp::sdp(0));
        let players = vec![over_tcp(server, &url), over_udp(server, &url)];
        let (stop, stopped) = mpsc::channel();
        let publisher = thread::spawn(move || publish(publisher, &url, &stopped));
        let bystander = Bystander { stop, publisher, players };
        bystander.is_unharmed_by("its own start");
        bystander
    }

    /// Waits until both players have got further pictures, without a loss since they began.
    ///
    /// # Panics
    /// When they have not; the text names the attack.
    pub fn is_unharmed_by(&self, attack: &str) {
        for (name, pictures, player) in &self.players {
            while pictures.try_recv().is_ok() {}
            let end = Instant::now() + PATIENCE;
            for _ in 0..PROOF {
                let left = end.saturating_duration_since(Instant::now());
                assert!(
                    pictures.recv_timeout(left).is_ok() && !player.is_finished(),
                    "{attack}: the bystander over {name} lost a packet, or gets no more"
                );
            }
        }
    }

    /// Ends the stream and asks that both players have got all of it.
    ///
    /// # Panics
    /// When they have not.
    pub fn finish(self, server: &mut Server) {
        drop(self.stop);
        let sent = self.publisher.join().expect("the bystander's publisher");
        for (name, _, player) in self.players {
            let got = player.join().unwrap_or_else(|_| panic!("the bystander over {name}"));
            assert_eq!(got, sent, "pictures that the bystander over {name} has got");
        }
        let ledger = server.ledger(PATH);
        assert_eq!(ledger["balances"], true, "{ledger}");
        assert_eq!(ledger["lost_by_children"], 0, "{ledger}");
        assert!(ledger["dropped"].as_object().is_none_or(|causes| causes.is_empty()), "{ledger}");
    }
}

/// The packets of picture number `number` of the one stream that there is.
fn picture(source: &mut Source, number: usize) -> Vec<Vec<u8>> {
    if number.is_multiple_of(GROUP) { source.key_frame(PACKETS) } else { source.frame(PACKETS) }
}

/// Sends pictures until it is stopped; how many.
fn publish(mut connection: Connection, url: &str, stopped: &Receiver<()>) -> usize {
    let mut source = Source::new();
    let mut due = Instant::now();
    for number in 0.. {
        for packet in picture(&mut source, number) {
            connection.send_packet(0, &packet);
        }
        due += PACE;
        match stopped.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            _ => {
                connection.ask("TEARDOWN", url, &[], "");
                return number + 1;
            }
        }
    }
    0
}

/// Compares what comes with what was sent, until nothing more comes; pictures that came whole.
fn compare(mut next: impl FnMut() -> Option<Vec<u8>>, seen: &Sender<usize>) -> usize {
    let mut source = Source::new();
    for number in 0.. {
        for (index, expected) in picture(&mut source, number).into_iter().enumerate() {
            let Some(packet) = next() else {
                assert!(index == 0, "the stream ends within picture {number}");
                return number;
            };
            assert!(packet == expected, "not packet {index} of picture {number}");
        }
        // Nobody may be waiting for it.
        let _ = seen.send(number);
    }
    0
}

fn over_tcp(server: &Server, url: &str) -> (&'static str, Receiver<usize>, JoinHandle<usize>) {
    let mut player = Connection::open(server.address());
    player.play(url, "RTP/AVP/TCP;unicast;interleaved=0-1");
    let (seen, pictures) = mpsc::channel();
    let next = move || {
        loop {
            match player.packet() {
                Some((0, packet)) => return Some(packet),
                Some((_, report)) if rtp::is_bye(&report) => return None,
                Some(_) => {}
                None => return None,
            }
        }
    };
    ("TCP", pictures, thread::spawn(move || compare(next, &seen)))
}

fn over_udp(server: &Server, url: &str) -> (&'static str, Receiver<usize>, JoinHandle<usize>) {
    let (media, reports) = rtp::port_pair();
    let port = media.local_addr().expect("the port").port();
    let mut player = Connection::open(server.address());
    let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
    let (setup, _) = player.play(url, &transport);
    let reports_to = server.udp_port(&setup, 1);
    media.set_read_timeout(Some(PACE)).expect("a deadline for reads");
    reports.set_nonblocking(true).expect("reports are only looked for");
    let (seen, pictures) = mpsc::channel();
    let mut bytes = vec![0; 2048];
    let mut count = 0;
    let next = move || {
        let _session = &player;
        loop {
            if count % PACKETS == 0 {
                // A sign of life.
                let _ = reports.send_to(&rtp::RECEIVER_REPORT, reports_to);
            }
            count += 1;
            if let Ok(length) = media.recv(&mut bytes) {
                return Some(bytes[..length].to_vec());
            }
            if has_bye(&reports) {
                return None;
            }
        }
    };
    ("UDP", pictures, thread::spawn(move || compare(next, &seen)))
}

fn has_bye(reports: &UdpSocket) -> bool {
    let mut bytes = [0; 2048];
    while let Ok(length) = reports.recv(&mut bytes) {
        if rtp::is_bye(&bytes[..length]) {
            return true;
        }
    }
    false
}
