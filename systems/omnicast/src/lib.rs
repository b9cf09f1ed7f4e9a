//! OmniCast264 on the relay engine: a broadcast tree of peer nodes, placed by a proxy server.
//!
//! The system is that of the paper "OmniCast264: P2P-based H.264 live streaming". An *encoding server*
//! feeds a *streaming server*; *nodes* take the stream from it and hand it on to further nodes; a *proxy
//! server* knows every node, lets in whom it knows, and tells each from which *server node* to take the
//! stream. The folders are the paper's layers.
//!
//! | module | what is there | in the paper |
//! |---|---|---|
//! | [`node`] | the node | §3.4 |
//! | [`password`] | Argon2id hashes of passwords | §3.3.3 |
//! | [`proxy`] | the proxy server | §3.3 |
//! | [`ticket`] | the proxy's signed word that a node may take a stream | an extension |
//! | [`uscp`] | the User Session Control Protocol that nodes and the proxy speak | §3.3.1, table 1 |

#![forbid(unsafe_code)]

pub mod node;
pub mod password;
pub mod proxy;
pub mod ticket;
pub mod uscp;

mod bucket;
mod node_id;
mod wire;

pub use node_id::NodeId;
