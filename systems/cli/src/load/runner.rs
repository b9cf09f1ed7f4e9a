//! The thread of the players.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::clock::Clocks;
use super::player::{Buffers, Player, SOCKETS, State, Transport};
use super::poll::{Poll, Ready};
use super::receiver::{Latencies, PacketContext};
use super::report::{Report, Snapshot, snapshot};
use super::{Command, Plan};

/// Sockets dealt with between two looks at commands and timers.
const BATCH: usize = 256;
/// Longest wait, so that commands are taken in time.
const WAIT: Duration = Duration::from_millis(10);
/// How long arrivals gather before the next look. Without it the relay, on the same machine, would pay
/// for waking this thread at nearly every send, which elsewhere it never does.
const GATHER: Duration = Duration::from_micros(500);
/// How often timers run and the snapshot is renewed.
const TICK: Duration = Duration::from_millis(100);
/// How long goodbyes may take.
const GOODBYE: Duration = Duration::from_millis(1_000);

/// Runs the players.
pub(super) struct Runner {
    plan: Plan,
    commands: Receiver<Command>,
    reports: Sender<Report>,
    snapshot: Arc<Mutex<Snapshot>>,
    poll: Poll,
    ready: Vec<Ready>,
    buffers: Buffers,
    /// Why no further player can be started.
    refused: Option<String>,
}

/// Counts of each player at the moment when measuring began.
struct Baseline {
    at: Instant,
    frames: Vec<u64>,
    packets: u64,
    bytes: u64,
}

impl Runner {
    pub(super) fn new(
        plan: Plan,
        commands: Receiver<Command>,
        reports: Sender<Report>,
        snapshot: Arc<Mutex<Snapshot>>,
    ) -> io::Result<Runner> {
        Ok(Runner {
            plan,
            commands,
            reports,
            snapshot,
            poll: Poll::new(BATCH)?,
            ready: Vec::with_capacity(BATCH),
            buffers: Buffers::default(),
            refused: None,
        })
    }

    /// Until told to stop, or nobody is left to tell.
    pub(super) fn run(mut self) {
        let epoch = Instant::now();
        let mut context = PacketContext {
            now: epoch,
            epoch,
            wall: (SystemTime::now(), epoch),
            clocks: Clocks::new(self.plan.log.clone()),
            measuring: false,
            latencies: Latencies::default(),
        };
        let mut players: Vec<Player> = Vec::with_capacity(self.plan.udp + self.plan.tcp);
        let mut baseline = None;
        let mut next_tick = epoch;
        loop {
            self.start_due(&mut players, epoch);
            self.serve(&mut players, &mut context);
            std::thread::sleep(GATHER);
            match self.commands.try_recv() {
                Ok(Command::Measure) => {
                    baseline = Some(Baseline::of(&players));
                    context.measuring = true;
                    context.latencies = Latencies::default();
                }
                Ok(Command::Report) => {
                    let mut report = report(&players, baseline.as_ref(), &context.latencies);
                    report.total = self.snapshot_of(&players);
                    if self.reports.send(report).is_err() {
                        break;
                    }
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {}
            }
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK;
                let now = epoch.elapsed();
                players.iter_mut().for_each(|player| player.tick(now, &self.poll));
                let snapshot = self.snapshot_of(&players);
                *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
            }
        }
        self.say_goodbye(&mut players, &mut context);
    }

    /// Starts the players whose time has come.
    fn start_due(&mut self, players: &mut Vec<Player>, epoch: Instant) {
        let total = self.plan.udp + self.plan.tcp;
        if players.len() >= total || self.refused.is_some() {
            return;
        }
        let share = epoch.elapsed().as_secs_f64() / self.plan.ramp.as_secs_f64().max(1e-9);
        let due = ((share * total as f64) as usize).saturating_add(1).min(total);
        while players.len() < due {
            let index = players.len();
            let player = Player::connect(
                &self.plan.url,
                self.plan.address,
                self.transport(index),
                index as u64 * SOCKETS,
                &self.poll,
                epoch,
            );
            match player {
                Ok(player) => players.push(player),
                Err(error) => {
                    self.refused = Some(format!("a connection cannot be opened: {error}"));
                    return;
                }
            }
        }
    }

    /// Adds all players up; those that could not be started have failed.
    fn snapshot_of(&self, players: &[Player]) -> Snapshot {
        let mut snapshot = snapshot(players);
        if let Some(reason) = &self.refused {
            snapshot.failed += self.plan.udp + self.plan.tcp - players.len();
            snapshot.failure.get_or_insert_with(|| reason.clone());
        }
        snapshot
    }

    /// The transports take turns as their numbers stand to each other.
    fn transport(&self, index: usize) -> Transport {
        let (udp, total) = (self.plan.udp, self.plan.udp + self.plan.tcp);
        let before = index * udp / total;
        let after = (index + 1) * udp / total;
        if after > before { Transport::Udp } else { Transport::Tcp }
    }

    /// Deals with what is ready, waiting a little for it.
    fn serve(&mut self, players: &mut [Player], context: &mut PacketContext) {
        self.ready.clear();
        if let Err(error) = self.poll.wait(WAIT, &mut self.ready) {
            tracing::error!(%error, "the players' sockets cannot be waited for");
            std::thread::sleep(WAIT);
        }
        for ready in &self.ready {
            if let Some(player) = players.get_mut((ready.token / SOCKETS) as usize) {
                player.ready(*ready, &mut self.buffers, &self.poll, context);
            }
        }
    }

    fn say_goodbye(&mut self, players: &mut [Player], context: &mut PacketContext) {
        let deadline = Instant::now() + GOODBYE;
        let now = context.epoch.elapsed();
        players.iter_mut().for_each(|player| player.leave(now, &self.poll));
        while players.iter().any(|player| player.state == State::Leaving)
            && Instant::now() < deadline
        {
            self.serve(players, context);
        }
    }
}

impl Baseline {
    fn of(players: &[Player]) -> Baseline {
        Baseline {
            at: Instant::now(),
            frames: players.iter().map(Player::frames).collect(),
            packets: players.iter().map(Player::packets).sum(),
            bytes: players.iter().map(Player::bytes).sum(),
        }
    }
}

fn report(players: &[Player], baseline: Option<&Baseline>, latencies: &Latencies) -> Report {
    let mut report = Report { latencies: latencies.clone(), ..Report::default() };
    for times in players.iter().map(|player| player.times) {
        let after = |from: Option<Instant>, to: Option<Instant>| Some(to?.duration_since(from?));
        report.first_packet.extend(after(times.play, times.first_packet));
        report.first_key.extend(after(times.play, times.first_key));
        report.connect_to_key.extend(after(times.connect, times.first_key));
    }
    report.first_packet.sort_unstable();
    report.first_key.sort_unstable();
    report.connect_to_key.sort_unstable();
    if let Some(baseline) = baseline {
        report.seconds = baseline.at.elapsed().as_secs_f64();
        let packets: u64 = players.iter().map(Player::packets).sum();
        report.packets = packets.saturating_sub(baseline.packets);
        let bytes: u64 = players.iter().map(Player::bytes).sum();
        report.bits = bytes.saturating_sub(baseline.bytes) * 8;
        report.frame_rates = players
            .iter()
            .zip(&baseline.frames)
            .map(|(player, before)| (player.frames() - before) as f64 / report.seconds)
            .collect();
        report.frame_rates.sort_unstable_by(f64::total_cmp);
    }
    report
}
