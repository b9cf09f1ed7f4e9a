//! Publishers and players that come and go.
//!
//! A slot is a thread that is one publisher, or one player, after the other.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rillcast_tests::rtp::{self, Source};
use rillcast_tests::rtsp::Connection;

/// Five pictures a second of four packets: what counts here is coming and going.
const PACE: Duration = Duration::from_millis(200);
const PACKETS: usize = 4;
const GROUP: usize = 10;
/// How long somebody waits who has found nobody at his path.
const AGAIN: Duration = Duration::from_millis(300);

/// How many come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) streams: u32,
    /// Players of each stream.
    pub(crate) children: u32,
    /// Publishers and players that come, and as many that go, in a second.
    pub(crate) churn: u32,
}

/// One publisher, or player, after the other.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) thread: JoinHandle<u64>,
}

impl Slot {
    /// Waits for its end; how many publishers or players it was.
    pub(crate) fn finish(self) -> u64 {
        let Slot { name, thread } = self;
        thread.join().unwrap_or_else(|_| panic!("{name} has failed"))
    }
}

/// Starts all of them. They end when what is returned first is dropped.
pub(crate) fn start(plan: &Arc<Plan>, address: &str) -> (Vec<Sender<()>>, Vec<Slot>) {
    let everybody = plan.streams * (plan.children + 1);
    let stay = f64::from(everybody) / f64::from(plan.churn.max(1));
    let mut stops = Vec::new();
    let mut slots = Vec::new();
    let mut add = |name: String, seed: u32, role: fn(&Visit<'_>) -> bool| {
        let (stop, stopped) = mpsc::channel();
        let address = address.to_owned();
        let label = name.clone();
        let run = move || visits(&address, seed, stay, &stopped, role);
        let thread = thread::Builder::new().name(label).stack_size(512 << 10).spawn(run);
        slots.push(Slot { name, thread: thread.expect("a thread") });
        stops.push(stop);
    };
    for stream in 0..plan.streams {
        add(format!("publisher {stream}"), stream, publish);
        for child in 0..plan.children {
            let role = if child % 2 == 0 { play_over_tcp } else { play_over_udp };
            add(format!("player {child} of {stream}"), stream | (child + 1) << 16, role);
        }
    }
    (stops, slots)
}

/// One visit of a publisher or player.
struct Visit<'a> {
    address: &'a str,
    url: String,
    number: u64,
    until: Instant,
    stopped: &'a Receiver<()>,
}

impl Visit<'_> {
    /// Whether it is time to go.
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
            || matches!(self.stopped.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Every other one leaves without a word.
    fn leave(&self, mut connection: Connection) {
        if self.number.is_multiple_of(2) {
            connection.send("TEARDOWN", &self.url, &[], "");
        }
    }
}

/// Visits until it is stopped; how many found what they came for.
fn visits(
    address: &str,
    seed: u32,
    stay: f64,
    stopped: &Receiver<()>,
    role: fn(&Visit<'_>) -> bool,
) -> u64 {
    let url = format!("rtsp://{address}/soak/{}", seed & 0xffff);
    let mut random = u64::from(seed) << 1 | 1;
    let mut count = 0;
    loop {
        // Knuth's MMIX generator: the same visits in every run.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 33) as f64 / f64::from(1u32 << 31);
        let until = Instant::now() + Duration::from_secs_f64(stay * (0.5 + share));
        let visit = Visit { address, url: url.clone(), number: random >> 40, until, stopped };
        let wait = if role(&visit) {
            count += 1;
            Duration::ZERO
        } else {
            AGAIN
        };
        match stopped.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return count,
        }
    }
}

fn publish(visit: &Visit<'_>) -> bool {
    let mut connection = Connection::open(visit.address);
    let sdp = [("Content-Type", "application/sdp")];
    if connection.request("ANNOUNCE", &visit.url, &sdp, &rtp::sdp(0)).status != 200 {
        return false;
    }
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")];
    connection.ask("SETUP", &format!("{}/streamid=0", visit.url), &transport, "");
    if connection.request("RECORD", &visit.url, &[], "").status != 200 {
        return false;
    }
    let mut source = Source::of(visit.number as u32);
    for number in 0.. {
        let key = usize::is_multiple_of(number, GROUP);
        let picture = if key { source.key_frame(PACKETS) } else { source.frame(PACKETS) };
        for packet in picture {
            connection.send_packet(0, &packet);
        }
        if visit.is_over() {
            break;
        }
        thread::sleep(PACE);
    }
    visit.leave(connection);
    true
}

/// DESCRIBE, SETUP and PLAY; `None` when the stream is not there, or has just gone.
fn play(visit: &Visit<'_>, connection: &mut Connection, transport: &str) -> Option<()> {
    let description = connection.request("DESCRIBE", &visit.url, &[], "");
    if description.status != 200 {
        return None;
    }
    let base = description.header("content-base");
    let track = format!("{base}{}", rillcast_tests::rtsp::first_control(&description.body));
    if connection.request("SETUP", &track, &[("Transport", transport)], "").status != 200 {
        return None;
    }
    (connection.request("PLAY", &visit.url, &[], "").status == 200).then_some(())
}

fn play_over_tcp(visit: &Visit<'_>) -> bool {
    let mut connection = Connection::open(visit.address);
    if play(visit, &mut connection, "RTP/AVP/TCP;unicast;interleaved=0-1").is_none() {
        return false;
    }
    let mut last: Option<u16> = None;
    while !visit.is_over() {
        match connection.packet() {
            Some((0, packet)) => {
                let sequence = rtp::sequence(&packet);
                // Also when one publisher follows another.
                let next = last.is_none_or(|last| last.wrapping_add(1) == sequence);
                assert!(next, "packet {sequence} after {last:?} in {}", visit.url);
                last = Some(sequence);
            }
            Some((_, report)) if rtp::is_bye(&report) => break,
            Some(_) => {}
            None => return true,
        }
    }
    visit.leave(connection);
    true
}

fn play_over_udp(visit: &Visit<'_>) -> bool {
    let (media, reports) = rtp::port_pair();
    let port = media.local_addr().expect("the port").port();
    let mut connection = Connection::open(visit.address);
    let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
    if play(visit, &mut connection, &transport).is_none() {
        return false;
    }
    media.set_read_timeout(Some(PACE)).expect("a deadline for reads");
    reports.set_nonblocking(true).expect("reports are only looked for");
    let mut bytes = [0; 2048];
    let mut alive = Instant::now();
    while !visit.is_over() {
        let _ = media.recv(&mut bytes);
        if reports.recv(&mut bytes).is_ok_and(|length| rtp::is_bye(&bytes[..length])) {
            break;
        }
        if alive.elapsed() > Duration::from_secs(1) {
            alive = Instant::now();
            if !connection.try_write(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 99\r\n\r\n") {
                return true;
            }
        }
    }
    visit.leave(connection);
    true
}
