//! The figures as Prometheus reads them: OpenMetrics text. `docs/figures.md` explains each.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text::encode};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use rillcast::engine::{StreamFigures, WorkerFigures};
use rillcast::stats::{Cause, ChildLedger, Histogram};

use super::snapshot::{Seen, Snapshot};
use crate::serve::PullPhase;

/// `/metrics`.
pub(super) fn text(seen: Seen) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(seen)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Page(Seen);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut families = Families(encoder);
        families.server(&self.0)?;
        families.workers(&self.0.figures.workers)?;
        let streams = streams(&self.0);
        families.ledgers(&streams)?;
        families.children(&streams)?;
        families.tracks(&streams)?;
        families.pulls(&self.0)
    }
}

/// The streams, one for each path: while the players of one that is over are still given its end, the
/// next one may be there already, and it counts.
fn streams(seen: &Snapshot) -> Vec<&StreamFigures> {
    let mut streams: BTreeMap<&str, &StreamFigures> = BTreeMap::new();
    for stream in &seen.figures.streams {
        let shown = streams.entry(&stream.path).or_insert(stream);
        if shown.ended {
            *shown = stream;
        }
    }
    streams.into_values().collect()
}

/// Writes metrics, family after family.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn server(&mut self, seen: &Snapshot) -> fmt::Result {
        let figures = &seen.figures;
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("backend", figures.backend),
            ("backend_reason", figures.backend_reason.as_str()),
            ("gso", figures.gso.as_str()),
        ];
        let help = "Version, I/O backend and why it is this one, and whether segmentation offload is in use or why not";
        let mut info = self.0.encode_descriptor("rillcast_engine", help, None, MetricType::Info)?;
        info.encode_info(&labels)?;
        let uptime = seen.uptime.as_secs_f64();
        self.single("rillcast_uptime_seconds", "Time since the server started", uptime)?;
        let connections = figures.connections as f64;
        self.single("rillcast_connections", "RTSP connections open now", connections)?;
        for (name, help, count) in [
            (
                "rillcast_refused_connections",
                "RTSP connections closed at once, because as many as allowed were open",
                figures.refused_connections,
            ),
            (
                "rillcast_bad_requests",
                "Times that a connection brought what is no RTSP, or larger than it may be",
                figures.bad_requests,
            ),
            (
                "rillcast_stray_frames",
                "Interleaved frames of connections that neither played nor published",
                figures.stray_frames,
            ),
            (
                "rillcast_events_lost",
                "Events of the engine that were lost, as the program did not take them in time",
                figures.events_lost,
            ),
        ] {
            let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
            family.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        let streams = figures.streams.iter().filter(|stream| !stream.ended).count();
        self.single("rillcast_streams", "Streams that are there now", streams as f64)
    }

    fn workers(&mut self, workers: &[WorkerFigures]) -> fmt::Result {
        let numbered: Vec<(String, &WorkerFigures)> = workers
            .iter()
            .enumerate()
            .map(|(number, worker)| (number.to_string(), worker))
            .collect();
        let label = |number: &String| [("worker", number.clone())];
        let children = numbered.iter().map(|(n, worker)| (label(n), worker.children as f64));
        let help = "Players and other receivers that a fan-out thread serves";
        self.gauge("rillcast_worker_children", help, children)?;
        let packets = numbered.iter().map(|(n, worker)| (label(n), worker.packets));
        self.counter("rillcast_worker_packets", "Packets that a fan-out thread has sent", packets)?;
        let help = "Time that a fan-out thread has run on a CPU";
        let name = "rillcast_worker_cpu_seconds";
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        numbered.iter().try_for_each(|(n, worker)| {
            let seconds = worker.cpu.as_secs_f64();
            family.encode_family(&label(n))?.encode_counter::<NoLabelSet, _, f64>(&seconds, None)
        })
    }

    fn ledgers(&mut self, streams: &[&StreamFigures]) -> fmt::Result {
        let mut count = |name, help, value: fn(&StreamFigures) -> u64| {
            self.counter(name, help, streams.iter().map(|s| ([("path", &*s.path)], value(s))))
        };
        count(
            "rillcast_received_packets",
            "Packets that came in, those lost in the kernel's buffer included",
            |s| s.ledger.received,
        )?;
        count("rillcast_published_packets", "Packets passed on", |s| s.ledger.published)?;
        count("rillcast_consumed_packets", "RTCP packets that ended here as they should", |s| {
            s.ledger.consumed
        })?;
        let causes = streams.iter().flat_map(|s| {
            Cause::ALL.into_iter().map(|cause| {
                ([("path", s.path.as_str()), ("cause", cause.name())], s.ledger.dropped(cause))
            })
        });
        let help = "Packets that came in and were not passed on, by cause";
        self.counter("rillcast_dropped_packets", help, causes)?;
        let balances =
            streams.iter().map(|s| ([("path", &*s.path)], f64::from(u8::from(s.balances()))));
        let help = "1 while every packet is accounted for; anything else is a fault of Rillcast";
        self.gauge("rillcast_ledger_balances", help, balances)?;
        self.histogram(
            "rillcast_latency_seconds",
            "From the arrival of a batch's oldest packet until the batch is with the kernel",
            streams.iter().map(|s| ([("path", &*s.path)], &s.latency)),
        )
    }

    fn children(&mut self, streams: &[&StreamFigures]) -> fmt::Result {
        let by_transport = streams.iter().flat_map(|s| {
            ["udp", "multicast", "tcp"].map(|transport| {
                let there = s.children.iter().filter(|child| child.transport == transport).count();
                ([("path", s.path.as_str()), ("transport", transport)], there as f64)
            })
        });
        self.gauge("rillcast_children", "Players and other receivers", by_transport)?;
        let accounts: Vec<(&str, ChildLedger)> =
            streams.iter().map(|s| (s.path.as_str(), s.all_children())).collect();
        let fates = accounts.iter().flat_map(|(path, all)| {
            let fates = [
                ("sent", all.sent),
                ("unwanted", all.unwanted),
                ("too_slow", all.too_slow),
                ("refused", all.refused),
            ];
            fates.map(|(fate, packets)| ([("path", *path), ("fate", fate)], packets))
        });
        let help =
            "Packets for the children, those that have left included, and what became of them";
        self.counter("rillcast_child_packets", help, fates)?;
        let resent = accounts.iter().map(|(path, all)| ([("path", *path)], all.resent));
        let help = "Packets sent again because a child asked";
        self.counter("rillcast_child_resent_packets", help, resent)?;
        let waiting = streams.iter().map(|s| {
            let waiting: u64 = s.children.iter().map(|child| child.ledger.waiting).sum();
            ([("path", s.path.as_str())], waiting as f64)
        });
        self.gauge("rillcast_child_waiting_packets", "Packets not sent yet", waiting)?;
        let lag = streams.iter().map(|s| {
            let longest = s.children.iter().map(|child| child.lag).max().unwrap_or_default();
            ([("path", s.path.as_str())], longest.as_secs_f64())
        });
        let help = "How far the slowest child is behind the stream";
        self.gauge("rillcast_child_lag_seconds", help, lag)
    }

    fn tracks(&mut self, streams: &[&StreamFigures]) -> fmt::Result {
        let numbers: Vec<String> = (0..128).map(|number: u8| number.to_string()).collect();
        let tracks = || {
            streams.iter().flat_map(|s| {
                s.tracks.iter().zip(&numbers).map(|(track, number)| {
                    let labels = [
                        ("path", s.path.as_str()),
                        ("track", number.as_str()),
                        ("kind", track.kind.as_str()),
                        ("codec", track.codec.as_str()),
                    ];
                    (labels, track)
                })
            })
        };
        let packets = tracks().map(|(labels, track)| (labels, track.packets));
        self.counter("rillcast_track_packets", "RTP packets taken in", packets)?;
        let bytes = tracks().map(|(labels, track)| (labels, track.bytes));
        self.counter("rillcast_track_bytes", "Their bytes, headers included", bytes)?;
        let frames = tracks().map(|(labels, track)| (labels, track.frames));
        self.counter("rillcast_track_frames", "Frames begun", frames)?;
        let keys = tracks().map(|(labels, track)| (labels, track.key_frames));
        self.counter("rillcast_track_key_frames", "Frames a decoder can begin with", keys)?;
        let asked = tracks().map(|(labels, track)| (labels, track.key_frames_asked));
        let help = "Key frames that the source was asked for";
        self.counter("rillcast_track_key_frames_asked", help, asked)?;
        let repaired = tracks().map(|(labels, track)| (labels, track.repaired));
        let help = "Packets that came only when the source was asked to send them again";
        self.counter("rillcast_track_repaired_packets", help, repaired)?;
        let lost = tracks().map(|(labels, track)| (labels, track.lost as f64));
        let help = "Packets that never came; one that comes late is taken off again";
        self.gauge("rillcast_track_lost_packets", help, lost)?;
        let jitter = tracks().map(|(labels, track)| (labels, track.jitter.as_secs_f64()));
        let help = "Variation of the packets' spacing at arrival (RFC 3550, A.8)";
        self.gauge("rillcast_track_jitter_seconds", help, jitter)
    }

    fn pulls(&mut self, seen: &Snapshot) -> fmt::Result {
        let up = seen.pulls.iter().map(|pull| {
            let up = f64::from(u8::from(matches!(pull.phase, PullPhase::Up)));
            ([("path", pull.path.as_str())], up)
        });
        self.gauge("rillcast_pull_up", "1 while a stream that is fetched is there", up)?;
        let failures =
            seen.pulls.iter().map(|pull| ([("path", pull.path.as_str())], pull.failures));
        let help = "Attempts to fetch that failed, and interruptions";
        self.counter("rillcast_pull_failures", help, failures)
    }

    /// The suffix `_total` is added to the name.
    fn counter<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        samples.into_iter().try_for_each(|(labels, value)| {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&value, None)
        })
    }

    /// A gauge without labels.
    fn single(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauge<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        samples
            .into_iter()
            .try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    fn histogram<'a, L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, &'a Histogram)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        samples.into_iter().try_for_each(|(labels, histogram)| {
            let buckets: Vec<(f64, u64)> = histogram
                .octaves()
                .map(|(end, count)| (end.map_or(f64::INFINITY, |end| end.as_secs_f64()), count))
                .collect();
            let sum = histogram.sum().as_secs_f64();
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                sum,
                histogram.count(),
                &buckets,
                None,
            )
        })
    }
}

#[cfg(test)]
mod tests;
