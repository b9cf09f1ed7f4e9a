//! The proxy server: knows every node, and says to each from whom to take the stream.
//!
//! | module | layer of the paper |
//! |---|---|
//! | [`pluggable`] | module pluggable (section 3.3.2) |

pub mod pluggable;
