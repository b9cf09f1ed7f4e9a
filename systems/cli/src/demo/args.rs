//! The options of `rillcast demo`.

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  rillcast demo            ten seconds, then the figures
  rillcast demo --stay     goes on until Ctrl-C and prints the URL to open in a player";

/// See it work: a publisher, a server and 200 viewers on this machine, with figures
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// How many viewers to start, half of them over UDP and half over TCP
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) children: usize,

    /// How many seconds to measure
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) seconds: u64,

    /// Go on until Ctrl-C
    #[arg(long)]
    pub(crate) stay: bool,
}
