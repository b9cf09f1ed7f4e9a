//! The limit of open files.

/// Raises it as far as the kernel lets: each connection is one, and so is each socket of a publisher
/// over UDP. Usually 1,024 of 500,000 are allowed at first, for programs that use select(2).
pub(crate) fn raise_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
