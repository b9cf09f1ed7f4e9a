//! Whom a rule lets in.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Whom a rule lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everyone, without a password.
    All,
    /// Everyone on this machine.
    Local,
    /// Every user, and whoever the hook lets in, or has a token or a ticket.
    Users,
    /// Whoever has a ticket of the proxy server: nodes of a tree.
    Nodes,
    /// These users, and whoever the hook lets in, or has a token or a ticket.
    Named(BTreeSet<String>),
    /// Nobody.
    None,
}

impl Who {
    /// Whether somebody with this (proven) name is let in.
    pub(super) fn includes(&self, user: &str) -> bool {
        match self {
            Who::All | Who::Users => true,
            Who::Named(users) => users.contains(user),
            Who::Local | Who::Nodes | Who::None => false,
        }
    }
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Who, String> {
        Ok(match text.trim() {
            "all" => Who::All,
            "local" => Who::Local,
            "users" => Who::Users,
            "nodes" => Who::Nodes,
            "none" => Who::None,
            names => {
                let names = names.split(',').map(|name| name.trim().to_owned());
                let names: BTreeSet<String> = names.collect();
                match names.iter().find(|name| is_reserved(name)) {
                    Some(name) if name.is_empty() => {
                        return Err(
                            "it names nobody: write all, local, users, nodes, none or names \
                                    of users with commas between them"
                                .into(),
                        );
                    }
                    Some(name) => {
                        return Err(format!("{name:?} stands alone, without other names"));
                    }
                    None => Who::Named(names),
                }
            }
        })
    }
}

/// Whether no user can be called so.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, "" | "all" | "local" | "users" | "nodes" | "none")
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::All => f.write_str("all"),
            Who::Local => f.write_str("local"),
            Who::Users => f.write_str("users"),
            Who::Nodes => f.write_str("nodes"),
            Who::None => f.write_str("none"),
            Who::Named(names) => {
                f.write_str(&names.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_as_written() {
        for text in ["all", "local", "users", "nodes", "none", "alice", "alice,bob"] {
            assert_eq!(text.parse::<Who>().unwrap().to_string(), text);
        }
        assert_eq!(" bob , alice ".parse::<Who>().unwrap().to_string(), "alice,bob");
        for text in ["", ",", "alice,", "alice,all"] {
            assert!(text.parse::<Who>().is_err(), "{text}");
        }
    }
}
