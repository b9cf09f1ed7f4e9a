//! Where a node serves others, as far as it is believed.

use std::net::{IpAddr, SocketAddr};

use crate::uscp::{ErrorCode, ErrorReport, ServicePoint};

/// Host and port for URLs. A node is believed its port, and its host only when that is where it comes
/// from, or when it runs on this machine: else it could send others wherever it likes.
///
/// # Errors
/// What the node is told.
pub(super) fn believed(
    service: &ServicePoint,
    peer: SocketAddr,
) -> Result<(String, u16), ErrorReport> {
    let refused = |code, text: String| ErrorReport::new(code, text);
    let from = peer.ip().to_canonical();
    let host = match &service.host {
        None => from,
        Some(host) => {
            let host: IpAddr = host.parse().map_err(|_| {
                refused(ErrorCode::BadRequest, "the host is no IP address".to_owned())
            })?;
            if host != from && !from.is_loopback() {
                let text = format!("you come from {from} and cannot serve at {host}");
                return Err(refused(ErrorCode::Forbidden, text));
            }
            host
        }
    };
    if host.is_unspecified() || host.is_multicast() || service.port == 0 {
        let text = format!("nobody can be served at {host}, port {}", service.port);
        return Err(refused(ErrorCode::BadRequest, text));
    }
    let host = match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    };
    Ok((host, service.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_it_comes_from() {
        let at = |host: Option<&str>, port, peer: &str| {
            let service = ServicePoint { host: host.map(str::to_owned), port };
            believed(&service, SocketAddr::new(peer.parse().unwrap(), 4000))
        };
        assert_eq!(at(None, 8554, "10.0.0.5"), Ok(("10.0.0.5".into(), 8554)));
        assert_eq!(at(None, 8554, "::ffff:10.0.0.5"), Ok(("10.0.0.5".into(), 8554)));
        assert_eq!(at(None, 8554, "2001:db8::1"), Ok(("[2001:db8::1]".into(), 8554)));
        assert_eq!(at(Some("10.0.0.5"), 1, "10.0.0.5"), Ok(("10.0.0.5".into(), 1)));
        assert_eq!(at(Some("10.0.0.5"), 1, "127.0.0.1"), Ok(("10.0.0.5".into(), 1)));
        let code = |result: Result<_, ErrorReport>| result.unwrap_err().code;
        assert_eq!(code(at(Some("192.0.2.1"), 80, "10.0.0.5")), ErrorCode::Forbidden);
        assert_eq!(code(at(Some("victim/?x"), 80, "127.0.0.1")), ErrorCode::BadRequest);
        assert_eq!(code(at(Some("0.0.0.0"), 80, "127.0.0.1")), ErrorCode::BadRequest);
        assert_eq!(code(at(None, 0, "10.0.0.5")), ErrorCode::BadRequest);
    }
}
