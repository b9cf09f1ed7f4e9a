//! Randomness from the operating system.

/// 16 bytes that nobody can guess, for session identifiers.
///
/// # Errors
///
/// What `getrandom(2)` says; it does not fail on kernels since 3.17.
pub(super) fn seed() -> std::io::Result<[u8; 16]> {
    let mut bytes = [0u8; 16];
    // SAFETY: the pointer and the length are those of `bytes`, which is writable and outlives the
    // call; the kernel writes nothing beyond the length.
    let written = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    // Up to 256 bytes are never cut short once the pool is initialised.
    if usize::try_from(written) == Ok(bytes.len()) {
        Ok(bytes)
    } else {
        Err(std::io::Error::last_os_error())
    }
}
