//! The I/O backend, and its segmentation offload (GSO) and receive offload (GRO) of UDP, tried on a socket.

use std::net::SocketAddr;

use rillcast::io::{self, Backend, Gso, UdpOptions};

use super::check::Check;

const KERNEL: &str = "boot a kernel of 5.0 or newer";

/// Binds a socket on loopback as the engine does, and tells what it was granted.
pub(super) fn checks() -> Vec<Check> {
    match probe() {
        Ok(Found { backend, gso, gro }) => vec![backend, judge_gso(&gso), judge_gro(gro)],
        Err(error) => vec![Check::missing(
            "UDP",
            format!("a socket cannot be had: {error}"),
            "ip link set lo up",
        )],
    }
}

struct Found {
    backend: Check,
    gso: Gso,
    gro: bool,
}

fn probe() -> std::io::Result<Found> {
    let mut opened = io::open(Backend::Auto)?;
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = opened.io.bind_udp(here, &UdpOptions::default())?;
    let backend = judge_backend(opened.io.name(), &opened.reason);
    Ok(Found { backend, gso: opened.io.gso(), gro: socket.gro })
}

fn judge_backend(name: &str, reason: &str) -> Check {
    const NAME: &str = "I/O backend";
    let found = format!("{name}: {reason}");
    if name == Backend::Mio.name() {
        Check::slow(NAME, found, KERNEL)
    } else {
        Check::ok(NAME, found)
    }
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
