//! Open files: each connection is one.

use super::check::Check;

const NAME: &str = "open files";
/// The default of `--max-connections`, and room for the sockets of publishers.
const WANTED: u64 = 10_000 + 1_000;

/// The hard limit of this process; `None` when the system does not say. Up to it the server raises
/// its own.
pub(super) fn open_files() -> Option<u64> {
    rlimit::Resource::NOFILE.get_hard().ok()
}

/// Judges the hard limit.
pub(super) fn check(hard: Option<u64>) -> Check {
    let mend = format!(
        "ulimit -Hn {WANTED} as root in the shell that starts it, or LimitNOFILE={WANTED} in the [Service] of its unit"
    );
    match hard {
        Some(hard) if hard >= WANTED => Check::ok(NAME, format!("up to {}", Amount(hard))),
        Some(hard) => {
            let found = format!("up to {hard}: not enough for 10,000 connections");
            Check::slow(NAME, found, mend)
        }
        None => Check::missing(NAME, "the limit cannot be read", mend),
    }
}

struct Amount(u64);

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == u64::MAX { f.write_str("any number") } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_slow() {
        assert!(check(Some(524_288)).is_ok() && check(Some(u64::MAX)).is_ok());
        let text = check(Some(1024)).to_string();
        assert!(text.starts_with("slow") && text.contains("LimitNOFILE=11000"), "{text}");
        assert!(check(None).mends_itself());
    }
}
