//! The proxy server's modules that can be exchanged for others (section 3.3.2).

pub mod directory;
pub mod topology;
