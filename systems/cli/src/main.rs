//! The `rillcast` program. All of it is in the library beside, where the fuzz targets can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    rillcast_cli::run()
}
