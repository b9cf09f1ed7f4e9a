//! The `rillcast` program: a subcommand per role.
//!
//! | subcommand | what it does | module |
//! |---|---|---|
//! | `serve` | streaming server: takes streams in, hands them to any player | `serve` |
//! | `publish` | encoding server: sends a test picture, a file or a raw pipe to a server | `publish`, `source` |
//! | `play` | receives a stream, measures it, keeps it | `play` |
//! | `proxy` | OmniCast264's proxy server: places the nodes of a tree | `proxy` |
//! | `node` | a node of its tree: receives, and hands on | `node` |
//! | `demo` | all of it on loopback, with live figures | `demo` |
//! | `bench` | what relaying costs here, how long players wait, how nodes are placed, the paper's experiments | `bench` |
//! | `doctor` | looks at kernel, limits and firewall, and says what mends them | `doctor` |
//! | `hash-password`, `token`, `completions`, `man` | small helpers | `tools` |
//!
//! `config` holds the options of `serve`, `access` who may do what there.
//!
//! Results go to standard output (as JSON lines with `--json`), logs to standard error. The exit
//! code is 0 for success, 2 for a bad option, file or URL, 1 for a failure at run time.

mod access;
mod args;
mod bench;
mod config;
mod demo;
mod doctor;
mod failure;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod load;
mod node;
mod output;
mod play;
mod proxy;
mod publish;
mod serve;
mod signal;
mod source;
mod tether;
mod tls;
mod tools;

use std::io::IsTerminal;
use std::process::ExitCode;

use args::Command;
use output::Output;
use signal::Stop;

/// What is logged unless RUST_LOG says otherwise. The MP4 reader warns of each box that it passes over.
const LOG: &str = "warn,mp4_atom=error";

/// Does what the command line says; the exit code to end with.
pub fn run() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    start_logging();
    if let Err(error) = tether::follow_parent() {
        eprintln!("rillcast: cannot be tied to the program that has started it: {error}");
        return ExitCode::FAILURE;
    }
    let stop = match Stop::install() {
        Ok(stop) => stop,
        Err(error) => {
            eprintln!("rillcast: cannot handle signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let output = Output::new(args.json);
    let result = match args.command {
        Command::Serve(args) => serve::run(*args, output, stop),
        Command::Publish(args) => publish::run(args, output, stop),
        Command::Play(args) => play::run(args, output, stop),
        Command::Demo(args) => demo::run(args, output, stop),
        Command::Bench(args) => bench::run(args, output, stop),
        Command::Doctor(args) => doctor::run(args, output),
        Command::Proxy(args) => proxy::run(*args, output, stop),
        Command::Node(args) => node::run(*args, output, stop),
        Command::HashPassword(args) => tools::hash_password(args, output),
        Command::Token(args) => tools::token(args, output),
        Command::Completions(args) => tools::completions(args, output),
        Command::Man(args) => tools::man(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rillcast: {failure}");
            failure.exit_code()
        }
    }
}

/// Logs go to standard error, so that standard output stays clean for results.
fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    // Colours are for eyes, not for files; NO_COLOR (no-color.org) turns them off altogether.
    let colours = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
}
