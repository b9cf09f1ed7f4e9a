//! RTCP (RFC 3550 §6, feedback of RFC 4585): read tolerantly, written by the book.
//!
//! [`parse`] walks over a compound packet without allocation and takes what real clients send:
//! a single packet instead of a compound one (reduced size, RFC 5506), types that it does not
//! know, rubbish behind the last packet, the 8-byte receiver report by which FFmpeg opens the way
//! through a NAT.
//!
//! What is written begins with a report and names the sender, as RFC 3550 §6.1 wants it.

mod build;
mod compound;
mod error;
pub mod ntp;
mod report;

#[cfg(test)]
mod tests;

pub use build::{Feedback, bye, feedback, receiver_report, sender_report};
pub use compound::{Compound, Lost, Names, Packet, Packets, Reports, Sources, asks, parse};
pub use error::Error;
pub use report::{ReportBlock, SenderReport};
