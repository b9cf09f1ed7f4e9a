//! One line of the result.

use std::fmt;

use serde::Serialize;

/// How well it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, but costs more than it has to, or loses packets under load.
    Slow,
    /// It is not there, or cannot be looked at.
    Missing,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Slow => "slow",
            State::Missing => "missing",
        }
    }
}

/// What was looked at, what was found, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    event: &'static str,
    name: &'static str,
    state: State,
    /// A sentence for people.
    found: String,
    /// The command, or line of a file, that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
    /// Whether this program does worse without it.
    needed: bool,
}

impl Check {
    /// As it should be.
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check {
            event: "check",
            name,
            state: State::Ok,
            found: found.into(),
            mend: None,
            needed: true,
        }
    }

    /// Slow, and what mends it.
    pub(super) fn slow(
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Check {
        Check { state: State::Slow, mend: Some(mend.into()), ..Check::ok(name, found) }
    }

    /// Missing, and what mends it.
    pub(super) fn missing(
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Check {
        Check { state: State::Missing, mend: Some(mend.into()), ..Check::ok(name, found) }
    }

    /// The same, but nothing here is worse off without it.
    pub(super) fn not_needed(self) -> Check {
        Check { needed: false, ..self }
    }

    #[cfg(test)]
    pub(super) fn is_ok(&self) -> bool {
        self.state == State::Ok
    }

    #[cfg(test)]
    pub(super) fn mends_itself(&self) -> bool {
        self.mend.as_ref().is_some_and(|mend| !mend.is_empty())
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check { name, state, found, mend, needed, .. } = self;
        write!(f, "{:<8} {name}: {found}", state.name())?;
        if *state != State::Ok && !needed {
            f.write_str(" (not needed)")?;
        }
        match mend {
            Some(mend) => write!(f, "\n         mend it: {mend}"),
            None => Ok(()),
        }
    }
}

/// How many lines there were of each kind; those that are not needed count as ok.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Summary {
    event: &'static str,
    ok: usize,
    slow: usize,
    missing: usize,
}

impl Summary {
    /// Of no lines yet.
    pub(super) fn new() -> Summary {
        Summary { event: "summary", ok: 0, slow: 0, missing: 0 }
    }

    /// Counts a line.
    pub(super) fn count(&mut self, check: &Check) {
        match check.state {
            State::Slow if check.needed => self.slow += 1,
            State::Missing if check.needed => self.missing += 1,
            State::Ok | State::Slow | State::Missing => self.ok += 1,
        }
    }

    /// Lines that want mending.
    pub(super) fn wanting(self) -> usize {
        self.slow + self.missing
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ok, {} slow, {} missing", self.ok, self.slow, self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_and_one_for_programs() {
        let check = Check::slow("receive buffers", "212992 bytes", "sysctl -w x=y");
        let text = check.to_string();
        assert_eq!(text, "slow     receive buffers: 212992 bytes\n         mend it: sysctl -w x=y");
        let json = serde_json::to_value(&check).unwrap();
        assert_eq!((&json["state"], &json["mend"]), (&"slow".into(), &"sysctl -w x=y".into()));
        assert!(serde_json::to_value(Check::ok("x", "y")).unwrap().get("mend").is_none());
    }

    #[test]
    fn what_is_not_needed_does_not_count() {
        let mut summary = Summary::new();
        summary.count(&Check::ok("a", "b"));
        summary.count(&Check::missing("a", "b", "c").not_needed());
        assert_eq!(summary.wanting(), 0);
        summary.count(&Check::missing("a", "b", "c"));
        summary.count(&Check::slow("a", "b", "c"));
        assert_eq!(
            (summary.wanting(), summary.to_string().as_str()),
            (2, "2 ok, 1 slow, 1 missing")
        );
    }
}
