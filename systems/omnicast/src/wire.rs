//! USCP over a byte stream: what the interface layers of proxy and node have in common.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::uscp::{self, Envelope, FrameDecoder, frame};

/// How long the rest of a message may take that has begun.
const REST: Duration = Duration::from_secs(10);
/// How long the other side may take to take in a message.
const TAKE_IN: Duration = Duration::from_secs(10);
/// Requests of the proxy server that may be without an answer; of more the oldest are forgotten.
pub(crate) const UNANSWERED: usize = 64;
/// Bytes read at once.
const CHUNK: usize = 4096;

/// Why no further message comes, or none can be sent.
#[derive(Debug)]
pub(crate) enum Error {
    /// The connection failed.
    Io(io::Error),
    /// It was silent for so long.
    Silent(Duration),
    /// A message was begun and not finished, or not taken in.
    Slow,
    /// What comes is no USCP, or what was to be sent cannot be.
    Uscp(uscp::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => error.fmt(f),
            Error::Silent(time) => write!(f, "nothing was heard for {} s", time.as_secs()),
            Error::Slow => f.write_str("a message took too long to pass"),
            Error::Uscp(error) => error.fmt(f),
        }
    }
}

/// A connection, be it by TLS or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Takes documents out of a connection.
#[derive(Debug)]
pub(crate) struct Receiver<R> {
    stream: R,
    decoder: FrameDecoder,
    /// When the message that has begun has to be there.
    due: Option<Instant>,
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    pub(crate) fn new(stream: R) -> Receiver<R> {
        Receiver { stream, decoder: FrameDecoder::default(), due: None }
    }

    /// The next document; `None` at the end of the connection. May be dropped at any time without loss.
    ///
    /// # Errors
    /// What [`Error`] says; `patience` is how long there may be silence after `heard`. The connection is
    /// of no further use then.
    pub(crate) async fn next(
        &mut self,
        heard: Instant,
        patience: Duration,
    ) -> Result<Option<Vec<u8>>, Error> {
        let silent_until = heard + patience;
        loop {
            if let Some(document) = self.decoder.next_frame().map_err(Error::Uscp)? {
                self.due = None;
                return Ok(Some(document));
            }
            let until = match (self.decoder.is_within_message(), self.due) {
                (true, Some(due)) => due,
                (true, None) => *self.due.insert(Instant::now() + REST),
                (false, _) => silent_until,
            };
            let mut chunk = [0; CHUNK];
            match timeout_at(until, self.stream.read(&mut chunk)).await {
                Ok(Ok(0)) => return Ok(None),
                Ok(Ok(length)) => self.decoder.push(chunk.get(..length).unwrap_or_default()),
                Ok(Err(error)) => return Err(Error::Io(error)),
                Err(_) if self.due.is_some() => return Err(Error::Slow),
                Err(_) => return Err(Error::Silent(patience)),
            }
        }
    }
}

/// Sends a message.
///
/// # Errors
/// What [`Error`] says. The connection is of no further use then.
pub(crate) async fn send<W: AsyncWrite + Unpin>(
    stream: &mut W,
    envelope: &Envelope,
) -> Result<(), Error> {
    let bytes = frame(envelope).map_err(Error::Uscp)?;
    let sending = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    match timeout_at(Instant::now() + TAKE_IN, sending).await {
        Ok(result) => result.map_err(Error::Io),
        Err(_) => Err(Error::Slow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uscp::Message;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn messages_pass() {
        let (mut near, far) = tokio::io::duplex(8);
        let envelope = Envelope { id: 3, message: Message::Keepalive };
        let sending = tokio::spawn(async move {
            for _ in 0..3 {
                send(&mut near, &envelope).await.unwrap();
            }
        });
        let mut receiver = Receiver::new(far);
        for _ in 0..3 {
            let document = receiver.next(Instant::now(), HOUR).await.unwrap().unwrap();
            assert_eq!(Envelope::parse(&document).unwrap().id, 3);
        }
        assert!(receiver.next(Instant::now(), HOUR).await.unwrap().is_none());
        sending.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_silent_or_slow_is_given_up() {
        let (mut near, far) = tokio::io::duplex(64);
        let mut receiver = Receiver::new(far);
        let heard = Instant::now() - REST;
        assert!(matches!(receiver.next(heard, REST * 3).await, Err(Error::Silent(_))));
        assert_eq!(heard.elapsed(), REST * 3);
        near.write_all(&[0, 0, 0, 9, b'<']).await.unwrap();
        let began = Instant::now();
        assert!(matches!(receiver.next(Instant::now(), HOUR).await, Err(Error::Slow)));
        assert_eq!(began.elapsed(), REST);
        // Nobody reads what is sent to `near`.
        let envelope = Envelope { id: 3, message: Message::Keepalive };
        assert!(matches!(send(&mut near, &envelope).await, Err(Error::Slow)));
    }
}
