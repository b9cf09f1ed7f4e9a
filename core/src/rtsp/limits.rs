//! How much of a message is taken before it is refused.

/// Longest request or status line, in bytes without the line end. Beyond it: 414.
pub const MAX_START_LINE: usize = 4096;
/// Longest header line before unfolding, in bytes without the line end. Beyond it: 400.
pub const MAX_HEADER_LINE: usize = 4096;
/// Most header fields in a message. Beyond it: 400.
pub const MAX_HEADERS: usize = 64;
/// Largest start line and header fields together, in bytes. Beyond it: 413.
pub const MAX_HEAD: usize = 16 * 1024;
/// Largest body, in bytes. Beyond it: 413.
pub const MAX_BODY: usize = 64 * 1024;
/// Most tracks of one session (RFC 2326 sets none; the `$` framing has 256 channels).
pub const MAX_TRACKS: usize = 32;
