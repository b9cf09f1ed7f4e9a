//! The command line: what all subcommands share.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::bench::BenchArgs;
use crate::config;
use crate::demo::DemoArgs;
use crate::doctor::DoctorArgs;
use crate::node::NodeArgs;
use crate::output::Output;
use crate::play::PlayArgs;
use crate::proxy::ProxyArgs;
use crate::publish::PublishArgs;
use crate::serve::ServeArgs;
use crate::tools::{CompletionsArgs, HashPasswordArgs, ManArgs, TokenArgs};

const EXAMPLES: &str = "\
Try it, in two terminals:
  rillcast serve                                     a streaming server on this machine
  rillcast publish test rtsp://127.0.0.1:8554/live   a test picture with a clock, sent to it
and in any number of others:
  rillcast play --stats rtsp://127.0.0.1:8554/live   receive it and measure it
  ffplay rtsp://127.0.0.1:8554/live                  watch it

Or all of it by itself, with figures:  rillcast demo

Logs go to standard error; RUST_LOG=info (or debug) shows more of them.
Exit code: 0 success, 1 failure at run time, 2 bad option, file or URL.";

/// One live video to very many viewers: streaming server, publisher and player in one program
#[derive(Debug, Parser)]
#[command(name = "rillcast", version, after_help = EXAMPLES, subcommand_required = true)]
pub(crate) struct Args {
    /// Print results and events as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The roles of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Streaming server: publishers push to it or it pulls, anyone plays rtsp://HOST:8554/PATH
    Serve(Box<ServeArgs>),
    /// Send a test picture, a file or raw H.264 to an RTSP server, or as plain RTP
    Publish(PublishArgs),
    /// Receive a stream, measure it, keep it in a file
    Play(PlayArgs),
    /// Proxy server of a tree of nodes: lets nodes in and tells each from whom to take the stream
    Proxy(Box<ProxyArgs>),
    /// Node of such a tree: receives from its server node, hands on to others
    Node(Box<NodeArgs>),
    /// See it work: nodes of which one is killed, then a server and 200 viewers on this machine
    Demo(DemoArgs),
    /// Measure what relaying costs here, how long players wait, how nodes are placed, and the paper's experiments
    Bench(BenchArgs),
    /// Look at this machine: what is slow or missing, and the command that mends it
    Doctor(DoctorArgs),
    /// Make the line of a user for the configuration out of a password
    HashPassword(HashPasswordArgs),
    /// Make a signed permission to play or publish, to be put behind a URL
    Token(TokenArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write the manual pages into a folder
    Man(ManArgs),
}

/// How RTP travels between an RTSP client and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// Inside the RTSP connection (interleaved): passes every firewall, loses nothing
    Tcp,
    /// As datagrams: no waiting for what was lost
    Udp,
}

/// Parses the command line. On a bad one, or after printing help or the version, returns the exit
/// code to end with.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    let arguments = config::with_file(std::env::args_os().collect()).map_err(|failure| {
        eprintln!("rillcast: {failure}");
        failure.exit_code()
    })?;
    match config::print_if_asked(&arguments) {
        Some(Ok(text)) => {
            Output::new(false).text(&text);
            Err(ExitCode::SUCCESS)
        }
        Some(Err(error)) => Err(explain(&error)),
        None => Args::try_parse_from(arguments).map_err(|error| explain(&error)),
    }
}

/// Tells why there is nothing to do; the exit code to end with.
fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has gone away (`rillcast --help | head -1`) is no failure.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            eprintln!("{}", Args::command().render_help());
            ExitCode::from(2)
        }
        _ => {
            eprintln!("rillcast: {}", one_sentence(&error.to_string()));
            ExitCode::from(2)
        }
    }
}

/// The first paragraph of clap's text on one line: the cause, without the usage that follows it.
fn one_sentence(text: &str) -> String {
    let cause = text.split("\n\n").next().unwrap_or(text);
    let words: Vec<&str> = cause.split_whitespace().skip_while(|word| *word == "error:").collect();
    format!("{} (`--help` tells more)", words.join(" "))
}

/// A URL as it may be printed: without user and password, and without what stands behind `?`, which may be a token.
pub(crate) fn shown(url: &str) -> String {
    let plain =
        rillcast::rtsp::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.to_string());
    plain.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_bad_option_gives_one_line() {
        let error = Args::try_parse_from(["rillcast", "publish"]).unwrap_err();
        let text = one_sentence(&error.to_string());
        assert!(!text.contains('\n'), "{text}");
        assert!(text.starts_with("the following required arguments"), "{text}");
        assert!(text.contains("<SOURCE>"), "{text}");
    }

    #[test]
    fn json_is_taken_before_and_after_the_subcommand() {
        assert!(Args::try_parse_from(["rillcast", "--json", "serve"]).unwrap().json);
        assert!(Args::try_parse_from(["rillcast", "serve", "--json"]).unwrap().json);
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown("rtsp://alice:tulip@10.0.0.1:8554/a?token=7-x"), "rtsp://10.0.0.1:8554/a");
        assert_eq!(shown("rtp://10.0.0.1:5004"), "rtp://10.0.0.1:5004");
    }
}
