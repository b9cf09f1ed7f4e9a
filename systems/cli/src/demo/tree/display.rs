//! The live table: drawn over itself on a terminal. Elsewhere it is printed when all nodes are there, and
//! at the end; as JSON once a second.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::rows::{Row, Rows};
use crate::output::Output;

/// Time between two states.
const PERIOD: Duration = Duration::from_secs(1);

/// The display.
pub(super) struct Display {
    output: Output,
    terminal: bool,
    /// Lines that stand there to be drawn over.
    drawn: usize,
    due: Instant,
}

/// One state of all nodes.
#[derive(Serialize)]
struct State<'a> {
    event: &'static str,
    shape: &'static str,
    nodes: &'a [Row],
}

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8} {:>4}  {:<18} {:>8} {:>6} {:>6} {:>11}",
            "", "hops", "takes it from", "frames/s", "lost", "twice", "latency"
        )?;
        for row in self.nodes {
            let Row { node, hops, from, frames, lost, twice, latency_ms, killed } = row;
            if *killed {
                write!(f, "\n{node:<8} {:>4}  killed", "")?;
                continue;
            }
            let latency = latency_ms.map_or_else(String::new, |ms| format!("{ms:.1} ms"));
            write!(
                f,
                "\n{node:<8} {hops:>4}  {from:<18} {frames:>8} {lost:>6} {twice:>6} {latency:>11}"
            )?;
        }
        Ok(())
    }
}

/// A sentence between two states.
#[derive(Serialize)]
struct Said<'a> {
    event: &'static str,
    text: &'a str,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Display {
    /// For standard output as it is.
    pub(super) fn new(output: Output) -> Display {
        let terminal = !output.is_json() && std::io::stdout().is_terminal();
        Display { output, terminal, drawn: 0, due: Instant::now() }
    }

    /// Prints a sentence; the table is drawn anew below it.
    pub(super) fn say(&mut self, text: &str) {
        self.output.line(&Said { event: "note", text });
        self.drawn = 0;
        self.due = Instant::now() + PERIOD;
    }

    /// Shows a new state, when it is time for one; as text elsewhere than on a terminal only the `last`.
    pub(super) fn show(&mut self, shape: &'static str, rows: &Rows, last: bool) {
        let state = State { event: "tree", shape, nodes: rows.all() };
        if !self.terminal {
            let is_due = match self.output.is_json() {
                true => Instant::now() >= self.due,
                false => last,
            };
            if is_due {
                self.due = Instant::now() + PERIOD;
                self.output.line(&state);
            }
            return;
        }
        let mut text = String::new();
        if self.drawn > 0 {
            // Up to the table's first line; each line is then written over and cleared to its end.
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in state.to_string().lines() {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        self.drawn = rows.all().len() + 1;
        let mut out = std::io::stdout().lock();
        // A terminal that has gone away is no reason to stop.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
