//! The command line of `rillcast proxy`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use rillcast_omnicast::proxy::pluggable::topology::Kind;

use super::key::KeyArgs;
use super::user::UserArgs;
use crate::config::{RtspUrl, file_arguments, keyed};

const EXAMPLES: &str = r#"Examples:
  rillcast proxy user add alice
      make an account; the password is asked for, or read from standard input
  rillcast proxy --channel live=rtsp://127.0.0.1:8554/live --root-capacity 2
      let nodes in; the first two take the stream from the streaming server, the others from nodes
  rillcast node --proxy 127.0.0.1:8500 --user alice --password-file secret.txt --channel live
      a node of the tree
  rillcast serve --ticket-key "$(rillcast proxy key)"
  rillcast proxy --channel 'live=rtsp://127.0.0.1:8554/live?ticket'
      the streaming server lets in nodes alone, by their tickets
docs/omnicast.md is a tour, docs/uscp.md the protocol."#;

/// OmniCast264's proxy server: lets nodes in and tells each from whom to take the stream
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, args = file_arguments())]
pub(crate) struct ProxyArgs {
    #[command(subcommand)]
    pub(super) command: Option<ProxyCommand>,

    #[command(flatten)]
    pub(super) options: Options,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
pub(super) enum ProxyCommand {
    /// The accounts: add, remove, list, passwd
    User(UserArgs),
    /// Print the public key of the tickets, for `rillcast serve --ticket-key`
    Key(KeyArgs),
}

/// The options of the proxy server.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Address to wait for nodes at; port 0 picks a free one. The default lets in this machine only
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8500")]
    pub(super) listen: SocketAddr,

    /// A channel, and the RTSP URL at which the first nodes take it (may be given several times)
    #[arg(long, value_name = "NAME=URL", value_parser = keyed::parse::<RtspUrl>)]
    pub(super) channel: Vec<(String, RtspUrl)>,

    /// How many nodes take a channel from its URL
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) root_capacity: u32,

    /// How nodes are placed: hop-count (the paper's sequential search), indexed (the same choice,
    /// fast), stable, two-trees, mesh
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(super) topology: Kind,

    /// The accounts: a file, made when there is none, or postgres://USER@HOST/DATABASE, by which several
    /// proxy servers share them, and the trees of their channels
    #[arg(long, value_name = "FILE|URL", default_value = DIRECTORY)]
    pub(super) directory: String,

    /// Where nodes reach this proxy server that have turned to another one of the same PostgreSQL
    /// [default: the address of --listen, if it is not that of all]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) advertise: Option<String>,

    /// How many seconds another proxy server of the same PostgreSQL waits for a sign of life of this one
    /// until it places the nodes itself
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(super) lease: u32,

    /// Let nodes make themselves accounts
    #[arg(long)]
    pub(super) allow_subscription: bool,

    /// Speak TLS, with this certificate, in PEM, with those it is signed by behind it
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "self_signed")]
    pub(super) certificate: Option<PathBuf>,

    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(super) key: Option<PathBuf>,

    /// Speak TLS, with a certificate that nobody has signed, for trials
    #[arg(long)]
    pub(super) self_signed: bool,

    /// Most nodes that one node is given to serve, whatever it says that it can
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) max_capacity: u32,

    /// Most nodes of one user
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) nodes_per_user: usize,

    /// Most connections at once
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) max_connections: usize,

    /// Most connections at once from one address, or from one IPv6 network (/64)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) max_connections_per_address: usize,
}

/// Where the accounts are unless it is said.
pub(super) const DIRECTORY: &str = "omnicast.sqlite";

impl Options {
    /// Whether the proxy server speaks TLS.
    pub(super) fn uses_tls(&self) -> bool {
        self.self_signed || self.certificate.is_some()
    }
}
