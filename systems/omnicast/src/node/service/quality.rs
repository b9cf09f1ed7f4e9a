//! How well the server node serves: what is told of it, and when another one is asked for.
//!
//! Does no I/O and reads no clock: it is shown what was counted so far, from time to time.
//!
//! What is told (`Quality`) covers the time since it was told last, so that the proxy server sees when it
//! gets better, and at least so many packets that a few lost ones do not look like many.
//!
//! When a server node is silent, the engine turns to a standby. But there may be none, or none that has more. So a
//! server node is on *trial* until it has sent for some seconds: when it answers PLAY and then sends nothing,
//! or no more than a burst, another one is asked for. A pause later than that may be the source's own, and
//! everybody below has it: no reason to move them all.

use std::time::Duration;

use tokio::time::Instant;

use crate::NodeId;
use crate::uscp::Quality;

/// How often it is told at most.
const TELL: Duration = Duration::from_secs(5);
/// So many packets have to be told of together, unless it takes as long as this.
const ENOUGH: u64 = 500;
const LONGEST: Duration = Duration::from_secs(30);
/// How long a server node is on trial.
const TRIAL: Duration = Duration::from_secs(10);
/// How long one on trial may send nothing: longer than it takes the engine to find out that UDP does not pass, and
/// to go over to TCP.
const PATIENCE: Duration = Duration::from_secs(6);
/// The longest that this gets by waiting twice as long each time: there may be nothing to send.
const MOST_PATIENCE: Duration = Duration::from_secs(60);

/// Packets of a stream since it began, from whomever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) lost: u64,
    /// Of those that came, headers included.
    pub(super) bytes: u64,
}

/// What follows from what was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The proxy server is to be told this.
    Tell(Quality),
    /// Nothing comes from that server node: another one is to be asked for.
    Silent(NodeId),
}

/// Watches what comes from the server node.
#[derive(Debug)]
pub(super) struct QualityMeter {
    account: Option<Account>,
    patience: Duration,
    /// There was loss in what was told last.
    told_loss: bool,
}

/// Of one server node, since it serves.
#[derive(Debug)]
struct Account {
    server: NodeId,
    since: Instant,
    /// When something came last.
    heard: Option<Instant>,
    /// Since when it is silent, or was last found to be.
    quiet_since: Instant,
    last: Counts,
    /// Where the time begins of which is told next.
    window: (Instant, Counts),
}

impl Default for QualityMeter {
    fn default() -> QualityMeter {
        QualityMeter { account: None, patience: PATIENCE, told_loss: false }
    }
}

impl QualityMeter {
    /// The stream comes from `server`, as far as it comes, and that is what has come so far.
    pub(super) fn observe(
        &mut self,
        server: NodeId,
        counts: Counts,
        now: Instant,
    ) -> Option<Finding> {
        let account = match &mut self.account {
            // Counts that go back are those of another stream.
            Some(known) if known.server == server && counts.received >= known.last.received => {
                known
            }
            other => {
                *other = Some(Account::new(server, counts, now));
                return None;
            }
        };
        if counts.received > account.last.received {
            (account.heard, account.quiet_since) = (Some(now), now);
        }
        account.last = counts;
        if !account.is_on_trial() {
            self.patience = PATIENCE;
        } else if now.duration_since(account.quiet_since) >= self.patience {
            self.patience = self.patience.saturating_mul(2).min(MOST_PATIENCE);
            account.quiet_since = now;
            return Some(Finding::Silent(server));
        }
        let quality = account.window(now)?;
        // No news is good news.
        let tell = quality.lost > 0 || self.told_loss;
        self.told_loss = quality.lost > 0;
        tell.then_some(Finding::Tell(quality))
    }

    /// The stream comes from nowhere.
    pub(super) fn pause(&mut self) {
        self.account = None;
    }
}

impl Account {
    fn new(server: NodeId, counts: Counts, now: Instant) -> Account {
        let (since, quiet_since) = (now, now);
        Account { server, since, heard: None, quiet_since, last: counts, window: (now, counts) }
    }

    fn is_on_trial(&self) -> bool {
        self.heard.is_none_or(|heard| heard.duration_since(self.since) < TRIAL)
    }

