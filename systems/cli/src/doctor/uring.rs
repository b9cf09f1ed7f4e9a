//! io_uring.

use std::io;

use super::check::Check;

const NAME: &str = "io_uring";

/// Opens a ring and closes it.
///
/// # Errors
/// What the kernel says instead.
pub(super) fn probe() -> io::Result<()> {
    io_uring::IoUring::new(2).map(drop)
}

/// Judges the attempt, and `/proc/sys/kernel/io_uring_disabled`. The program sends by `sendmmsg` so far;
/// a ring is for programs beside it and versions to come.
pub(super) fn check(refused: Option<&io::Error>, disabled: Option<&str>) -> Check {
    let Some(error) = refused else { return Check::ok(NAME, "there, though not used yet") };
    let check = match (error.kind(), disabled) {
        (_, Some("1" | "2")) => {
            Check::missing(NAME, "turned off", "sysctl -w kernel.io_uring_disabled=0")
        }
        (io::ErrorKind::Unsupported, _) => Check::missing(
            NAME,
            "the kernel does not have it",
            "boot a kernel of 5.11 or newer, built with CONFIG_IO_URING=y",
        ),
        _ => Check::missing(
            NAME,
            format!("not allowed: {error}"),
            "in a container: docker run --security-opt seccomp=unconfined",
        ),
    };
    check.not_needed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told() {
        assert!(check(None, Some("0")).is_ok());
        for (kind, disabled, cause) in [
            (io::ErrorKind::PermissionDenied, Some("2"), "turned off"),
            (io::ErrorKind::PermissionDenied, Some("0"), "not allowed"),
            (io::ErrorKind::PermissionDenied, None, "not allowed"),
            (io::ErrorKind::Unsupported, None, "does not have it"),
        ] {
            let text = check(Some(&kind.into()), disabled).to_string();
            assert!(text.contains(cause) && text.contains("not needed"), "{text}");
        }
    }
}
