//! Writing down what was decided, before anybody is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::NodeId;
use crate::proxy::pluggable::directory::Registry;
use crate::proxy::service::responses::{ResponseManager, Told};
use crate::proxy::service::topology::{Entry, Record, Term};

/// Decisions that are written down together, at most.
const AT_ONCE: usize = 1024;
/// How long writing may take until it is tried again.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it is waited before that.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes what was decided, in its order.
///
/// There is no bound of its own to what waits: a session waits for each of its decisions, so that there are not
/// more of these than sessions.
#[derive(Debug)]
pub(crate) struct Journal(mpsc::UnboundedSender<Batch>);

/// What came of one call of the topology configuration.
#[derive(Debug)]
pub(crate) struct Batch {
    /// What has to be written down first.
    pub(crate) records: Vec<Record>,
    /// Who has to be told what then.
    pub(crate) told: Vec<Told>,
    /// Who waits until it is written down; false: it was not, and nothing of it counts.
    pub(crate) done: oneshot::Sender<bool>,
}

impl Journal {
    /// A journal, and who writes it.
    pub(crate) fn new(registry: Registry) -> (Journal, Writer) {
        let (sender, queue) = mpsc::unbounded_channel();
        (Journal(sender), Writer { registry, queue })
    }

    /// Hands over what was decided. To be called in the order of the decisions.
    pub(crate) fn hand_over(&self, batch: Batch) {
        // When nobody writes any more, who waits learns it by his receiver.
        let _ = self.0.send(batch);
    }
}

/// Writes what is handed over.
pub(crate) struct Writer {
    registry: Registry,
    queue: mpsc::UnboundedReceiver<Batch>,
}

/// What has become of the nodes of a channel in a term.
type Pages = BTreeMap<(String, Term), BTreeMap<NodeId, Option<Entry>>>;

impl Writer {
    /// Works until it is dropped.
    pub(crate) async fn run(mut self, manager: Arc<ResponseManager>) {
        let mut batches = Vec::new();
        while self.queue.recv_many(&mut batches, AT_ONCE).await > 0 {
            let mut pages = Pages::new();
            for record in batches.iter_mut().flat_map(|batch| &mut batch.records) {
                let page = pages.entry((record.channel.clone(), record.term)).or_default();
                // The last word on each node counts.
                page.insert(record.node, record.entry.take());
            }
            let mut failed = Vec::new();
            for ((channel, term), page) in pages {
                if !self.write(&manager, &channel, term, &page).await {
                    failed.push((channel, term));
                }
            }
            for Batch { records, told, done } in batches.drain(..) {
                let is_lost = |record: &Record| {
                    failed
                        .iter()
                        .any(|(channel, term)| *channel == record.channel && *term == record.term)
                };
                let written = !records.iter().any(is_lost);
                if written {
                    told.into_iter().for_each(|told| manager.tell(told));
                }
                // Not everybody waits.
                let _ = done.send(written);
            }
        }
    }

    /// Writes a page, if it takes several attempts. False: the term is over.
    async fn write(
        &self,
        manager: &ResponseManager,
        channel: &str,
        term: Term,
        page: &BTreeMap<NodeId, Option<Entry>>,
    ) -> bool {
        loop {
            if !manager.has_seat(channel, term) {
                return false;
            }
            match timeout(PATIENCE, self.registry.save(channel, term, page)).await {
                Ok(Ok(true)) => return true,
                Ok(Ok(false)) => {
                    manager.close(channel, term, "another proxy server has taken it over");
                    return false;
                }
                // Perhaps it is back before the seat is lost.
                Ok(Err(error)) => tracing::warn!("channel {channel}: {error}"),
                Err(_) => tracing::warn!("channel {channel}: the directory takes too long"),
            }
            sleep(PAUSE).await;
        }
    }
}
