//! The options of `rillcast demo`.

use clap::Args;

use crate::source::{self, TestOptions};

const EXAMPLES: &str = "\
Examples:
  rillcast demo            ten seconds, then the figures
  rillcast demo --stay     goes on until Ctrl-C and prints the URL to open in a player

Exit code 0 says that every packet reached every viewer; it is 1 if one was lost.";

/// See it work: a publisher, a server and 200 viewers on this machine, with figures
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// How many viewers to start, half of them over UDP and half over TCP
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) children: u32,

    /// How many seconds to measure once all viewers are there
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,

    /// Go on until Ctrl-C, and say what to open in a player
    #[arg(long)]
    pub(crate) stay: bool,
}

impl DemoArgs {
    /// The picture that is shown: 2 Mbit/s with a key frame every two seconds. It is small, since it
    /// is encoded on the machine that is measured.
    pub(super) fn source(&self) -> source::Options {
        let test = TestOptions { size: (640, 360), ..TestOptions::default() };
        source::Options { test, ..source::Options::default() }
    }
}
