//! The USCP client.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rillcast::engine::rustls::ClientConfig;
use rillcast::engine::rustls::pki_types::ServerName;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::uscp::{Envelope, ErrorReport, Message, ReStreamingConnection, RequestIds};
use crate::wire::{self, Receiver, Stream, UNANSWERED, send};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: the proxy server may have many passwords to look at.
const ANSWER: Duration = Duration::from_secs(15);
/// As long as anybody waits, and so short that it can be reckoned with.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Reassignments that are kept; only the last counts.
const PENDING: usize = 4;

/// Why a request was not met.
#[derive(Debug)]
pub(crate) enum Error {
    /// The proxy server does not want to.
    Refused(ErrorReport),
    /// There is no connection any more.
    Lost(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(report) => report.fmt(f),
            Error::Lost(reason) => f.write_str(reason),
        }
    }
}

impl From<wire::Error> for Error {
    fn from(error: wire::Error) -> Error {
        Error::Lost(error.to_string())
    }
}

/// A connection to the proxy server.
pub(crate) struct ProxyClient {
    receiver: Receiver<ReadHalf<Box<dyn Stream>>>,
    write: WriteHalf<Box<dyn Stream>>,
    ids: RequestIds,
    /// What the proxy server has said unasked.
    reassigned: VecDeque<ReStreamingConnection>,
    /// The ids of what it has said unasked, and what was not confirmed yet.
    unconfirmed: VecDeque<u64>,
}

impl ProxyClient {
    /// Connects to HOST:PORT.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(crate) async fn connect(
        proxy: &str,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<ProxyClient, Error> {
        let connecting = async {
            let stream = TcpStream::connect(proxy).await?;
            // Messages are small, and each is waited for.
            stream.set_nodelay(true)?;
            let Some(tls) = tls else { return Ok(Box::new(stream) as Box<dyn Stream>) };
            let host = proxy.rsplit_once(':').map_or(proxy, |(host, _)| host);
            let host = host.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
            Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?) as Box<dyn Stream>)
        };
        let lost = |why: &dyn fmt::Display| Error::Lost(format!("cannot reach {proxy}: {why}"));
        let stream = match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error: std::io::Error| lost(&error))?,
            Err(_) => return Err(lost(&"it takes too long")),
        };
        let (read, write) = tokio::io::split(stream);
        Ok(ProxyClient {
            receiver: Receiver::new(read),
            write,
            ids: RequestIds::default(),
            reassigned: VecDeque::new(),
            unconfirmed: VecDeque::new(),
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is an `ERROR`; [`Error::Lost`].
    pub(crate) async fn ask(&mut self, message: Message) -> Result<Message, Error> {
        let id = self.ids.next_id();
        send(&mut self.write, &Envelope { id, message }).await?;
        let answer = async {
            loop {
                let envelope = self.receive().await?;
                if envelope.message.is_answer() && envelope.id == id {
                    return Ok(envelope.message);
                }
            }
        };
        match timeout(ANSWER, answer).await {
            Ok(Ok(Message::Error(report))) => Err(Error::Refused(report)),
            Ok(answer) => answer,
            Err(_) => Err(Error::Lost("the proxy server does not answer".into())),
        }
    }

    /// Asks for a server node.
    ///
    /// # Errors
    /// As [`ask`](ProxyClient::ask); also when the answer is another.
    pub(crate) async fn ask_for_server(
        &mut self,
        message: Message,
    ) -> Result<ReStreamingConnection, Error> {
        match self.ask(message).await? {
            Message::ReStreamingConnection(connection) => Ok(connection),
            other => Err(Error::Lost(format!("the proxy server answers {}", other.name()))),
        }
    }

    /// Waits until the proxy server says something unasked, which is to be [confirmed](Self::confirm)
    /// then. Only reads: it may be dropped at any time without loss.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(crate) async fn reassigned(&mut self) -> Result<ReStreamingConnection, Error> {
        loop {
            if let Some(connection) = self.reassigned.pop_front() {
                return Ok(connection);
            }
            self.receive().await?;
        }
    }

    /// Confirms what the proxy server has said unasked. Not to be dropped before it is done, as in a
    /// `select!`: half a message would be sent.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(crate) async fn confirm(&mut self) -> Result<(), Error> {
        while let Some(id) = self.unconfirmed.pop_front() {
            send(&mut self.write, &Envelope { id, message: Message::Ok }).await?;
        }
        Ok(())
    }

    /// The next message; a reassignment is kept. Only reads.
    async fn receive(&mut self) -> Result<Envelope, Error> {
        // It is for us to ask from time to time, not for the proxy server.
        let document = self.receiver.next(Instant::now(), FOR_EVER).await?;
        let document = document.ok_or(Error::Lost("the proxy server has hung up".into()))?;
        let envelope =
            Envelope::parse(&document).map_err(|error| Error::Lost(error.to_string()))?;
        if let Message::Reassign(connection) = &envelope.message {
            if self.reassigned.len() >= PENDING {
                self.reassigned.pop_front();
            }
            self.reassigned.push_back(connection.clone());
            if self.unconfirmed.len() >= UNANSWERED {
                self.unconfirmed.pop_front();
            }
            self.unconfirmed.push_back(envelope.id);
        }
        Ok(envelope)
    }
}
