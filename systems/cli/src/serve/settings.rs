//! From options to what the engine and the policy are told.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rillcast::engine::{Config, Multicast};
use rillcast::media::sdp::Session;

use crate::access::{Key, Policy, REALM, Rules};
use crate::config::{self, HttpAddress, Options, TicketKey};
use crate::failure::Failure;
use crate::tls::Certificate;

/// Where RTSP is served when nothing else is said: on this machine only.
const DEFAULT_RTSP: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8554);
/// Where the figures are served when nothing else is said.
pub(super) const DEFAULT_HTTP: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// How long a stream waits for its source to come back.
const DEFAULT_LINGER: Duration = Duration::from_secs(10);
const MIB: usize = 1 << 20;
/// How long a stream that is fetched on demand stays without a player.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// Packets to multicast groups stay in the local network.
const DEFAULT_TTL: u8 = 1;
/// Largest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// Flags, and what the configuration file adds to them.
pub(super) fn options(flags: &Options, file: Option<&Path>) -> Result<Options, Failure> {
    match file {
        Some(file) => Ok(flags.clone().or(config::read(file)?)),
        None => Ok(flags.clone()),
    }
}

/// The address to serve RTSP on.
pub(super) fn rtsp_address(options: &Options) -> SocketAddr {
    options.rtsp.unwrap_or(DEFAULT_RTSP)
}

/// How long a stream that is fetched on demand stays without a player.
pub(super) fn on_demand_grace(options: &Options) -> Duration {
    options.on_demand_grace.map_or(DEFAULT_GRACE, Duration::from_secs)
}

/// The options with the defaults that have a value, to be shown.
pub(crate) fn with_defaults(mut options: Options) -> Options {
    let engine = Config::default();
    options.rtsp.get_or_insert(DEFAULT_RTSP);
    options.http.get_or_insert(HttpAddress::At(DEFAULT_HTTP));
    options.realm.get_or_insert_with(|| REALM.to_owned());
    options.on_demand_grace.get_or_insert(DEFAULT_GRACE.as_secs());
    options.linger.get_or_insert(DEFAULT_LINGER.as_secs());
    options.takeover.get_or_insert(engine.takeover);
    options.retransmission.get_or_insert(engine.retransmission);
    options.multicast_ttl.get_or_insert(DEFAULT_TTL);
    options.workers.get_or_insert(u16::try_from(engine.workers).unwrap_or(u16::MAX));
    options.pin.get_or_insert(engine.pin);
    options.max_connections.get_or_insert(engine.max_connections);
    options.max_connections_per_address.get_or_insert(engine.max_connections_per_address);
    options.max_memory.get_or_insert(engine.total_buffer / MIB);
    options.max_streams.get_or_insert(engine.max_streams);
    options.session_timeout.get_or_insert(engine.session_timeout.as_secs());
    options.backend.get_or_insert(engine.backend);
    options
}

/// What the engine is told.
pub(super) fn engine(options: &Options, policy: Arc<Policy>) -> Result<Config, Failure> {
    let default = Config::default();
    Ok(Config {
        tls: Some(options.trust.config()?),
        linger: options.linger.map_or(DEFAULT_LINGER, Duration::from_secs),
        takeover: options.takeover.unwrap_or(default.takeover),
        retransmission: options.retransmission.unwrap_or(default.retransmission),
        multicast: multicast(options)?,
        workers: options.workers.map_or(default.workers, usize::from),
        pin: options.pin.unwrap_or(default.pin),
        max_connections: options.max_connections.unwrap_or(default.max_connections),
        max_connections_per_address: options
            .max_connections_per_address
            .unwrap_or(default.max_connections_per_address),
        total_buffer: options
            .max_memory
            .map_or(default.total_buffer, |mib| mib.saturating_mul(MIB)),
        max_streams: options.max_streams.unwrap_or(default.max_streams),
        session_timeout: options
            .session_timeout
            .map_or(default.session_timeout, Duration::from_secs),
        backend: options.backend.unwrap_or(default.backend),
        access: policy,
        ..default
    })
}

/// How streams are sent to multicast groups, if they are.
fn multicast(options: &Options) -> Result<Option<Multicast>, Failure> {
    let interface = options.multicast_interface;
    match options.multicast {
        Some(groups) => {
            let ttl = options.multicast_ttl.unwrap_or(DEFAULT_TTL);
            Ok(Some(Multicast { groups, ttl, interface }))
        }
        None if interface.is_some() => Err(Failure::usage(
            "--multicast-interface needs --multicast with a range of groups, as in 239.1.2.0/24",
        )),
        None => Ok(None),
    }
}

