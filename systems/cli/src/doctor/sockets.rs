//! How much the kernel grants a socket.

use super::check::Check;

/// A limit, what is wanted of it, and what happens below.
struct Limit {
    name: &'static str,
    file: &'static str,
    wanted: u64,
    consequence: &'static str,
}

const LIMITS: [Limit; 3] = [
    Limit {
        name: "receive buffers",
        file: "rmem_max",
        wanted: 4 << 20,
        consequence: "bursts of packets are lost on arrival",
    },
    Limit {
        name: "send buffers",
        file: "wmem_max",
        wanted: 4 << 20,
        consequence: "bursts of packets are refused when sent",
    },
    Limit {
        name: "connections that wait to be accepted",
        file: "somaxconn",
        wanted: 1024,
        consequence: "viewers that come at once wait a second and more",
    },
];

/// Judges the files of `/proc/sys/net/core`, which `read` gives by name.
pub(super) fn checks(read: impl Fn(&str) -> Option<String>) -> Vec<Check> {
    LIMITS.iter().map(|limit| check(limit, read(limit.file).as_deref())).collect()
}

fn check(limit: &Limit, value: Option<&str>) -> Check {
    let Limit { name, file, wanted, consequence } = limit;
    let mend = format!(
        "sysctl -w net.core.{file}={wanted} (to keep it: echo net.core.{file}={wanted} >> /etc/sysctl.d/60-rillcast.conf)"
    );
    match value.map(str::parse::<u64>) {
        Some(Ok(value)) if value >= *wanted => {
            Check::ok(name, format!("net.core.{file} is {value}"))
        }
        Some(Ok(value)) => {
            let found = format!("net.core.{file} is {value}, below {wanted}: {consequence}");
            Check::slow(name, found, mend)
        }
        // In a network namespace of its own a container does not see these.
        Some(Err(_)) | None => {
            Check::missing(name, format!("net.core.{file} cannot be read here"), mend).not_needed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(value: Option<&str>) -> Vec<String> {
        let checks = checks(|_| value.map(str::to_owned));
        checks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn small_limits_are_slow_and_named() {
        let small = lines(Some("212"));
        assert!(small.iter().all(|line| line.starts_with("slow")), "{small:?}");
        assert!(small[0].contains("sysctl -w net.core.rmem_max=4194304"), "{small:?}");
        assert!(lines(Some("4194304")).iter().all(|line| line.starts_with("ok")));
        let unknown = lines(None);
        assert!(unknown.iter().all(|line| line.starts_with("missing")), "{unknown:?}");
        assert!(lines(Some("x")).iter().all(|line| line.contains("not needed")));
    }
}