    /// What has come since this last gave something, when it is enough.
    fn window(&mut self, now: Instant) -> Option<Quality> {
        let (began, counts) = self.window;
        let received = self.last.received.saturating_sub(counts.received);
        // What was given up may come after all.
        let lost = self.last.lost.saturating_sub(counts.lost);
        let (length, all) = (now.duration_since(began), received.saturating_add(lost));
        if length < TELL || (all < ENOUGH && length < LONGEST) {
            return None;
        }
        self.window = (now, self.last);
        Some(Quality { server: self.server, received, lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: NodeId = NodeId(4);

    /// A meter, looked at each second.
    struct Bench {
        meter: QualityMeter,
        now: Instant,
        counts: Counts,
    }

    impl Bench {
        fn new() -> Bench {
            let (meter, now) = (QualityMeter::default(), Instant::now());
            Bench { meter, now, counts: Counts::default() }
        }

        /// So many seconds, in each of which that comes; what was found, and in which second.
        fn run(&mut self, seconds: u64, received: u64, lost: u64) -> Vec<(u64, Finding)> {
            let mut found = Vec::new();
            for second in 1..=seconds {
                self.now += Duration::from_secs(1);
                self.counts.received += received;
                self.counts.lost += lost;
                let finding = self.meter.observe(SERVER, self.counts, self.now);
                found.extend(finding.map(|finding| (second, finding)));
            }
            found
        }
    }

    fn told(received: u64, lost: u64) -> Finding {
        Finding::Tell(Quality { server: SERVER, received, lost })
    }

    #[test]
    fn loss_is_told_and_its_end_and_then_nothing() {
        let mut bench = Bench::new();
        assert_eq!(bench.run(31, 200, 0), []);
        assert_eq!(bench.run(5, 190, 10), [(5, told(950, 50))]);
        assert_eq!(bench.run(20, 200, 0), [(5, told(1000, 0))]);
    }

    #[test]
    fn of_a_thin_stream_more_time_is_told_together() {
        let mut bench = Bench::new();
        bench.run(1, 0, 0);
        // 50 packets a second are enough after ten.
        assert_eq!(bench.run(10, 49, 1), [(10, told(490, 10))]);
        assert_eq!(bench.run(30, 1, 1), [(30, told(30, 30))]);
    }

    #[test]
    fn who_answers_and_sends_nothing_is_found_out() {
        let mut bench = Bench::new();
        bench.run(1, 0, 0);
        let silent = Finding::Silent(SERVER);
        // Less and less often, when nothing is changed by it.
        assert_eq!(bench.run(60, 0, 0), [(6, silent), (18, silent), (42, silent)]);
    }

    #[test]
    fn a_burst_and_then_nothing_is_no_service() {
        let mut bench = Bench::new();
        bench.run(1, 0, 0);
        assert_eq!(bench.run(1, 900, 0), []);
        assert_eq!(bench.run(6, 0, 0).pop(), Some((6, Finding::Silent(SERVER))));
    }

    #[test]
    fn a_pause_of_the_source_moves_nobody() {
        let mut bench = Bench::new();
        assert_eq!(bench.run(12, 200, 0), []);
        assert_eq!(bench.run(600, 0, 0), []);
        assert_eq!(bench.run(5, 200, 0), []);
    }

    #[test]
    fn another_server_begins_anew() {
        let mut bench = Bench::new();
        bench.run(12, 200, 0);
        let (counts, now) = (bench.counts, bench.now);
        let other = NodeId(5);
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(bench.meter.observe(other, counts, at(1)), None);
        assert_eq!(bench.meter.observe(other, counts, at(6)), None);
        assert_eq!(bench.meter.observe(other, counts, at(7)), Some(Finding::Silent(other)));
        // The stream has come from nowhere meanwhile, or another one has begun.
        bench.meter.pause();
        assert_eq!(bench.meter.observe(other, counts, at(50)), None);
        assert_eq!(bench.meter.observe(other, Counts::default(), at(80)), None);
        assert_eq!(bench.meter.observe(other, Counts::default(), at(85)), None);
    }
}
