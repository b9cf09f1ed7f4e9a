//! How much of a description is taken.

/// The most bytes a description may have.
pub const MAX_SIZE: usize = 64 * 1024;

/// The most bytes one line may have.
pub const MAX_LINE: usize = 16 * 1024;

/// The most media (`m=` lines) a description may have.
pub const MAX_MEDIA: usize = 32;

/// The most attributes (`a=` lines) the session, or one media, may have.
pub const MAX_ATTRIBUTES: usize = 256;

/// The most payload types one media may have.
pub const MAX_FORMATS: usize = 32;
