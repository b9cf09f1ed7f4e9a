//! Where the figures are served.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::settings::DEFAULT_HTTP;
use crate::config::HttpAddress;
use crate::failure::Failure;
use crate::http::{HttpServer, Site};
use crate::output::Output;

/// What became of it.
pub(super) enum Figures {
    /// They are served.
    Served(HttpServer),
    /// Nobody wants them.
    Off,
    /// Nobody said where, and the usual address is taken.
    Taken,
}

/// Serves the figures where the options say.
///
/// # Errors
/// When they say where, and it cannot be there.
pub(super) fn start(wanted: Option<HttpAddress>, site: Site) -> Result<Figures, Failure> {
    let address = match wanted {
        Some(HttpAddress::Nowhere) => return Ok(Figures::Off),
        Some(HttpAddress::At(address)) => address,
        None => DEFAULT_HTTP,
    };
    match HttpServer::start(address, site) {
        Ok(server) => Ok(Figures::Served(server)),
        Err(error) if wanted.is_none() && error.kind() == ErrorKind::AddrInUse => {
            Ok(Figures::Taken)
        }
        Err(error) => Err(Failure::runtime(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "cannot serve figures at {address}: another program listens there already (--http {} \
                 picks a free port, --http off serves none)",
                SocketAddr::new(address.ip(), 0)
            ),
            _ => format!("cannot serve figures at {address}: {error}"),
        })),
    }
}

impl Figures {
    /// Their URL.
    pub(super) fn url(&self) -> Option<String> {
        match self {
            Figures::Served(server) => Some(format!("http://{}/", server.address())),
            Figures::Off | Figures::Taken => None,
        }
    }

    /// Says what the user may want to change.
    pub(super) fn warn(&self, output: Output) {
        match self {
            Figures::Served(server) if !server.address().ip().is_loopback() => {
                output.warning(
                    "who reaches the figures' address learns which streams there are and where they \
                     come from; nobody is asked for a password there",
                );
            }
            Figures::Taken => output.warning(format!(
                "figures are not served: another program listens at {DEFAULT_HTTP} already (--http \
                 127.0.0.1:0 picks a free port, --http off keeps this quiet)"
            )),
            Figures::Served(_) | Figures::Off => {}
        }
    }
}
