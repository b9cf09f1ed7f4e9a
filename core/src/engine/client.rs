//! Pulls and pushes: RTSP connections that the engine opens itself.

use std::net::SocketAddr;

use crate::io::Token;
use crate::media::sdp;
use crate::rtsp::client::{ClientError, Negotiated, Transports};
use crate::rtsp::{
    ClientConfig, ClientEvent, ClientSession, Message, Resumed, RtpInfo, Status, Url, Via,
};

use super::cipher::Cipher;
use super::command::{Remote, StreamId};
use super::config::Transport;
use super::event::Event;
use super::role::{Client, Inlets, Job, Role};
use super::upstreams::LinkId;
use super::worker::Worker;

const MAX_REDIRECTS: u8 = 5;

impl Worker {
    /// Connects to the first address of a remote that takes the attempt.
    pub(super) fn open(&mut self, mut remote: Remote, job: Job, redirects: u8) {
        let mut refused = "no address is left to try".to_owned();
        while !remote.addresses.is_empty() {
            let address = remote.addresses.remove(0);
            match self.io.connect(address) {
                Ok(token) => {
                    let client = Client::new(remote, job, redirects);
                    return self.add_connection(token, address, Role::Client(Box::new(client)));
                }
                Err(error) => refused = format!("cannot connect to {address}: {error}"),
            }
        }
        self.client_over(Client::new(remote, job, redirects), &refused);
    }

    pub(super) fn client(&mut self, token: Token) -> Option<&mut Client> {
        match &mut self.connections.get_mut(&token)?.role {
            Role::Client(client) => Some(client),
            Role::Server(_) | Role::Child { .. } => None,
        }
    }

    pub(super) fn is_connecting(&self, token: Token) -> bool {
        self.connections.get(&token).is_some_and(|connection| match &connection.role {
            Role::Client(client) => client.session.is_none(),
            Role::Server(_) | Role::Child { .. } => false,
        })
    }

    /// The attempt to connect has an answer.
    pub(super) fn connected(&mut self, token: Token) {
        let result = self.io.connect_result(token);
        match result {
            Ok(()) => self.begin_session(token),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => self.try_next(token, &error.to_string()),
        }
    }

    /// An attempt to connect has failed: on to the next address of the remote, if it has one.
    pub(super) fn try_next(&mut self, token: Token, reason: &str) {
        let Some(connection) = self.connections.remove(&token) else { return };
        self.close_socket(token);
        let Role::Client(client) = connection.role else { return };
        let reason = format!("cannot connect to {}: {reason}", connection.peer);
        if client.remote.addresses.is_empty() {
            return self.client_over(*client, &reason);
        }
        tracing::info!("{reason}; its next address is tried");
        let Client { remote, job, redirects, .. } = *client;
        self.open(remote, job, redirects);
    }

