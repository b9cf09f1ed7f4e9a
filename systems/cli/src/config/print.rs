//! `--print-config`: options as a configuration file.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::Options;

/// The configuration of `rillcast serve` as a file that says the same.
pub(crate) fn print(options: &Options) -> String {
    let values = toml::Table::try_from(options).unwrap_or_default();
    let command = crate::args::Args::command();
    let Some(serve) = command.find_subcommand("serve") else { return String::new() };
    write(serve, &super::file::keys(), |argument| values.get(argument.get_long()?).cloned())
}

/// Whether an option holds several things under names.
pub(super) fn is_keyed(argument: &Arg) -> bool {
    let named = argument.get_value_names().and_then(|names| names.first());
    named.is_some_and(|name| name.contains('='))
}

/// These options of a subcommand as a file, every one explained. Those without a value stand behind a `#`.
pub(super) fn write(
    command: &Command,
    names: &[String],
    value: impl Fn(&Arg) -> Option<toml::Value>,
) -> String {
    let (mut plain, mut tables) = (String::new(), String::new());
    for name in names {
        let Some(argument) = command.get_arguments().find(|a| a.get_long() == Some(name)) else {
            continue;
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let keyed = is_keyed(argument);
        let text = if keyed { &mut tables } else { &mut plain };
        // Writing to a String does not fail.
        for line in folded(&help) {
            let _ = writeln!(text, "# {line}");
        }
        let example = argument.get_value_names().and_then(|names| names.first());
        let example = example.map(|name| name.as_str()).unwrap_or("true");
        let _ = match value(argument) {
            Some(toml::Value::Table(table)) => {
                let mut lines = format!("[{name}]\n");
                for (key, value) in table {
                    let _ = writeln!(lines, "{} = {value}", quoted(&key));
                }
                writeln!(text, "{lines}")
            }
            Some(value) => writeln!(text, "{name} = {value}\n"),
            None if keyed => {
                let (key, value) = example.split_once('=').unwrap_or((example, ""));
                writeln!(text, "#[{name}]\n#\"{key}\" = \"{value}\"\n")
            }
            None => writeln!(text, "#{name} = {example}\n"),
        };
    }
    plain + &tables
}

/// A key as TOML has it.
fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) {
        return key.to_owned();
    }
    toml::Value::from(key).to_string()
}

/// A text in lines that fit a terminal.
fn folded(text: &str) -> Vec<String> {
    const WIDTH: usize = 98;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::file::{keys, parse};
    use super::*;

    /// Every option there is, set.
    const ALL: &str = include_str!("all.toml");

    #[test]
    fn what_is_printed_says_the_same() {
        for text in ["", ALL] {
            let options = parse(text).unwrap();
            let printed = print(&options);
            assert_eq!(parse(&printed).unwrap(), options, "{printed}");
        }
    }

    #[test]
    fn every_option_is_printed_and_can_be_set() {
        let all = parse(ALL).unwrap();
        let printed = print(&all);
        for key in keys() {
            let set =
                |line: &str| line.starts_with(&format!("{key} = ")) || line == format!("[{key}]");
            assert!(printed.lines().any(set), "all.toml does not set {key}, or it is not printed");
        }
    }

    #[test]
    fn flags_win_and_the_file_fills_up() {
        let all = parse(ALL).unwrap();
        assert_eq!(Options::default().or(all.clone()), all);
        assert_eq!(all.clone().or(Options::default()), all);
        let other = "rtsp = '0.0.0.0:1'\n[user]\nalice = 'plain:other'\nzoe = 'plain:z'";
        let merged = parse(other).unwrap().or(all.clone());
        assert_eq!(merged.rtsp, parse(other).unwrap().rtsp);
        assert_eq!(merged.realm, all.realm);
        assert_eq!(merged.user.len(), all.user.len() + 1);
        let alice = |options: &Options| {
            options.user.iter().find(|(name, _)| name == "alice").map(|(_, s)| s.to_string())
        };
        assert_eq!(alice(&merged).as_deref(), Some("plain:other"));
    }

    /// docs/configuration.md names every option and no other, and its examples are taken.
    #[test]
    fn the_documentation_is_true() {
        let text = include_str!("../../../../docs/configuration.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let rows: Vec<&str> = rows.map(|(name, _)| name).collect();
        for key in keys() {
            assert!(rows.contains(&key.as_str()), "docs/configuration.md says nothing of {key}");
        }
        let options = text.split("## Options").nth(1).and_then(|text| text.split("## ").next());
        let rows = options.unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        for name in rows.filter_map(|row| row.split('`').next()) {
            assert!(keys().iter().any(|key| key == name), "there is no option {name}");
        }
        let mut examples = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next());
        let example = parse(examples.next().flatten().unwrap()).unwrap();
        let secret = rillcast::engine::access::Secret::hash("alice", "rillcast", "tulip", true);
        assert_eq!(example.user[0].1.to_string(), secret.to_string());
        for example in examples {
            assert!(parse(example.unwrap()).is_ok());
        }
        // Defaults that have a value are those that the program uses.
        let defaults = print(&crate::serve::with_defaults(Options::default()));
        for line in defaults.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.split_once(" = ") else { continue };
            let value = value.trim_matches('"');
            let row = text.lines().find(|line| line.starts_with(&format!("| `{name}`")));
            assert!(row.is_some_and(|row| row.contains(&format!("| `{value}` |"))), "{name}");
        }
    }
}
