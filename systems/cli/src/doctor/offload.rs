//! Segmentation offload (GSO) and receive offload (GRO) of UDP, tried on a socket.

use std::io;
use std::net::SocketAddr;

use rillcast::io::{Gso, Io as _, Mmsg, UdpOptions};

use super::check::Check;

const KERNEL: &str = "boot a kernel of 5.0 or newer";

/// Binds a socket on loopback as the engine does, and tells what it was granted.
pub(super) fn checks() -> Vec<Check> {
    match probe() {
        Ok((gso, gro)) => vec![judge_gso(&gso), judge_gro(gro)],
        Err(error) => vec![Check::missing(
            "UDP",
            format!("a socket cannot be had: {error}"),
            "ip link set lo up",
        )],
    }
}

fn probe() -> io::Result<(Gso, bool)> {
    let mut sockets = Mmsg::new()?;
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = sockets.bind_udp(here, &UdpOptions::default())?;
    Ok((sockets.gso(), socket.gro))
}

fn judge_gso(gso: &Gso) -> Check {
    match gso {
        Gso::Off(_) => Check::slow("segmentation offload (GSO)", gso.to_string(), KERNEL),
        Gso::On => Check::ok("segmentation offload (GSO)", gso.to_string()),
    }
}

fn judge_gro(on: bool) -> Check {
    const NAME: &str = "receive offload (GRO)";
    if on {
        Check::ok(NAME, "on")
    } else {
        Check::slow(NAME, "the kernel does not have it", KERNEL)
    }
}
