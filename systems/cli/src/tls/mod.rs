//! TLS: the server's certificate, and whom a client trusts.

mod client;
mod server;

use std::sync::Arc;

pub(crate) use client::Trust;
pub(crate) use server::{Certificate, server_config};

use rillcast::engine::rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The one library that all cryptography is done by.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
