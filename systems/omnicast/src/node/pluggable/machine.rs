//! What of this machine is free, as Linux tells it in `/proc`.

use std::fs;
use std::thread;

/// What of a machine is free; `None` where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    /// Processors that have nothing to do, over the last minute.
    pub idle_cpus: Option<f64>,
    /// The same as a part of all processors, in percent.
    pub idle_percent: Option<u8>,
    /// Bytes that can be had without swapping.
    pub free_memory: Option<u64>,
}

impl Machine {
    /// Looks at this machine. Elsewhere than on Linux nothing is known.
    pub fn look() -> Machine {
        let cpus = thread::available_parallelism().map_or(1, usize::from) as f64;
        let load = fs::read_to_string("/proc/loadavg").ok().and_then(|text| load(&text));
        let memory = fs::read_to_string("/proc/meminfo").ok();
        let idle_cpus = load.map(|load| (cpus - load).clamp(0.0, cpus));
        Machine {
            idle_cpus,
            // From 0 to 100.
            idle_percent: idle_cpus.map(|idle| (idle * 100.0 / cpus) as u8),
            free_memory: memory.and_then(|text| available(&text)),
        }
    }
}

/// The processes that run or wait for a processor, in the mean of the last minute (`proc_loadavg(5)`).
fn load(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// `MemAvailable` in bytes (`proc_meminfo(5)`).
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells() {
        assert_eq!(load("1.86 1.80 1.75 3/412 8115\n"), Some(1.86));
        let text = "MemTotal:        8000000 kB\nMemAvailable:    1234 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(1234 * 1024));
        assert_eq!((load(""), available("MemAvailable: much")), (None, None));
    }
}
