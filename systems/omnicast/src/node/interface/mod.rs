//! How a node reaches its proxy server: the USCP client (section 3.4.1).

mod client;

pub(crate) use client::{Error, ProxyClient};
