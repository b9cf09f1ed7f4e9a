//! What a load balancer in the kernel needs.

use super::check::Check;
use super::machine::{Machine, Said};

/// Looks for IPVS and nftables. Neither is needed to relay; both serve to share viewers out over
/// several servers.
pub(super) fn checks(machine: &Machine) -> Vec<Check> {
    vec![
        ipvs(machine.has("proc/net/ip_vs")).not_needed(),
        nftables(&machine.output("nft", &["--version"])).not_needed(),
    ]
}

fn ipvs(loaded: bool) -> Check {
    if loaded {
        Check::ok("IPVS", "loaded")
    } else {
        Check::missing("IPVS", "not loaded; only a load balancer wants it", "modprobe ip_vs")
    }
}

fn nftables(version: &Said) -> Check {
    match version {
        Said::Text(version) => Check::ok("nftables", version.trim()),
        Said::Refused | Said::NoProgram => Check::missing(
            "nftables",
            "nft is not installed; only a load balancer wants it",
            "apt-get install nftables",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_named_with_their_command() {
        assert!(ipvs(true).is_ok() && ipvs(false).to_string().contains("modprobe ip_vs"));
        assert!(nftables(&Said::Text("nftables v1.0.6\n".into())).is_ok());
        assert!(nftables(&Said::NoProgram).to_string().contains("apt-get install nftables"));
    }
}
