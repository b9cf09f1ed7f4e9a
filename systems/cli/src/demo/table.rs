//! The live table: drawn over itself on a terminal, one line after another elsewhere.

use std::io::{IsTerminal, Write};

use super::progress::{Line, Rates};
use crate::output::Output;

/// Lines that the table takes on a terminal.
const HEIGHT: usize = 5;

/// The display.
pub(crate) struct Table {
    output: Output,
    terminal: bool,
    drawn: bool,
}

impl Table {
    /// For standard output as it is.
    pub(crate) fn new(output: Output) -> Table {
        let terminal = !output.is_json() && std::io::stdout().is_terminal();
        Table { output, terminal, drawn: false }
    }

    /// Shows a new state.
    pub(crate) fn show(&mut self, line: &Line) {
        if !self.terminal {
            return self.output.line(line);
        }
        let rows = [
            Rates::head(),
            line.udp.row("UDP"),
            line.tcp.row("TCP"),
            format!(
                "relay thread: {:.0} % of one processor      {:.0} s",
                line.relay_cpu_percent, line.seconds
            ),
            String::new(),
        ];
        let mut text = String::new();
        if self.drawn {
            // Up to the table's first line; each line is then written over and cleared to its end.
            text.push_str(&format!("\x1b[{HEIGHT}A"));
        }
        for row in &rows {
            text.push_str(row);
            text.push_str("\x1b[K\n");
        }
        self.drawn = true;
        let mut out = std::io::stdout().lock();
        // A terminal that has gone away is no reason to stop.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints a warning, with the table drawn anew below it.
    pub(crate) fn warning(&mut self, text: String) {
        self.output.warning(text);
        self.drawn = false;
    }

    /// Leaves the last state standing.
    pub(crate) fn finish(&mut self) {
        self.drawn = false;
    }
}
