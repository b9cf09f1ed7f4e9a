//! The USCP client.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rillcast::engine::rustls::ClientConfig;
use rillcast::engine::rustls::pki_types::ServerName;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::node::pluggable::uplink_test::{PIECE, UplinkTest};
use crate::uscp::{Envelope, ErrorReport, Message, ReStreamingConnection, RequestIds};
use crate::wire::{self, Receiver, Stream, UNANSWERED, send};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: the proxy server may have many passwords to look at.
const ANSWER: Duration = Duration::from_secs(15);
/// How long a test of the uplink may take in all.
const TEST: Duration = Duration::from_secs(30);
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
    incoming: Incoming,
    write: WriteHalf<Box<dyn Stream>>,
    ids: RequestIds,
}

/// What comes from the proxy server.
struct Incoming {
    receiver: Receiver<ReadHalf<Box<dyn Stream>>>,
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
        let incoming = Incoming {
            receiver: Receiver::new(read),
            reassigned: VecDeque::new(),
            unconfirmed: VecDeque::new(),
        };
        Ok(ProxyClient { incoming, write, ids: RequestIds::default() })
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
                let envelope = self.incoming.receive().await?;
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
            if let Some(connection) = self.incoming.reassigned.pop_front() {
                return Ok(connection);
            }
            self.incoming.receive().await?;
        }
    }

    /// Confirms what the proxy server has said unasked. Not to be dropped before it is done, as in a
    /// `select!`: half a message would be sent.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(crate) async fn confirm(&mut self) -> Result<(), Error> {
        while let Some(id) = self.incoming.unconfirmed.pop_front() {
            send(&mut self.write, &Envelope { id, message: Message::Ok }).await?;
        }
        Ok(())
    }

    /// Finds out what the uplink to the proxy server carries, in bits a second; `None`: it could not be found out. Not to be
    /// dropped before it is done.
    ///
    /// # Errors
    /// As [`ask`](ProxyClient::ask); [`Error::Refused`] when it was not even begun.
    pub(crate) async fn test_uplink(&mut self) -> Result<Option<u64>, Error> {
        let ProxyClient { incoming, write, ids } = self;
        let (test, answered) = (RefCell::new(UplinkTest::default()), Notify::new());
        let (began, first) = (Instant::now(), Cell::new(None));
        let sending = async {
            while test.borrow().goes_on(began.elapsed()) {
                if !test.borrow().may_send(began.elapsed()) {
                    answered.notified().await;
                    continue;
                }
                let id = ids.next_id();
                first.set(first.get().or(Some(id)));
                test.borrow_mut().sent();
                send(write, &Envelope { id, message: Message::UplinkTest(PIECE) }).await?;
            }
            Ok::<_, Error>(())
        };
        let receiving = async {
            let mut refusal = None;
            while !test.borrow().is_over(began.elapsed()) {
                let Envelope { id, message } = incoming.receive().await?;
                let is_ours = first.get().is_some_and(|first| id >= first);
                match message {
                    Message::Ok if is_ours => test.borrow_mut().answered(began.elapsed()),
                    Message::Error(report) if is_ours => {
                        test.borrow_mut().stop();
                        refusal = Some(report);
                    }
                    _ => continue,
                }
                answered.notify_one();
            }
            Ok::<_, Error>(refusal)
        };
        let both = async { tokio::try_join!(sending, receiving) };
        let Ok(ended) = timeout(TEST, both).await else {
            return Err(Error::Lost("a test of the uplink took too long".into()));
        };
        let ((), refusal) = ended?;
        let found = test.borrow().result();
        match refusal {
            Some(report) if found.is_none() => Err(Error::Refused(report)),
            _ => Ok(found),
        }
    }
}

impl Incoming {
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
