//! What is printed on standard output: sentences for people, or JSON lines for programs.

use std::fmt::{self, Display};
use std::io::{self, Write};

use serde::Serialize;

/// Standard output in the form asked for by `--json`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Sentences, or with `json` one JSON object a line.
    pub(crate) fn new(json: bool) -> Output {
        Output { json }
    }

    /// Whether JSON lines were asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints one event or result: its `Display` text, or itself as one JSON line.
    ///
    /// A reader that has gone away (`| head`) is not an error: the work goes on unseen.
    pub(crate) fn line<T: Display + Serialize>(self, item: &T) {
        let mut out = io::stdout().lock();
        let _ = self.write(&mut out, item).and_then(|()| out.flush());
    }

    /// Prints something that the user may want to mend: a `warning`.
    pub(crate) fn warning(self, text: impl Into<String>) {
        self.line(&Warning { event: "warning", text: text.into() });
    }

    /// Prints a text as it is, in either form: a file in the making.
    pub(crate) fn text(self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn write<T: Display + Serialize>(self, out: &mut impl Write, item: &T) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, item)?;
            out.write_all(b"\n")
        } else {
            writeln!(out, "{}", printable(&item.to_string()))
        }
    }
}

/// A text without what a terminal would obey instead of showing: it may be a stranger's.
fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// See [`Output::warning`].
#[derive(Serialize)]
struct Warning {
    event: &'static str,
    text: String,
}

impl Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning: {}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_does_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}\nc ü"), "a\u{fffd}[2Jb\u{fffd}\nc ü");
    }

    #[derive(Serialize)]
    struct Item {
        frames: u64,
    }

    impl Display for Item {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} frames", self.frames)
        }
    }

    #[test]
    fn one_line_in_either_form() {
        for (json, expected) in [(false, "7 frames\n"), (true, "{\"frames\":7}\n")] {
            let mut text = Vec::new();
            Output::new(json).write(&mut text, &Item { frames: 7 }).unwrap();
            assert_eq!(text, expected.as_bytes());
        }
    }
}
