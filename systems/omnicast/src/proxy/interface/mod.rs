//! How nodes reach the proxy server: USCP over TCP, or over TLS (section 3.3.1).

mod admission;
mod listener;

pub(crate) use listener::{Limits, Listener};
