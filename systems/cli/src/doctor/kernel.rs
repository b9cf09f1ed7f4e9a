//! The kernel's version.

use super::check::Check;

const NAME: &str = "kernel";
/// UDP receive offload (GRO) is the newest thing that sending and receiving are built on.
const WANTED: (u32, u32) = (5, 0);
/// Segmentation offload (GSO).
const LEAST: (u32, u32) = (4, 18);
const MEND: &str =
    "apt-get install --only-upgrade linux-image-amd64 (or your distribution's), then reboot";

/// Judges `/proc/sys/kernel/osrelease`.
pub(super) fn check(release: Option<&str>) -> Check {
    let Some(release) = release else {
        return Check::missing(NAME, "its version cannot be read", "mount -t proc proc /proc");
    };
    match version(release) {
        Some(version) if version >= WANTED => Check::ok(NAME, release),
        Some(version) if version >= LEAST => {
            Check::slow(NAME, format!("{release} is older than 5.0: no UDP receive offload"), MEND)
        }
        Some(_) => {
            Check::slow(NAME, format!("{release} is older than 4.18: no UDP offloads at all"), MEND)
        }
        None => Check::slow(NAME, format!("{release} is no version that is known here"), MEND),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (release, begins) in [
            ("6.1.0-18-amd64", "ok"),
            ("5.0.0", "ok"),
            ("10.0", "ok"),
            ("4.19.0-6", "slow"),
            ("3.10.0-1160.el7", "slow"),
            ("next-20260101", "slow"),
        ] {
            let text = check(Some(release)).to_string();
            assert!(text.starts_with(begins), "{text}");
        }
        assert!(check(None).to_string().starts_with("missing"));
    }
}
