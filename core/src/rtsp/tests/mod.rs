//! Tests of the codec, and of the two sessions against each other and against what real clients
//! send.

mod codec;
mod conversation;
pub(super) mod harness;
mod hostile;
mod oracle;
mod transcripts;
mod values;
