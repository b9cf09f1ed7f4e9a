//! `rillcast proxy`: OmniCast264's proxy server, and its accounts.

mod args;
mod key;
mod user;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use args::ProxyArgs;

use rillcast_omnicast::proxy::service::topology::{ChannelSettings, Settings};
use rillcast_omnicast::proxy::{Config, Error, Proxy};
use serde::Serialize;

use crate::config::RtspUrl;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::signal::Stop;
use crate::tls::{self, Certificate};
use args::{Options, ProxyCommand};

/// How often the request to end is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Serves nodes until the end is asked for, or does something with the accounts.
pub(crate) fn run(args: ProxyArgs, output: Output, stop: Stop) -> Result<(), Failure> {
    let ProxyArgs { command, options } = args;
    match command {
        Some(ProxyCommand::User(args)) => return user::run(args, output),
        Some(ProxyCommand::Key(args)) => return key::run(args, output),
        None => {}
    }
    files::raise_limit();
    let proxy = Proxy::start(config(&options)?).map_err(|error| match error {
        Error::Directory(_) => Failure::usage(format!("--directory: {error}")),
        error => Failure::runtime(error.to_string()),
    })?;
    output.line(&Listening {
        event: "listening",
        uscp: proxy.address(),
        tls: options.uses_tls(),
        topology: options.topology.name(),
        channels: options.channel.iter().map(|(name, _)| name.clone()).collect(),
    });
    while !stop.is_requested() {
        if let Some(event) = proxy.next_event(TICK) {
            output.line(&event);
        }
    }
    Ok(())
}

fn config(options: &Options) -> Result<Config, Failure> {
    if options.channel.is_empty() {
        return Err(Failure::usage(
            "name a channel, and where the first nodes take it from: \
             --channel live=rtsp://127.0.0.1:8554/live",
        ));
    }
    let channel = |(name, RtspUrl(url)): &(String, RtspUrl)| ChannelSettings {
        name: name.clone(),
        url: url.clone(),
        capacity: options.root_capacity,
    };
    let certificate = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => Some(Certificate::read(certificate, key)),
        _ if options.self_signed => Some(Certificate::self_signed(options.listen.ip())),
        _ => None,
    };
    let tls = certificate
        .map(|certificate| certificate.and_then(|read| tls::server_config(Arc::new(read))))
        .transpose()
        .map_err(Failure::usage)?;
    Ok(Config {
        listen: options.listen,
        tls,
        directory: options.directory.clone(),
        advertise: options.advertise.clone(),
        lease: Duration::from_secs(options.lease.into()),
        subscription: options.allow_subscription,
        max_connections: options.max_connections,
        max_connections_per_address: options.max_connections_per_address,
        topology: Settings {
            channels: options.channel.iter().map(channel).collect(),
            topology: options.topology,
            max_capacity: options.max_capacity,
            nodes_per_user: options.nodes_per_user,
            ..Settings::default()
        },
    })
}

/// Where nodes find the proxy server.
#[derive(Debug, Serialize)]
struct Listening {
    event: &'static str,
    uscp: SocketAddr,
    tls: bool,
    topology: &'static str,
    channels: Vec<String>,
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listening { uscp, tls, topology, channels, .. } = self;
        let tls = if *tls { " over TLS" } else { "" };
        let channels = channels.join(", ");
        write!(f, "proxy server at {uscp}{tls}, topology {topology}\n  channels: {channels}")
    }
}
