//! How many children a node can serve: the paper's *performance calculation* (sections 3.4.2 and 4.3.1).

use super::Machine;

/// What one child takes of the uplink, in bits a second, of a stream of `bitrate` bits a second, video and
/// audio together: 5 % more for the headers, and of that 25 % more for the peaks of a variable rate.
///
/// The paper's stream of 364 kbit/s takes 477,750 bit/s. (From this it reckons 21 children for an uplink of
/// 100 Mbit/s; by the same rule it is 209.)
pub fn uplink_of_child(bitrate: u64) -> u64 {
    // 1.05 × 1.25 = 21 / 16, rounded up.
    bitrate.saturating_mul(21).div_ceil(16)
}

/// Processor time for a packet to a child, in nanoseconds: the most that was measured of a relay.
const PACKET_NS: u64 = 5_500;
/// Bits of payload in a packet.
const PACKET_BITS: u64 = 1_200 * 8;
/// Memory for a child, in bytes: its connection, and a send buffer.
const CHILD_MEMORY: u64 = 256 * 1024;

/// How many children a node can serve: as many as its uplink carries (bits a second), and half of its
/// idle processors and free memory beside the `served` that it serves now, which have taken their part of these.
/// What is not known of the machine sets no limit.
pub fn children(uplink: u64, bitrate: u64, machine: &Machine, served: u32) -> u32 {
    let bitrate = bitrate.max(1);
    let by_uplink = uplink / uplink_of_child(bitrate);
    let by_cpu = machine.idle_cpus.map_or(u64::MAX, |idle| {
        let packets = bitrate.div_ceil(PACKET_BITS);
        // A float that is negative or too large is brought to the nearest number by the cast.
        (idle / 2.0 * 1e9) as u64 / packets.saturating_mul(PACKET_NS)
    });
    let by_memory = machine.free_memory.map_or(u64::MAX, |free| free / 2 / CHILD_MEMORY);
    let by_machine = by_cpu.min(by_memory).saturating_add(served.into());
    u32::try_from(by_uplink.min(by_machine)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITRATE: u64 = 364_000;

    #[test]
    fn the_example_of_the_paper() {
        assert_eq!(uplink_of_child(BITRATE), 477_750);
        assert_eq!(children(100_000_000, BITRATE, &Machine::default(), 0), 209);
        assert_eq!(children(477_749, BITRATE, &Machine::default(), 0), 0);
    }

    #[test]
    fn the_scarcest_decides() {
        let machine = |idle_cpus, free_memory| Machine {
            idle_cpus: Some(idle_cpus),
            free_memory: Some(free_memory),
            idle_percent: None,
        };
        assert_eq!(children(u64::MAX, BITRATE, &machine(4.0, 4 << 20), 0), 8);
        assert_eq!(children(u64::MAX, BITRATE, &machine(0.01, 1 << 40), 0), 23);
        assert_eq!(children(u64::MAX, BITRATE, &machine(0.0, 1 << 40), 0), 0);
        assert_eq!(children(u64::MAX, BITRATE, &machine(0.0, 1 << 40), 5), 5);
        assert_eq!(children(1_000_000, BITRATE, &machine(4.0, 1 << 40), 5), 2);
    }

    #[test]
    fn nonsense_is_borne() {
        assert_eq!(children(0, 0, &Machine::default(), 0), 0);
        assert_eq!(
            children(u64::MAX, u64::MAX, &Machine::default(), 0),
            15,
            "of a rate that saturates"
        );
    }
}
