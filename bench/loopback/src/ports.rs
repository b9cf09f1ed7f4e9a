//! Ports for plain RTP.

use std::net::UdpSocket;

use super::{Error, doing};

/// An even UDP port of 127.0.0.1, free at this moment together with the one above it.
///
/// # Errors
///
/// When none is found.
pub fn free_pair() -> Result<u16, Error> {
    for _ in 0..64 {
        let rtp = UdpSocket::bind(("127.0.0.1", 0)).map_err(doing("bind a port"))?;
        let port = rtp.local_addr().map_err(doing("bind a port"))?.port();
        if port.is_multiple_of(2) && UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Other("no pair of ports is free"))
}
