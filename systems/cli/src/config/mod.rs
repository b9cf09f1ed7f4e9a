//! Configuration: the options of `rillcast serve`, from the command line and from a TOML file.
//!
//! There is one struct, [`Options`]: every option is a flag, and under the same name a key of the
//! file. Flags win; an option that holds several things (`--user`, `--pull` …) is put together from
//! both. `serve` reads its file again when that changes, and so needs the two apart; `proxy` and `node` do not,
//! and their files are put behind the command line (`flags`). Each prints its options as such a file.

mod file;
mod flags;
pub(crate) mod keyed;
mod options;
mod print;
mod values;

#[cfg(fuzzing)]
pub(crate) use file::parse;
pub(crate) use file::{Watched, read};
pub(crate) use flags::{file_arguments, print_if_asked, with_file};
pub(crate) use options::{Options, backends};
pub(crate) use print::print;
pub(crate) use values::{HttpAddress, RtspUrl, StreamPath, TicketKey};
