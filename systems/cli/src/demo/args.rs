//! The options of `rillcast demo`.

use clap::Args;

use crate::source::{self, TestOptions};

const EXAMPLES: &str = "\
Examples:
  rillcast demo             half a minute, then the figures
  rillcast demo --nodes 0   without the nodes, which come first
  rillcast demo --stay      the viewers alone; goes on until Ctrl-C and prints the URL to open in a player

Exit code 0 says that every packet reached every viewer, and that no node lost a frame or had one twice;
otherwise it is 1.";

/// See it work: nodes of which one is killed, then a server and 200 viewers on this machine, with figures
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// How many viewers to start, half of them over UDP and half over TCP
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) children: u32,

    /// How many nodes of OmniCast264 to start before, in a chain and in a tree: 0, or 4 to 30
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = nodes)]
    pub(crate) nodes: u32,

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

fn nodes(text: &str) -> Result<u32, String> {
    match text.parse() {
        // The second of three in a tree serves nobody who could go on elsewhere.
        Ok(number @ (0 | 4..=30)) => Ok(number),
        _ => Err("0, or 4 to 30".into()),
    }
}