    fn begin_session(&mut self, token: Token) {
        let now = self.io.now();
        let local = self.io.local_addr(token).map(|local| local.ip());
        let seed = super::random::seed();
        let timeout = self.config.connect_timeout;
        let Some(client) = self.client(token) else { return };
        let url = Url::parse(&client.remote.url);
        let (Ok(local), Ok(seed), Ok(url)) = (local, seed, url) else {
            return self.lose(token, "the connection cannot be used");
        };
        let (secure, host) = (url.is_secure(), url.host().to_owned());
        let config = ClientConfig {
            transports: match client.remote.transport {
                // Datagrams would not be encrypted.
                _ if secure => Transports::Tcp,
                Transport::Auto => Transports::Auto,
                Transport::Udp => Transports::Udp,
                Transport::Tcp => Transports::Tcp,
            },
            response_timeout: timeout,
            hold: matches!(client.job, Job::Pull { held: true, .. }),
            ..ClientConfig::default()
        };
        let session = match client.job {
            Job::Pull { .. } => ClientSession::play(url, config, seed, now),
            Job::Push { stream, .. } => {
                let Some(live) = self.streams.get_mut(&stream) else {
                    return self.lose(token, "the stream has ended");
                };
                let sdp = live.stream.session().for_announce(local).to_string();
                ClientSession::publish(url, sdp, config, seed, now)
            }
        };
        if secure {
            let cipher = match self.client_cipher(&host) {
                Ok(cipher) => cipher,
                Err(reason) => return self.lose(token, &format!("TLS cannot begin: {reason}")),
            };
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.wire.encrypt(cipher);
            }
        }
        if let Some(client) = self.client(token) {
            client.session = Some(session);
        }
        self.drive(token);
    }

    /// What encrypts a connection to `host`.
    #[cfg(feature = "tls")]
    fn client_cipher(&self, host: &str) -> Result<Box<dyn Cipher>, String> {
        match &self.config.tls {
            Some(config) => super::tls::connect(config.clone(), host),
            None => Err("the engine was not told which certificates to trust".into()),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn client_cipher(&self, _: &str) -> Result<Box<dyn Cipher>, String> {
        Err("the engine is built without it".into())
    }

    /// A message of the server's.
    pub(super) fn heard_from_server(&mut self, token: Token, message: Message) {
        let now = self.io.now();
        if let Some(session) = self.client(token).and_then(|client| client.session.as_mut()) {
            session.handle_message(message, now);
        }
        self.drive(token);
    }

    /// Writes what a client session has to say, and acts on what it tells.
    pub(super) fn drive(&mut self, token: Token) {
        loop {
            let Some(session) = self.client(token).and_then(|client| client.session.as_mut())
            else {
                return;
            };
            if let Some(bytes) = session.poll_transmit() {
                self.send(token, bytes);
            } else if let Some(event) = session.poll_event() {
                self.client_event(token, event);
            } else {
                return;
            }
        }
    }

    fn client_event(&mut self, token: Token, event: ClientEvent) {
        match event {
            ClientEvent::Described { sdp, .. } => match sdp::Session::parse(&sdp) {
                Ok(described) => match self.unfit(token, &described) {
                    Some(reason) => self.lose(token, &reason),
                    None => self.set_up_pull(token, described),
                },
                Err(error) => self.lose(token, &format!("its session description: {error}")),
            },
            ClientEvent::Announced => self.set_up_push(token),
            ClientEvent::TrackReady { track, transport, ssrc } => {
                self.track_ready(token, track, transport, ssrc);
            }
            ClientEvent::Held => self.held(token),
            ClientEvent::Started { rtp_info, resumed, via, .. } => {
                self.started(token, &rtp_info, resumed, &via);
            }
            ClientEvent::Redirected(url) => self.redirected(token, &url),
            ClientEvent::Closed => {
                let farewell = self.client(token).and_then(|client| client.farewell.take());
                self.close_after_flush(token, farewell.as_deref().unwrap_or("it was ended"));
            }
            ClientEvent::Failed(error) => {
                if let Some(client) = self.client(token) {
                    client.failure = status_for_players(&error);
                }
                self.lose(token, &error.to_string());
            }
        }
    }

    fn track_ready(&mut self, token: Token, track: usize, agreed: Negotiated, ssrc: Option<u32>) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let server = connection.peer.ip();
        let Role::Client(client) = &mut connection.role else { return };
        match &mut client.job {
            Job::Pull { inlets, server_ports, ssrcs, .. } => {
                if let Some(entry) = ssrcs.get_mut(track) {
                    *entry = ssrc;
                }
                match agreed {
                    Negotiated::Tcp { rtp, rtcp } => {
                        if let Ok(number) = u8::try_from(track) {
                            inlets.add_channels(number, rtp, rtcp);
                        }
                    }
                    Negotiated::Udp { server_port, source } => {
                        let from = source.unwrap_or(server);
                        if let Some(ports) = server_ports.get_mut(track) {
                            *ports = server_port.map(|(rtp, rtcp)| {
                                (SocketAddr::new(from, rtp), SocketAddr::new(from, rtcp))
                            });
                        }
                    }
                }
            }
            Job::Push { tracks, .. } => {
                if let Some(entry) = tracks.get_mut(track) {
                    *entry = Some(agreed);
                }
            }
        }
    }

    fn started(
        &mut self,
        token: Token,
        firsts: &[(usize, RtpInfo)],
        resumed: Option<Resumed>,
        via: &Via,
    ) {
        let now = self.io.now();
        let Some(client) = self.client(token) else { return };
        client.started = Some(now);
        client.falling_back = false;
        match client.job {
            Job::Pull { .. } => self.pull_started(token, firsts, resumed, via),
            Job::Push { .. } => self.push_started(token),
        }
    }

    fn redirected(&mut self, token: Token, url: &Url) {
        let Some(client) = self.client(token) else { return };
        let redirects = client.redirects + 1;
        if redirects > MAX_REDIRECTS {
            return self.lose(token, "the server redirects without end");
        }
        let Ok(ip) = url.host().parse() else {
            return self.lose(token, &format!("the server redirects to {url}: ask there"));
        };
        let addresses = vec![SocketAddr::new(ip, url.port())];
        let remote = Remote {
            path: client.remote.path.clone(),
            url: url.to_string_with_credentials(),
            addresses,
            transport: client.remote.transport,
        };
        let job = match client.job {
            Job::Pull { link, held, .. } => Job::pull(link, held),
            Job::Push { stream, .. } => Job::push(stream),
        };
        let Some(connection) = self.connections.remove(&token) else { return };
        self.close_socket(token);
        if let Role::Client(client) = connection.role {
            self.drop_sockets(*client);
        }
        self.open(remote, job, redirects);
    }

    /// Tells the server at the other end that it is over, and hangs up.
    pub(super) fn say_teardown(&mut self, token: Token, reason: &str) {
        let now = self.io.now();
        if let Some(client) = self.client(token) {
            client.farewell.get_or_insert_with(|| reason.to_owned());
            if let Some(session) = &mut client.session {
                session.teardown(now);
            }
        }
        self.drive(token);
        self.close_after_flush(token, reason);
    }

    /// A client's connection is gone.
    pub(super) fn client_over(&mut self, client: Client, reason: &str) {
        if let Job::Pull { stream: Some(id), .. } = client.job
            && client.falling_back
            && !client.ended
            && self.stop_by.is_none()
            && self.streams.get(&id).is_some_and(|live| live.ended.is_none())
        {
            return self.pull_over_tcp(client, id);
        }
        let (path, url) = (client.remote.path.clone(), without_credentials(&client.remote.url));
        let reason = reason.to_owned();
        match client.job {
            Job::Pull { stream: Some(id), link, .. } => {
                self.link_lost(id, link, client.ended, &format!("{url}: {reason}"));
            }
            Job::Pull { stream: None, link, .. } => self.link_failed(&client, link, &reason),
            Job::Push { stream, child, .. } => {
                if let Some(key) = child {
                    self.remove_child_of(stream, key);
                }
                self.tell(Event::PushEnded { path, url, reason });
            }
        }
        self.drop_sockets(client);
    }

    fn drop_sockets(&mut self, client: Client) {
        match client.job {
            Job::Pull { inlets, .. } => {
                self.close_inlets(inlets.sockets.into_iter().map(|(s, _, _)| s).collect());
            }
            Job::Push { pairs, .. } => {
                for pair in pairs {
                    self.remove_pair(pair);
                }
            }
        }
    }
}

impl Job {
    pub(super) fn pull(link: LinkId, held: bool) -> Job {
        let (inlets, server_ports, ssrcs) = (Inlets::default(), Vec::new(), Vec::new());
        Job::Pull { session: None, inlets, server_ports, stream: None, link, held, ssrcs }
    }

    pub(super) fn push(stream: StreamId) -> Job {
        Job::Push { stream, tracks: Vec::new(), pairs: Vec::new(), child: None }
    }
}

/// What players are told whose stream could not be fetched.
fn status_for_players(error: &ClientError) -> Status {
    match error {
        ClientError::Refused { status: Status::NOT_FOUND, .. } => Status::NOT_FOUND,
        ClientError::NoResponse { .. } => Status::GATEWAY_TIMEOUT,
        _ => Status::SERVICE_UNAVAILABLE,
    }
}

/// A URL fit for logs and figures: without user and password, and without its query, in which there may be a
/// token or a ticket.
pub(super) fn without_credentials(url: &str) -> String {
    let url = Url::parse(url).map_or_else(|_| String::new(), |url| url.to_string());
    url.split('?').next().unwrap_or_default().to_owned()
}
