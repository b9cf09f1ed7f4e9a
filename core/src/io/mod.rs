//! Sockets behind one trait.
