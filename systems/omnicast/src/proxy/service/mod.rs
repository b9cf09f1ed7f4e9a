//! What the proxy server does (section 3.3.3): the paper's four services.

pub mod authentication;
pub(crate) mod connections;
pub(crate) mod responses;
pub(crate) mod sharing;
pub mod topology;
