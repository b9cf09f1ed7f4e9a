//! Names of sockets, and what happens to them.

/// A socket of an [`Io`](super::Io). Never used for a second one: after
/// [`close`](super::Io::close) it is stale, and operations on it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    /// A token for backends to give out. `generation` tells apart the sockets that had the same
    /// index one after the other.
    pub fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// Where the backend keeps the socket.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Which of the sockets that had this index is meant.
    pub fn generation(self) -> u32 {
        self.generation
    }

    /// Both numbers as one, to be carried through the kernel.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The token that [`to_u64`](Self::to_u64) made the number of.
    pub fn from_u64(value: u64) -> Self {
        Self { index: value as u32, generation: (value >> 32) as u32 }
    }
}

/// A socket that is ready. [`super`] says exactly what each flag means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The socket.
    pub token: Token,
    /// There is something to read or to accept, or the end of the stream.
    pub readable: bool,
    /// A connection takes bytes again, or the attempt to connect has ended.
    pub writable: bool,
    /// The peer sends no more, or the connection is broken.
    pub closed: bool,
}
