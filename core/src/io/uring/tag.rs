//! What a completion is of.

use crate::io::Token;

/// Names an operation; the kernel carries it to the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// A socket was polled for input.
    Read(Token),
    /// A socket was polled for room.
    Write(Token),
    /// Datagrams of a socket.
    Receive(Token),
    /// A message of the batch that is being sent.
    Send(u32),
    /// The waker's eventfd was polled.
    Wake,
    /// Something whose end nobody waits for.
    Other,
}

/// Where the kind begins: tokens have the 63 bits below in [`Token::to_u64`], of which the table
/// uses fewer in practice: a generation is told apart from the last 2^28 of the same slot.
const KIND: u32 = 60;
const VALUE: u64 = (1 << KIND) - 1;

impl Tag {
    pub(super) fn to_u64(self) -> u64 {
        let (kind, value) = match self {
            Self::Read(token) => (1, token.to_u64()),
            Self::Write(token) => (2, token.to_u64()),
            Self::Receive(token) => (3, token.to_u64()),
            Self::Send(index) => (4, index.into()),
            Self::Wake => (5, 0),
            Self::Other => (0, 0),
        };
        kind << KIND | value & VALUE
    }

    /// The tag of a number. Tokens lack the upper bits of their generation: compare by
    /// [`is`](Self::is).
    pub(super) fn from_u64(number: u64) -> Self {
        let value = number & VALUE;
        match number >> KIND {
            1 => Self::Read(Token::from_u64(value)),
            2 => Self::Write(Token::from_u64(value)),
            3 => Self::Receive(Token::from_u64(value)),
            4 => Self::Send(value as u32),
            5 => Self::Wake,
            _ => Self::Other,
        }
    }

    /// Whether the token of a tag is that of a socket.
    pub(super) fn is(token: Token, socket: Token) -> bool {
        (token.to_u64() ^ socket.to_u64()) & VALUE == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_survives_the_kernel() {
        let token = Token::new(u32::MAX, (1 << 28) - 1);
        for tag in [
            Tag::Read(token),
            Tag::Write(token),
            Tag::Receive(token),
            Tag::Send(255),
            Tag::Wake,
            Tag::Other,
        ] {
            assert_eq!(Tag::from_u64(tag.to_u64()), tag);
        }
        let old = Token::new(3, u32::MAX >> 1);
        let Tag::Read(carried) = Tag::from_u64(Tag::Read(old).to_u64()) else { panic!() };
        assert!(Tag::is(carried, old) && !Tag::is(carried, Token::new(3, 7)));
    }
}
