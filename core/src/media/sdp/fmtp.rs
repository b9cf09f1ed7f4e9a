//! Format parameters (`a=fmtp`).

use std::fmt;

/// The parameters of a payload type, as `name=value` pairs divided by semicolons.
///
/// The text is kept as it came, so that formats with a grammar of their own (`0-15` of telephone
/// events) pass through; only [`set`](Fmtp::set) rewrites it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fmtp {
    text: String,
}

impl Fmtp {
    /// From the text behind the payload type.
    pub fn new(text: &str) -> Fmtp {
        Fmtp { text: text.trim().to_owned() }
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Name and value of each parameter, without the spaces around them; the value is `None` when
    /// there is no `=`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.text.split(';').map(str::trim).filter(|parameter| !parameter.is_empty()).map(
            |parameter| match parameter.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (parameter, None),
            },
        )
    }

    /// The value of the first parameter of this name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?.1
    }

    /// The value as a number in decimal digits.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.get(name)?.parse().ok()
    }

    /// Gives a parameter a value: in its place when it is there, else at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        let mut found = false;
        let mut parts: Vec<String> = Vec::new();
        for (existing, old) in self.iter() {
            let is_it = existing.eq_ignore_ascii_case(name);
            match (is_it, old) {
                (true, _) if found => {}
                (true, _) => parts.push(format!("{existing}={value}")),
                (false, Some(old)) => parts.push(format!("{existing}={old}")),
                (false, None) => parts.push(existing.to_owned()),
            }
            found |= is_it;
        }
        if !found {
            parts.push(format!("{name}={value}"));
        }
        self.text = parts.join(";");
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        let parts: Vec<String> = self
            .iter()
            .filter(|(existing, _)| !existing.eq_ignore_ascii_case(name))
            .map(|(existing, value)| match value {
                Some(value) => format!("{existing}={value}"),
                None => existing.to_owned(),
            })
            .collect();
        self.text = parts.join(";");
    }

    /// Adds the parameters of a further `fmtp` line of the same payload type.
    pub(super) fn append(&mut self, text: &str) {
        let text = text.trim();
        if !self.text.is_empty() && !text.is_empty() {
            if !self.text.ends_with(';') {
                self.text.push(';');
            }
            self.text.push(' ');
        }
        self.text.push_str(text);
    }
}

impl fmt::Display for Fmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
