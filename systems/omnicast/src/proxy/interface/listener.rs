//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rillcast::engine::rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::admission::{Admission, Place};
use crate::wire::Stream;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long nothing is accepted when the system has no more descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// How many connections there may be at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In all.
    pub(crate) connections: usize,
    /// Of one address, or of one IPv6 network (/64).
    pub(crate) per_address: usize,
}

/// Where nodes connect.
pub(crate) struct Listener {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    admission: Arc<Admission>,
}

/// A connection that was accepted, whose handshake may still be to come.
pub(crate) struct Accepted {
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    place: Place,
}

impl Listener {
    /// Listens at an address; over TLS if it is told how.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        limits: Limits,
    ) -> io::Result<Listener> {
        Ok(Listener {
            listener: TcpListener::bind(address).await?,
            tls: tls.map(TlsAcceptor::from),
            admission: Admission::new(limits.connections, limits.per_address),
        })
    }

    /// The address in use.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection; `None`: there was no room for it, and it was closed.
    pub(crate) async fn accept(&self) -> Option<Accepted> {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let place = self.admission.enter(peer.ip())?;
                    return Some(Accepted { peer, stream, tls: self.tls.clone(), place });
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }
}

impl Accepted {
    /// Hands the connection to `serve` when the handshake is done, and keeps its place until then.
    pub(crate) async fn with<F: Future<Output = ()>>(
        self,
        serve: impl FnOnce(Box<dyn Stream>) -> F,
    ) {
        let Accepted { peer, stream, tls, place } = self;
        // Messages are small, and each is waited for.
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(stream),
            Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                Ok(Ok(stream)) => Box::new(stream),
                Ok(Err(error)) => return tracing::debug!("{peer}: no TLS: {error}"),
                Err(_) => return tracing::debug!("{peer}: the TLS handshake took too long"),
            },
        };
        serve(stream).await;
        drop(place);
    }
}
