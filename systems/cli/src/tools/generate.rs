//! Completions for shells, and manual pages, made from the command line's own description.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::Output;

/// Print the completions of a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Write the manual pages into a folder
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints completions.
pub(crate) fn completions(args: CompletionsArgs, output: Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    let mut command = crate::args::Args::command();
    clap_complete::generate(args.shell, &mut command, "rillcast", &mut script);
    output.text(&String::from_utf8_lossy(&script));
    Ok(())
}

/// Writes manual pages.
pub(crate) fn man(args: ManArgs) -> Result<(), Failure> {
    let folder = args.folder;
    std::fs::create_dir_all(&folder)
        .and_then(|()| clap_mangen::generate_to(crate::args::Args::command(), &folder))
        .map_err(|error| Failure::runtime(format!("cannot write to {}: {error}", folder.display())))
}
