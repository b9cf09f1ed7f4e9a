//! The configuration file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::CommandFactory as _;
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::Options;
use crate::failure::Failure;

/// Largest file that is read.
const MAX_SIZE: u64 = 1 << 20;

/// The number of a line, and what is wrong there.
pub(super) type Wrong = (usize, String);

/// Reads a configuration file.
///
/// # Errors
/// When it cannot be read, is no TOML, or says what cannot be meant: with the line.
pub(crate) fn read(file: &Path) -> Result<Options, Failure> {
    parse(&text_of(file)?)
        .map_err(|(line, why)| Failure::usage(format!("{} line {line}: {why}", file.display())))
}

/// The text of a configuration file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn text_of(file: &Path) -> Result<String, Failure> {
    let wrong =
        |why: String| Failure::usage(format!("--config: cannot use {}: {why}", file.display()));
    let size = fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_SIZE {
        return Err(wrong("it is too large for a configuration file".into()));
    }
    fs::read_to_string(file).map_err(|error| wrong(error.to_string()))
}

/// Reads the text of a configuration file. An error is the number of a line and what is wrong there.
pub(crate) fn parse(text: &str) -> Result<Options, Wrong> {
    let (known, table) = (keys(), table(text)?);
    for key in table.get_ref().keys() {
        let name: &str = key.get_ref();
        if !known.iter().any(|known| known == name) {
            return Err((line(text, key.span().start), unknown(name, &known, "serve")));
        }
    }
    Options::deserialize(Deserializer::from(table)).map_err(|error| wrong(text, &error))
}

/// The outermost table, whose keys know where they stand.
pub(super) fn table(text: &str) -> Result<Spanned<DeTable<'_>>, Wrong> {
    DeTable::parse(text).map_err(|error| wrong(text, &error))
}

/// The line in which a byte stands.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

fn wrong(text: &str, error: &toml::de::Error) -> Wrong {
    let at = error.span().map_or(0, |span| span.start);
    (line(text, at), error.message().replace('\n', " "))
}

/// The names of all options of `serve`.
pub(super) fn keys() -> Vec<String> {
    let command = crate::args::Args::command();
    command.find_subcommand("serve").map(names).unwrap_or_default()
}

/// The names of the options of a subcommand that a file may hold.
pub(super) fn names(command: &clap::Command) -> Vec<String> {
    let names = command.get_arguments().filter_map(|argument| argument.get_long());
    names
        .filter(|name| !["config", "print-config", "help", "json"].contains(name))
        .map(str::to_owned)
        .collect()
}

/// The subcommand has no such option.
pub(super) fn unknown(name: &str, known: &[String], command: &str) -> String {
    let mistakes = |key: &str| strsim::damerau_levenshtein(name, key);
    let nearest = known.iter().min_by_key(|key| (mistakes(key), key.len().abs_diff(name.len())));
    // One mistake in three letters.
    match nearest.filter(|key| mistakes(key) * 3 <= key.len()) {
        Some(key) => format!("there is no option `{name}`; did you mean `{key}`?"),
        None => format!(
            "there is no option `{name}`; `rillcast {command} --print-config` shows those there are"
        ),
    }
}

/// A file that is read again when it changes.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    seen: Option<State>,
    /// What the last look found.
    latest: Option<State>,
}

/// When it was written, and its length.
type State = (SystemTime, u64);

impl Watched {
    /// Watches a file that has just been read.
    pub(crate) fn new(path: PathBuf) -> Watched {
        let seen = state(&path);
        Watched { path, seen, latest: seen }
    }

    /// Its name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has changed, and is the same as when this was last asked: half a file must not
    /// count. One that is away is being replaced.
    pub(crate) fn has_changed(&mut self) -> bool {
        let now = state(&self.path);
        let rests = now == std::mem::replace(&mut self.latest, now);
        let changed = rests && now.is_some() && now != self.seen;
        if changed {
            self.seen = now;
        }
        changed
    }
}

fn state(path: &Path) -> Option<State> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, line, words) in [
            ("rstp = '127.0.0.1:1'", 1, "did you mean `rtsp`?"),
            ("\n\nallow_publish = {}", 3, "did you mean `allow-publish`?"),
            ("realm = 'x'\nzzz = 1", 2, "there is no option `zzz`"),
            ("realm = 'x'\n[users]\na = 'plain:x'", 2, "did you mean `user`?"),
            ("rtsp = 'nonsense'", 1, "socket address"),
            ("realm = 'x'\nrealm = 'y'", 2, "duplicate key"),
            ("\nrealm = ", 2, ""),
            ("realm = 7", 1, "string"),
            ("[user]\nalice = 'tulip'", 1, "alice: a secret begins with"),
            ("session-timeout = 0", 1, "0 is not from 1 to 86400"),
            ("[allow-play]\n'*' = ''", 1, "it names nobody"),
            ("auth-hook = 'ftp://x'", 1, "is no http"),
            ("[pull]\ncam = 'http://x'", 1, "rtsp://"),
        ] {
            let (at, why) = parse(text).unwrap_err();
            assert_eq!((at, why.contains(words)), (line, true), "{text}: {at}: {why}");
            assert!(!why.contains('\n'), "{why}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_or_taken_but_never_fatal(
            pieces in prop::collection::vec(prop_oneof![
                prop::sample::select(vec![
                    "rtsp", "user", "pull", "allow-play", "session-timeout", "=", "[", "]", "\n",
                    "'", "\"", "*", "{", "}", "1", "plain:x", "127.0.0.1:1", "all", "-", ".", "\\u",
                ]).prop_map(str::to_owned),
                ".{0,3}",
            ], 0..30)
        ) {
            if let Err((line, why)) = parse(&pieces.concat()) {
                prop_assert!(line >= 1 && !why.is_empty());
            }
        }
    }
}
