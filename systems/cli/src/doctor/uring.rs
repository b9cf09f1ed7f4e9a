//! io_uring.

use std::io;

use super::check::Check;

const NAME: &str = "io_uring";

/// Opens the backend and closes it.
///
/// # Errors
/// What is not there or not allowed.
pub(super) fn probe() -> io::Result<()> {
    rillcast::io::Uring::new().map(drop)
}

/// Judges the attempt, and `/proc/sys/kernel/io_uring_disabled`. The program uses it only when told to
/// (`serve --backend uring`).
pub(super) fn check(refused: Option<&io::Error>, disabled: Option<&str>) -> Check {
    let Some(error) = refused else { return Check::ok(NAME, "there, for serve --backend uring") };
    let check = match (error.kind(), disabled) {
        (_, Some("1" | "2")) => {
            Check::missing(NAME, "turned off", "sysctl -w kernel.io_uring_disabled=0")
        }
        (io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput, _) => Check::missing(
            NAME,
            "the kernel does not have it, or not all of it",
            "boot a kernel of 6.1 or newer, built with CONFIG_IO_URING=y",
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
            (io::ErrorKind::InvalidInput, Some("0"), "not all of it"),
        ] {
            let text = check(Some(&kind.into()), disabled).to_string();
            assert!(text.contains(cause) && text.contains("not needed"), "{text}");
        }
    }
}