/// Where to serve RTSPS, and the certificate.
pub(super) fn rtsps(options: &Options) -> Result<Option<(SocketAddr, Arc<Certificate>)>, Failure> {
    let self_signed = options.self_signed == Some(true);
    let certificate = match (options.rtsps, &options.certificate, &options.key) {
        (None, _, _) => return Ok(None),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) if self_signed => {
            return Err(Failure::usage("--self-signed and --certificate exclude each other"));
        }
        (Some(address), _, _) if self_signed => Certificate::self_signed(address.ip()),
        (Some(_), Some(certificate), Some(key)) => Certificate::read(certificate, key),
        (Some(_), _, _) => {
            return Err(Failure::usage(
                "--rtsps needs --certificate FILE and --key FILE, or --self-signed for a trial",
            ));
        }
    };
    let certificate = certificate.map_err(|why| Failure::usage(format!("--rtsps: {why}")))?;
    Ok(options.rtsps.map(|address| (address, Arc::new(certificate))))
}

/// Who may do what.
pub(super) fn rules(options: &Options) -> Result<Rules, Failure> {
    let key = match &options.token_key {
        Some(file) => Some(read_key(file)?),
        None => None,
    };
    let realm = options.realm.clone().unwrap_or_else(|| REALM.to_owned());
    let tickets = options.ticket_key.as_ref().and_then(TicketKey::checker);
    let Options { user, allow_publish, allow_play, auth_hook, .. } = options.clone();
    let rules = Rules::new(realm, user, allow_publish, allow_play, auth_hook, key, tickets);
    rules.map_err(Failure::usage)
}

/// The key of tokens.
pub(crate) fn read_key(file: &Path) -> Result<Key, Failure> {
    let name = format!("the key {}", file.display());
    Key::new(&read(file, &name)?).map_err(|why| Failure::usage(format!("{name}: {why}")))
}

/// The descriptions of plain RTP.
pub(super) fn sessions(options: &Options) -> Result<Vec<(String, Session)>, Failure> {
    let sessions = options.rtp.iter().map(|(path, file)| {
        let name = format!("--rtp: {}", file.0);
        let bytes = read(&PathBuf::from(&file.0), &name)?;
        let session = Session::parse(&bytes);
        let session = session.map_err(|why| Failure::usage(format!("{name}: {why}")))?;
        Ok((path.clone(), session))
    });
    sessions.collect()
}

fn read(file: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let wrong = |why: String| Failure::usage(format!("cannot use {name}: {why}"));
    let size = fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_FILE {
        return Err(wrong("it is too large".into()));
    }
    fs::read(file).map_err(|error| wrong(error.to_string()))
}

/// New options, but those that a running server cannot change as they were.
pub(super) fn with_fixed(new: Options, old: &Options) -> Options {
    Options {
        rtsp: old.rtsp,
        rtsps: old.rtsps,
        certificate: old.certificate.clone(),
        key: old.key.clone(),
        self_signed: old.self_signed,
        trust: old.trust.clone(),
        http: old.http,
        rtp: old.rtp.clone(),
        linger: old.linger,
        takeover: old.takeover,
        retransmission: old.retransmission,
        multicast: old.multicast,
        multicast_ttl: old.multicast_ttl,
        multicast_interface: old.multicast_interface,
        workers: old.workers,
        pin: old.pin,
        max_connections: old.max_connections,
        max_connections_per_address: old.max_connections_per_address,
        max_memory: old.max_memory,
        max_streams: old.max_streams,
        session_timeout: old.session_timeout,
        backend: old.backend,
        ..new
    }
}

/// Options that a running server cannot change: the names of those that differ.
pub(super) fn need_a_restart(old: &Options, new: &Options) -> Vec<&'static str> {
    let differ = [
        ("rtsp", old.rtsp != new.rtsp),
        ("rtsps", old.rtsps != new.rtsps),
        ("certificate", old.certificate != new.certificate),
        ("key", old.key != new.key),
        ("self-signed", old.self_signed != new.self_signed),
        ("ca", old.trust.ca != new.trust.ca),
        ("insecure", old.trust.insecure != new.trust.insecure),
        ("http", old.http != new.http),
        ("rtp", old.rtp != new.rtp),
        ("linger", old.linger != new.linger),
        ("takeover", old.takeover != new.takeover),
        ("retransmission", old.retransmission != new.retransmission),
        ("multicast", old.multicast != new.multicast),
        ("multicast-ttl", old.multicast_ttl != new.multicast_ttl),
        ("multicast-interface", old.multicast_interface != new.multicast_interface),
        ("workers", old.workers != new.workers),
        ("pin", old.pin != new.pin),
        ("max-connections", old.max_connections != new.max_connections),
        (
            "max-connections-per-address",
            old.max_connections_per_address != new.max_connections_per_address,
        ),
        ("max-memory", old.max_memory != new.max_memory),
        ("max-streams", old.max_streams != new.max_streams),
        ("session-timeout", old.session_timeout != new.session_timeout),
        ("backend", old.backend != new.backend),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
