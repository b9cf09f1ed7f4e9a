//! The thread that joins protocol, relay and sockets.
