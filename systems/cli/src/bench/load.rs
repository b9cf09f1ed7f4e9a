//! What measurements of the same kind are told alike: the stream, how it goes out, and how often it is measured.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rillcast::io::Backend;
use rillcast_bench::fanout::{self, Error, Plan};

use crate::config::backends;
use crate::failure::Failure;

/// How the packets go to the receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    /// Datagrams
    Udp,
    /// Interleaved RTP in TCP connections
    Tcp,
}

impl From<Transport> for fanout::Transport {
    fn from(transport: Transport) -> fanout::Transport {
        match transport {
            Transport::Udp => fanout::Transport::Udp,
            Transport::Tcp => fanout::Transport::Tcp,
        }
    }
}

/// What is sent, and how often.
#[derive(Debug, Args)]
pub(super) struct StreamArgs {
    /// Bits a second of the stream
    #[arg(long, value_name = "BITS", default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
    bitrate: u32,

    /// Frames a second
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    fps: u32,

    /// What carries the engine's packets
    #[arg(long, value_name = "NAME", default_value_t = Backend::Auto, value_parser = backends())]
    backend: Backend,

    /// Seconds that each relay is measured each time
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// How many times each is measured, in turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
}

/// How it goes to the receivers.
#[derive(Debug, Args)]
pub(super) struct AudienceArgs {
    /// How they receive
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    pub(super) transport: Transport,

    /// Let the kernel join packets at the receivers (UDP)
    #[arg(long)]
    gro: bool,

    /// Fan-out threads of the engine. With any, the relays are not kept on one processor
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=256))]
    workers: u16,
}

impl StreamArgs {
    /// One stream to so many UDP receivers, without workers.
    pub(super) fn plan(&self, children: u32) -> Result<Plan, Failure> {
        Ok(Plan {
            streams: 1,
            children: children as usize,
            stalled: 0,
            transport: fanout::Transport::Udp,
            bitrate: self.bitrate,
            fps: self.fps,
            backend: self.backend,
            workers: 0,
            gro: false,
            sink: false,
            seconds: f64::from(self.seconds),
            repetitions: self.repetitions as usize,
            peers: Vec::new(),
            program: this_program()?,
            arguments: vec!["bench".into(), "relay".into()],
        })
    }
}

impl AudienceArgs {
    /// The same to receivers of this kind.
    pub(super) fn plan(&self, plan: Plan) -> Plan {
        let (transport, workers) = (self.transport.into(), self.workers.into());
        Plan { transport, gro: self.gro, workers, ..plan }
    }
}

/// Sees to it that so many receivers and streams can be had.
pub(super) fn room_for(receivers: u64, streams: u64) -> Result<(), Failure> {
    // A player has a connection and two sockets, a stream two.
    let descriptors = receivers * 3 + streams * 2 + 100;
    if rlimit::increase_nofile_limit(descriptors).is_ok_and(|limit| limit < descriptors) {
        let text = format!("{receivers} receivers need {descriptors} open files: ulimit -n");
        return Err(Failure::runtime(text));
    }
    Ok(())
}

/// What is started as a relay.
pub(super) fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::runtime(format!("this program cannot be found: {error}")))
}

pub(super) fn failed(error: Error) -> Failure {
    Failure::runtime(error.to_string())
}
