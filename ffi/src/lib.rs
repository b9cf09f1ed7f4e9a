//! The C ABI of the Rillcast relay engine: `librillcast` and `include/rillcast.h`.
//!
//! What the API promises is said in `rillcast.h` (generated from this crate by cbindgen) and in
//! `docs/c-api.md`. How it is kept:
//!
//! * a handle is a number in a pointer's clothes ([`handle`]): it is looked up, never followed, so a
//!   freed or foreign one is an error and not a crash; without a lock where that is done for each frame ([`slot`]);
//! * every function goes through [`boundary::guard`], which turns errors and panics into a status and
//!   a text for the calling thread;
//! * what comes from C is checked in [`args`]: NULL, alignment, length, `struct_size`, UTF-8;
//! * outputs are claimed before anything is done and written only on success ([`args::Out`]).
#![allow(non_camel_case_types, reason = "the types are named as C has them")]
#![allow(
    clippy::missing_safety_doc,
    rustdoc::broken_intra_doc_links,
    rustdoc::private_intra_doc_links,
    reason = "the docs of functions are those of the header: brackets are C's there, and what a caller \
              has to see to is said once for all"
)]

mod access;
mod args;
mod bench;
mod boundary;
mod child;
mod config;
mod engine;
mod event;
mod eventfd;
mod failure;
mod figures;
mod frame;
mod handle;
mod histogram;
mod log;
mod reader;
mod signals;
mod slot;
mod source;
mod status;
mod stream;
mod track;
mod version;

pub use access::*;
pub use bench::*;
pub use child::*;
pub use config::*;
pub use engine::*;
pub use event::*;
pub use figures::*;
pub use frame::*;
pub use histogram::*;
pub use log::*;
pub use reader::*;
pub use source::*;
pub use status::*;
pub use stream::*;
pub use track::*;
pub use version::*;
