//! Documents on a byte stream: four bytes of length, big-endian, before each.

use super::{Envelope, Error, MAX_MESSAGE};

/// Bytes before a document.
const LENGTH: usize = 4;

/// A message as it goes over the connection.
///
/// # Errors
/// As [`Envelope::document`].
pub fn frame(envelope: &Envelope) -> Result<Vec<u8>, Error> {
    let document = envelope.document()?;
    // The document is no longer than MAX_MESSAGE.
    let length = u32::try_from(document.len()).map_err(|_| Error::TooLong(document.len()))?;
    let mut bytes = Vec::with_capacity(LENGTH + document.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(document.as_bytes());
    Ok(bytes)
}

/// Cuts a byte stream into documents. Holds at most one that is not complete, and what came with it in
/// one push.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    bytes: Vec<u8>,
    /// So many of them were given out.
    taken: usize,
}

impl FrameDecoder {
    /// Takes in what came from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken.min(self.bytes.len()));
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next document, when it is complete. To be called until it gives `None`.
    ///
    /// # Errors
    /// [`Error::TooLong`] as soon as the length says so. The stream cannot be understood any further
    /// then: it has to be closed.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let waiting = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((length, rest)) = waiting.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Err(Error::TooLong(length));
        }
        let Some(document) = rest.get(..length) else { return Ok(None) };
        let document = document.to_vec();
        self.taken += LENGTH + length;
        Ok(Some(document))
    }

    /// Whether part of a message is waiting for the rest.
    pub fn is_within_message(&self) -> bool {
        self.taken < self.bytes.len()
    }
}
